import DNSWire
import LocalFiles

/// Any octets as a file of local names, of the kind that the first octet says: what comes of it is the same however the
/// file is cut into pieces, records are whole, and each mistake names a line of the file.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzLocalFiles(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer gives the count of the octets at start.
  let octets = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  guard octets.count > 1, let kind = octets.first else { return 0 }
  let text = octets[1...]
  let whole = read(kind, text, pieces: text.count)
  precondition(whole == read(kind, text, pieces: Int(octets[1]) + 1), "pieces make a difference")
  let lines = text.count { $0 == UInt8(ascii: "\n") } + 1
  for event in whole {
    switch event {
    case .record(let record): check(record, lines: lines)
    case .mistake(let mistake):
      precondition((1...lines).contains(mistake.line) && !mistake.text.isEmpty, "\(mistake)")
    case .ignored: break
    }
  }
  return 0
}

/// A record has a name in small letters and data of its type.
func check(_ record: LocalFileRecord, lines: Int) {
  precondition((1...lines).contains(record.line))
  guard let name = try? Name(wire: record.name) else { preconditionFailure("no name") }
  precondition(name.lowercased.wire == record.name, "capitals in \(name)")
  precondition(record.data.count <= 65_535)
  // As text it is data of that type still.
  let data = RDataText.text(type: record.type, rdata: record.data)
  precondition((try? RDataText.parse(type: record.type, text: data)) == record.data, data)
}

/// What comes of a file that is read in pieces.
func read(_ kind: UInt8, _ text: ArraySlice<UInt8>, pieces: Int) -> [LocalFileEvent] {
  var reader = LineReader()
  var file = FileOfNames(kind)
  var events: [LocalFileEvent] = []
  var position = text.startIndex
  while position < text.endIndex {
    let end = min(position + pieces, text.endIndex)
    reader.append(text[position..<end])
    while let line = reader.next() { events += file.read(line, number: reader.number) }
    position = end
  }
  reader.finish()
  while let line = reader.next() { events += file.read(line, number: reader.number) }
  return events + file.finish()
}

/// A file of one of the kinds.
enum FileOfNames {
  case hosts(HostsFile)
  case zone(ZoneFile)
  case leases(LeaseFile, LeaseTable)

  init(_ kind: UInt8) {
    let domain = try? Name("home.arpa")
    switch kind {
    case UInt8(ascii: "h"): self = .hosts(HostsFile(domain: domain))
    case UInt8(ascii: "H"): self = .hosts(HostsFile(domain: nil))
    case UInt8(ascii: "z"): self = .zone(ZoneFile(zone: domain ?? .root, ttl: 60))
    case UInt8(ascii: "r"): self = .zone(ZoneFile(recordsIn: domain, ttl: 60))
    case UInt8(ascii: "R"): self = .zone(ZoneFile(recordsIn: nil, ttl: 60))
    default: self = .leases(LeaseFile(), LeaseTable())
    }
  }

  mutating func read(_ line: LineReader.Line, number: Int) -> [LocalFileEvent] {
    guard case .whole(let octets, let isEnded) = line else { return [.mistake(.tooLong(number))] }
    switch self {
    case .hosts(let file): return file.read(octets, number: number)
    case .zone(var file):
      defer { self = .zone(file) }
      return file.read(octets, number: number)
    case .leases(var file, var table):
      defer { self = .leases(file, table) }
      return file.read(octets, number: number, isEnded: isEnded).compactMap { event in
        switch event {
        case .lease(let lease):
          table.take(lease)
          return nil
        case .mistake(let mistake): return .mistake(mistake)
        }
      }
    }
  }

  mutating func finish() -> [LocalFileEvent] {
    switch self {
    case .hosts: return []
    case .zone(var file): return file.finish()
    case .leases(_, var table):
      var events: [LocalFileEvent] = []
      while let outcome = table.next(domain: try? Name("home.arpa"), now: 1_763_000_000) {
        if case .records(let records) = outcome { events += records }
      }
      return events
    }
  }
}
