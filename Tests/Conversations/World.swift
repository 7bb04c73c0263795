import DNSWire

/// What there is in a truthful conversation: twelve names below ex, c to n, one of each kind.
enum World {
  static let soa = records(["ex. 60 IN SOA ns1.ex. host.ex. 1 2 3 4 30"])
  static let servers = records(["ex. 300 IN NS ns1.ex."])
  static let glue = records([
    "ns1.ex. 300 IN A 192.0.2.53", "ns1.example.org. 300 IN A 198.51.100.66",
  ])

  private static func records(_ lines: [String]) -> [Record] {
    lines.compactMap { try? Record($0) }
  }

  /// One of the names, perhaps in capitals.
  static func name(_ choice: UInt8) -> [UInt8] {
    [1, 0x63 + choice % 12 - ((choice >> 7) << 5), 2, 0x65, 0x78, 0]
  }

  static func type(_ choice: UInt8) -> UInt16 {
    let types: [RecordType] = [.a, .a, .a, .aaaa, .txt]
    return types[Int(choice) % types.count].rawValue
  }

  private static func number(_ name: Name) -> Int {
    guard let label = name.labels.first, label.count == 1, let letter = label.first else {
      return -1
    }
    return (0x63...0x6E).contains(letter | 0x20) ? Int(letter | 0x20) - 0x63 : -1
  }

  /// Where the names lead: 9 → 8 → 5 → 6 → 0, 7 → 3, 10 and 11 to each other.
  static func alias(_ name: Name) -> Name? {
    let targets = [5: 6, 6: 0, 7: 3, 8: 5, 9: 8, 10: 11, 11: 10]
    guard let target = targets[number(name)] else { return nil }
    return try? Name(wire: World.name(UInt8(target)))
  }

  /// An address that only forgers give.
  static func forgery(_ query: Message) -> Record {
    Record(name: query.questions[0].name, type: .a, ttl: 300, rdata: Conversation.mark)
  }

  /// The fourth does not exist.
  static func exists(_ name: Name) -> Bool { number(name) != 3 }

  /// Some may not be kept, others not for long.
  static func ttl(_ name: Name) -> UInt32 {
    switch number(name) {
    case 4, 8, 9, 10: 0
    case 0: 3
    case 6: 1
    default: 20
    }
  }

  static func records(_ name: Name, _ type: RecordType) -> [Record] {
    let number = number(name)
    guard exists(name), alias(name) == nil else { return [] }
    switch type {
    case .a:
      // One has many.
      return (0..<(number == 2 ? 60 : 2)).map {
        Record(name: name, type: .a, ttl: ttl(name), rdata: [192, 0, 2, UInt8($0)])
      }
    case .txt where number == 1:
      return [Record(name: name, type: .txt, ttl: ttl(name), rdata: [1, 0x61])]
    default: return []
    }
  }

  // MARK: DNSSEC

  /// What upstream checked: names with an even number.
  static func isAuthentic(_ name: Name) -> Bool { number(name).isMultiple(of: 2) }

  /// An address as somebody on the way would like it to be.
  static func unchecked(_ record: Record) -> Record {
    guard record.type == .a else { return record }
    var copy = record
    copy.rdata = [203, 0, 113] + record.rdata.suffix(1)
    return copy
  }

  static func isUnchecked(_ record: Record) -> Bool {
    record.type == .a && record.rdata.starts(with: [203, 0, 113])
  }

  /// Records, and behind the last of each RRset its signature.
  static func signed(_ records: [Record]) -> [Record] {
    var signed: [Record] = []
    for (index, record) in records.enumerated() {
      signed.append(record)
      let isLast = !records[(index + 1)...].contains {
        $0.name == record.name && $0.type == record.type
      }
      if isLast { signed.append(signature(record)) }
    }
    return signed
  }

  static func covers(_ signature: Record, _ type: RecordType) -> Bool {
    signature.rdata.starts(with: [UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xFF)])
  }

  private static func signature(_ record: Record) -> Record {
    let type = record.type.rawValue
    let labels = UInt8(record.name.labels.count)
    let rdata =
      [UInt8(type >> 8), UInt8(type & 0xFF), 13, labels] + [UInt8](repeating: 7, count: 14)
      + Array(soa[0].name.wire) + [1, 2, 3, 4]
    return Record(name: record.name, type: .rrsig, ttl: record.ttl, rdata: rdata)
  }
}
