/// One resource record, its names uncompressed (RFC 1035 §3.2.1).
///
/// Two records are equal when their owners are, without regard to letter case, and all else is to
/// the octet.
public struct Record: Hashable, Sendable, CustomStringConvertible {
  /// The owner.
  public var name: Name
  /// The type.
  public var type: RecordType
  /// The class.
  public var recordClass: RecordClass
  /// Seconds that the record may be kept.
  public var ttl: UInt32
  /// The data; names in it are uncompressed.
  public var rdata: [UInt8]

  /// Makes a record; whether the data suits the type is not checked.
  public init(
    name: Name, type: RecordType, recordClass: RecordClass = .internet, ttl: UInt32,
    rdata: [UInt8]
  ) {
    self.name = name
    self.type = type
    self.recordClass = recordClass
    self.ttl = ttl
    self.rdata = rdata
  }

  /// Seconds for records whose line gives none.
  public static let defaultTTL: UInt32 = 3_600

  /// Reads one line of a zone file: `www.example.net. 300 IN A 192.0.2.1`.
  ///
  /// The owner must be there and is taken as absolute. TTL, with units if one likes, and class may
  /// stand in either order or be left out, being `defaultTTL` and IN then (RFC 1035 §5.1).
  public init(_ line: String) throws(RDataTextError) {
    var tokens = try PresentationToken.tokens(of: line)[...]
    guard let owner = tokens.popFirst() else { throw .missingField }
    guard let name = try? Name(presentation: owner.text) else { throw .badName }
    var ttl: UInt32?
    var recordClass: RecordClass?
    while let token = tokens.popFirst() {
      if ttl == nil, let seconds = UInt32(period: token.text) {
        ttl = seconds
      } else if recordClass == nil, let given = RecordClass(token.string) {
        recordClass = given
      } else {
        guard let type = RecordType(token.string) else { throw .badType }
        self.init(
          name: name, type: type, recordClass: recordClass ?? .internet,
          ttl: ttl ?? Record.defaultTTL, rdata: try RDataText.parse(type: type, tokens: tokens))
        return
      }
    }
    throw .missingField
  }

  /// One line of a zone file.
  public var description: String {
    "\(name) \(ttl) \(recordClass) \(type) \(RDataText.text(type: type, rdata: rdata))"
  }
}
