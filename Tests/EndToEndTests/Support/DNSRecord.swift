/// Numbers of record types that the tests use.
enum RecordType {
  static let a: UInt16 = 1
  static let ns: UInt16 = 2
  static let cname: UInt16 = 5
  static let soa: UInt16 = 6
  static let ptr: UInt16 = 12
  static let mx: UInt16 = 15
  static let txt: UInt16 = 16
  static let aaaa: UInt16 = 28
  static let srv: UInt16 = 33
  static let opt: UInt16 = 41
  static let ixfr: UInt16 = 251
  static let axfr: UInt16 = 252
  static let any: UInt16 = 255
}

/// One record; names inside its data are stored without compression.
struct DNSRecord: Hashable, Sendable {
  var name: DNSName
  var type: UInt16
  var `class`: UInt16 = 1
  var ttl: UInt32
  var data: [UInt8]

  init(_ name: DNSName, type: UInt16, class: UInt16 = 1, ttl: UInt32, data: [UInt8]) {
    self.name = name
    self.type = type
    self.class = `class`
    self.ttl = ttl
    self.data = data
  }

  static func a(_ name: DNSName, _ address: String, ttl: UInt32 = 3600) -> DNSRecord {
    let octets = address.split(separator: ".").compactMap { UInt8($0) }
    return DNSRecord(name, type: RecordType.a, ttl: ttl, data: octets)
  }

  /// An address in 2001:db8::/112, by its last 16 bits.
  static func aaaa(_ name: DNSName, host: UInt16, ttl: UInt32 = 3600) -> DNSRecord {
    let octets: [UInt8] = [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 10)
    return DNSRecord(name, type: RecordType.aaaa, ttl: ttl, data: octets + host.octets)
  }

  static func cname(_ name: DNSName, _ target: DNSName, ttl: UInt32 = 3600) -> DNSRecord {
    DNSRecord(name, type: RecordType.cname, ttl: ttl, data: target.encoded)
  }

  static func ns(_ name: DNSName, _ target: DNSName, ttl: UInt32 = 3600) -> DNSRecord {
    DNSRecord(name, type: RecordType.ns, ttl: ttl, data: target.encoded)
  }

  static func txt(_ name: DNSName, _ text: [UInt8], ttl: UInt32 = 3600) -> DNSRecord {
    var data: [UInt8] = []
    var rest = text[...]
    repeat {
      let part = rest.prefix(255)
      data += [UInt8(part.count)] + part
      rest = rest.dropFirst(255)
    } while !rest.isEmpty
    return DNSRecord(name, type: RecordType.txt, ttl: ttl, data: data)
  }

  static func soa(_ name: DNSName, ttl: UInt32 = 3600, minimum: UInt32 = 300) -> DNSRecord {
    let numbers: [UInt32] = [1, 7200, 3600, 1_209_600, minimum]
    let data = DNSName("ns1.example.net").encoded + DNSName("hostmaster.example.net").encoded
    return DNSRecord(
      name, type: RecordType.soa, ttl: ttl, data: data + numbers.flatMap { $0.octets })
  }

  /// EDNS(0), RFC 6891 §6.1.
  static func opt(
    size: UInt16 = 1232, version: UInt8 = 0, dnssecOK: Bool = false, options: [UInt8] = []
  ) -> DNSRecord {
    DNSRecord(
      DNSName(labels: []), type: RecordType.opt, class: size,
      ttl: UInt32(version) << 16 | (dnssecOK ? 0x8000 : 0), data: options)
  }

  /// The text of an address record.
  var address: String {
    data.count == 4 ? data.map { String($0) }.joined(separator: ".") : ""
  }

  func encoded() -> [UInt8] {
    name.encoded + type.octets + `class`.octets + ttl.octets + UInt16(data.count).octets + data
  }
}

extension UInt16 {
  var octets: [UInt8] { [UInt8(self >> 8), UInt8(self & 0xff)] }
}

extension UInt32 {
  var octets: [UInt8] { UInt16(self >> 16).octets + UInt16(self & 0xffff).octets }
}
