import Memory

/// What a message's OPT pseudo-record says (RFC 6891 §6.1).
public struct EDNS: Hashable, Sendable {
  /// Octets of UDP payload that the sender takes.
  public var udpSize: UInt16
  /// The upper eight bits of the response code; ``Message/rcode`` joins them with the lower four.
  public var extendedRcode: UInt8
  /// The EDNS version, 0 being the only one.
  public var version: UInt8
  /// The 16 bits of flags, DO being the first.
  public var flags: UInt16
  /// The options, in their order; with four octets for each, they must not pass 65,535.
  public var options: [Option]

  /// One option (RFC 6891 §6.1.2).
  public struct Option: Hashable, Sendable {
    /// What the option is.
    public var code: EDNSOptionCode
    /// Its octets.
    public var data: [UInt8]

    /// Makes an option.
    public init(_ code: EDNSOptionCode, _ data: [UInt8] = []) {
      self.code = code
      self.data = data
    }
  }

  /// The DO bit among the flags (RFC 3225 §3).
  static let dnssecOKFlag: UInt16 = 0x8000

  /// Payload size that avoids fragments nearly everywhere (DNS Flag Day 2020, RFC 9715 §3.1).
  public static let defaultUDPSize: UInt16 = 1_232

  /// Makes the content of an OPT record.
  public init(
    udpSize: UInt16 = EDNS.defaultUDPSize, extendedRcode: UInt8 = 0, version: UInt8 = 0,
    dnssecOK: Bool = false, options: [Option] = []
  ) {
    self.udpSize = udpSize
    self.extendedRcode = extendedRcode
    self.version = version
    self.flags = dnssecOK ? EDNS.dnssecOKFlag : 0
    self.options = options
  }

  /// Whether DNSSEC records are wanted (DO, RFC 3225 §3).
  public var dnssecOK: Bool {
    get { flags & EDNS.dnssecOKFlag != 0 }
    set { flags = newValue ? flags | EDNS.dnssecOKFlag : flags & ~EDNS.dnssecOKFlag }
  }

  /// The octets of the first option of a kind.
  public subscript(_ code: EDNSOptionCode) -> [UInt8]? {
    options.first { $0.code == code }?.data
  }

  /// Takes an OPT record out of a message; throws `badOption` when its options do not fill it.
  init(_ record: RecordView, of message: Span<UInt8>) throws(WireError) {
    udpSize = record.recordClass
    extendedRcode = UInt8(record.ttl >> 24)
    version = UInt8(truncatingIfNeeded: record.ttl >> 16)
    flags = UInt16(truncatingIfNeeded: record.ttl)
    options = []
    var cursor = OptionCursor(at: record.data, count: record.dataCount)
    while let option = try cursor.next(message) {
      options.append(
        Option(
          option.code,
          Array(copying: message.extracting(option.data..<option.data + option.dataCount))))
    }
  }

  /// The record that carries this.
  var record: Record {
    Record(
      name: .root, type: .opt, recordClass: RecordClass(udpSize),
      ttl: UInt32(extendedRcode) << 24 | UInt32(version) << 16 | UInt32(flags),
      rdata: options.flatMap {
        $0.code.rawValue.octets + UInt16($0.data.count).octets + $0.data
      })
  }
}
