import DNSWire

/// What there is: eight names below example.net, one of each kind.
enum World {
  static let soa = records(["example.net. 60 IN SOA ns1.example.net. host.example.net. 1 2 3 4 30"])
  static let servers = records(["example.net. 300 IN NS ns1.example.net."])
  static let glue = records([
    "ns1.example.net. 300 IN A 192.0.2.53", "ns1.example.org. 300 IN A 198.51.100.66",
  ])

  private static func records(_ lines: [String]) -> [Record] {
    lines.compactMap { try? Record($0) }
  }

  private static func number(_ name: Name) -> Int {
    guard let label = name.labels.first, label.count == 2 else { return -1 }
    return Int(label.last ?? 0) - 0x30
  }

  /// n5 → n6 → n0, and n7 → n3.
  static func alias(_ name: Name) -> Name? {
    switch number(name) {
    case 5: try? Name("n6.example.net")
    case 6: try? Name("n0.example.net")
    case 7: try? Name("n3.example.net")
    default: nil
    }
  }

  /// n3 does not exist.
  static func exists(_ name: Name) -> Bool { number(name) != 3 }

  /// n4 may not be kept.
  static func ttl(_ name: Name) -> UInt32 {
    switch number(name) {
    case 4: 0
    case 0: 3
    default: 20
    }
  }

  static func records(_ name: Name, _ type: RecordType) -> [Record] {
    let number = number(name)
    guard exists(name), alias(name) == nil else { return [] }
    switch type {
    case .a:
      // n2 has many.
      return (0..<(number == 2 ? 60 : 2)).map {
        Record(name: name, type: .a, ttl: ttl(name), rdata: [192, 0, 2, UInt8($0)])
      }
    case .txt where number == 1:
      return [Record(name: name, type: .txt, ttl: ttl(name), rdata: [1, 0x61])]
    default: return []
    }
  }
}
