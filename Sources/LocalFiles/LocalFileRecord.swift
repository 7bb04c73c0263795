import DNSWire

/// A record that a file of local names has.
public struct LocalFileRecord: Equatable, Sendable {
  /// The owner in wire form, lower-cased.
  public var name: [UInt8]
  /// The type.
  public var type: RecordType
  /// Seconds; nothing for the usual time.
  public var ttl: UInt32?
  /// RDATA, uncompressed.
  public var data: [UInt8]
  /// The line that it stands in, from 1 on.
  public var line: Int
  /// Whether it follows from an address, and gives way to what was written.
  public var isDerived = false

  init(_ name: Name, _ type: RecordType, _ data: [UInt8], line: Int, isDerived: Bool = false) {
    self.name = name.lowercased.wire
    self.type = type
    self.data = data
    self.line = line
    self.isDerived = isDerived
  }

  /// Takes a record of a zone.
  init(_ record: Record, line: Int) {
    self.init(record.name, record.type, record.rdata, line: line)
    ttl = record.ttl
  }
}

/// A line that can't be used: the rest of the file is.
public struct LineMistake: Equatable, Sendable {
  /// The line, from 1 on.
  public var line: Int
  /// What is wrong, and what to do.
  public var text: String

  /// Names a line and what is wrong with it.
  public init(line: Int, text: String) {
    self.line = line
    self.text = text
  }

  /// A line that is longer than any may be.
  public static func tooLong(_ line: Int) -> LineMistake {
    LineMistake(
      line: line, text: "a line has at most \(LineReader.longestLine) octets; it is left out")
  }
}

/// What a line of a file says.
public enum LocalFileEvent: Equatable, Sendable {
  case record(LocalFileRecord)
  case mistake(LineMistake)
  /// Something that is known, and left out on purpose.
  case ignored
}

/// The names of a host, in its own domain and without it.
struct HostNames {
  /// The domain of hosts without a dot.
  let domain: Name?

  /// All names by which a host is known, the whole one first.
  func all(_ name: Name) -> [Name] {
    guard name.labelCount == 1, let whole = whole(name) else { return [name] }
    return [whole, name]
  }

  /// The name in its domain.
  func whole(_ name: Name) -> Name? {
    guard let domain else { return nil }
    return try? Name(wire: Array(name.wire.dropLast()) + domain.wire)
  }

  /// Records of a host with an address: its names, and the way back.
  func records(_ names: [Name], _ address: IPAddress, line: Int, isReversed: Bool)
    -> [LocalFileRecord]
  {
    let type: RecordType = address.isIPv4 ? .a : .aaaa
    var records = names.flatMap(all).map { LocalFileRecord($0, type, address.octets, line: line) }
    if isReversed, let first = names.first.map(all)?.first {
      records.append(
        LocalFileRecord(
          address.reverseName, .ptr, first.lowercased.wire, line: line, isDerived: true))
    }
    return records
  }
}

/// Records of a host that no file has.
public enum HostRecords {
  /// Its names, in its domain and without it, and the way back from its addresses.
  public static func of(
    _ name: Name, _ addresses: [IPAddress], in domain: Name?
  ) -> [LocalFileRecord] {
    let names = HostNames(domain: domain)
    return addresses.flatMap { names.records([name], $0, line: 1, isReversed: true) }
  }
}
