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

  /// - Parameter name: in wire form, lower-cased.
  init(_ name: [UInt8], _ type: RecordType, _ data: [UInt8], line: Int, isDerived: Bool = false) {
    self.name = name
    self.type = type
    self.data = data
    self.line = line
    self.isDerived = isDerived
  }

  /// Takes a record of a zone.
  init(_ record: Record, line: Int) {
    self.init(record.name.lowercased.wire, record.type, record.rdata, line: line)
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
  /// The domain of hosts without a dot, in wire form and lower-cased.
  private let domain: [UInt8]?

  init(domain: Name?) { self.domain = domain?.lowercased.wire }

  /// A name without a dot in its domain; nothing when there is none, or when the whole is too long.
  private func whole(_ name: [UInt8]) -> [UInt8]? {
    guard let domain, Int(name[0]) + 2 == name.count,
      name.count - 1 + domain.count <= WireName.longest
    else { return nil }
    return name.dropLast() + domain
  }

  /// Records of a host with an address: its names, the whole one first, and the way back.
  ///
  /// - Parameter names: in wire form, lower-cased; none is the root.
  func records(
    _ names: [[UInt8]], _ address: IPAddress, line: Int, isReversed: Bool
  ) -> [LocalFileEvent] {
    let type: RecordType = address.isIPv4 ? .a : .aaaa
    let data = address.octets
    var first: [UInt8]?
    var records: [LocalFileEvent] = []
    records.reserveCapacity(names.count * 2 + 1)
    for name in names {
      let whole = whole(name)
      first = first ?? whole ?? name
      if let whole { records.append(.record(LocalFileRecord(whole, type, data, line: line))) }
      records.append(.record(LocalFileRecord(name, type, data, line: line)))
    }
    if isReversed, let first {
      records.append(
        .record(
          LocalFileRecord(address.reverseName.wire, .ptr, first, line: line, isDerived: true)))
    }
    return records
  }
}

/// Records of a host that no file has.
public enum HostRecords {
  /// Its names, in its domain and without it, and the way back from its addresses.
  public static func of(
    _ name: Name, _ addresses: [IPAddress], in domain: Name?
  ) -> [LocalFileEvent] {
    let names = HostNames(domain: domain)
    return addresses.flatMap {
      names.records([name.lowercased.wire], $0, line: 1, isReversed: true)
    }
  }
}
