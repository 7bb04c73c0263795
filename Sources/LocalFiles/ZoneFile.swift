import DNSWire

/// Reads the lines of a zone file.
public struct ZoneFile: Sendable {
  private var reader: ZoneFileReader
  /// The zone that the file is for: what isn't in it is a mistake; nothing for records of anywhere.
  private let zone: Name?
  private var entry: [UInt8] = []
  private var entryLine = 0
  private var parentheses = 0
  private var isQuoted = false

  /// Octets of an entry over several lines at most.
  static let longestEntry = 65_536

  /// - Parameters:
  ///   - zone: the zone that the file is for, and what its names are relative to.
  ///   - ttl: seconds for records that have no TTL.
  public init(zone: Name, ttl: UInt32) {
    self.zone = zone
    reader = ZoneFileReader(origin: zone, ttl: ttl)
  }

  /// Begins a list of records of any domain.
  ///
  /// - Parameter domain: what their names are relative to.
  public init(recordsIn domain: Name?, ttl: UInt32) {
    zone = nil
    reader = ZoneFileReader(origin: domain, ttl: ttl)
  }

  /// What a line says; nothing as long as parentheses are open.
  public mutating func read(_ line: [UInt8], number: Int) -> [LocalFileEvent] {
    if entry.isEmpty { entryLine = number }
    scan(line)
    entry += line
    // Quotes end with their line; only parentheses lead over several.
    guard parentheses <= 0 || isQuoted || entry.count > ZoneFile.longestEntry else {
      entry.append(UInt8(ascii: "\n"))
      return []
    }
    return end()
  }

  /// What is left at the end of the file.
  public mutating func finish() -> [LocalFileEvent] { entry.isEmpty ? [] : end() }

  private mutating func end() -> [LocalFileEvent] {
    defer {
      entry = []
      parentheses = 0
      isQuoted = false
    }
    guard parentheses == 0, !isQuoted else {
      return [mistake("a parenthesis or a quote is not closed")]
    }
    do throws(ZoneFileError) {
      guard let record = try reader.read(entry) else { return [] }
      if let fault = fault(record) { return [mistake(fault)] }
      return [.record(LocalFileRecord(record, line: entryLine))] + derived(record)
    } catch {
      return [mistake("\(error)")]
    }
  }

  private func mistake(_ text: String) -> LocalFileEvent {
    .mistake(LineMistake(line: entryLine, text: text))
  }

  private func fault(_ record: Record) -> String? {
    if let zone, !record.name.isSubdomain(of: zone) {
      return "\(record.name) is not in the zone \(zone)"
    }
    switch record.type {
    case .rrsig, .nsec, .nsec3, .nsec3param, .dnskey, .ds, .cds, .cdnskey:
      return "local data is not signed; leave \(record.type) out"
    case .ns where record.name != zone:
      return "zones are not handed on to other servers here; write a route for \(record.name)"
    case .dname: return "DNAME is not followed here; write a zone of kind redirect"
    default: return nil
    }
  }

  /// The way back from an address: for records of the configuration, which are hosts'; never from a wildcard, nor from
  /// a zone file.
  private func derived(_ record: Record) -> [LocalFileEvent] {
    guard zone == nil, record.type == .a || record.type == .aaaa,
      let address = IPAddress(octets: record.rdata), !LocalAddress.isLoopback(address),
      !record.rdata.allSatisfy({ $0 == 0 }), !record.name.wire.starts(with: [1, UInt8(ascii: "*")])
    else { return [] }
    return [
      .record(
        LocalFileRecord(
          address.reverseName.wire, .ptr, record.name.lowercased.wire, line: entryLine,
          isDerived: true))
    ]
  }

  /// Notes which parentheses and quotes a line opens and closes.
  private mutating func scan(_ line: [UInt8]) {
    var isEscaped = false
    for octet in line {
      if isEscaped {
        isEscaped = false
        continue
      }
      switch octet {
      case UInt8(ascii: "\\"): isEscaped = true
      case UInt8(ascii: "\""): isQuoted.toggle()
      case UInt8(ascii: ";") where !isQuoted: return
      case UInt8(ascii: "(") where !isQuoted: parentheses += 1
      case UInt8(ascii: ")") where !isQuoted: parentheses -= 1
      default: break
      }
    }
  }
}
