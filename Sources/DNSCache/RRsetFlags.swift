import DNSWire

/// What checking an RRset's signatures has shown (RFC 4035 §4.3).
///
/// Nothing checks them yet: all data is ``notChecked``.
public enum SecurityStatus: UInt8, Sendable, BitwiseCopyable {
  /// Nobody has looked.
  case notChecked = 0
  /// It is in a zone that isn't signed, and there is proof of that.
  case insecure = 1
  /// The signatures prove it.
  case secure = 2
  /// The signatures, or what is missing of them, contradict it.
  case bogus = 3
}

/// How data was asked for, and what upstream said of it.
@frozen
public struct RRsetFlags: OptionSet, Sendable, BitwiseCopyable {
  /// The octet that an RRset is stored with.
  public let rawValue: UInt8

  /// Reads a stored octet.
  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Asked for without DO (RFC 3225): signatures may be missing.
  @inlinable public static var withoutDNSSEC: RRsetFlags { RRsetFlags(rawValue: 2) }
  /// Asked for with CD (RFC 4035 §3.2.2): upstream need not have checked it.
  @inlinable public static var unchecked: RRsetFlags { RRsetFlags(rawValue: 4) }
  /// Came with AD (RFC 4035 §3.2.3): upstream says that it is genuine.
  @inlinable public static var authentic: RRsetFlags { RRsetFlags(rawValue: 8) }
  /// Signatures or a proof stand behind the data.
  static var hasDNSSECRecords: RRsetFlags { RRsetFlags(rawValue: 16) }
  /// Its TTL was cut to the longest that is allowed.
  public static var shortened: RRsetFlags { RRsetFlags(rawValue: 32) }
  /// Its TTL was raised to the shortest that is allowed.
  public static var prolonged: RRsetFlags { RRsetFlags(rawValue: 64) }

  /// What checking its signatures has shown: the lowest and the highest bit.
  public var security: SecurityStatus {
    get { SecurityStatus(rawValue: rawValue & 1 | rawValue >> 6 & 2) ?? .notChecked }
    set {
      let bits = newValue.rawValue & 1 | (newValue.rawValue >> 1) << 7
      self = RRsetFlags(rawValue: rawValue & 0b0111_1110 | bits)
    }
  }

  /// The words that people are shown, after the flags of messages.
  public var words: [String] {
    var words: [String] = []
    if !contains(.withoutDNSSEC) { words.append("do") }
    if contains(.unchecked) { words.append("cd") }
    if contains(.authentic) { words.append("ad") }
    return words
  }

  /// Those that come with the data and are kept in a snapshot.
  static var kept: RRsetFlags {
    [.withoutDNSSEC, .unchecked, .authentic, .shortened, .prolonged]
  }
}

extension QueryFlags {
  /// How data with some marks was asked for, and is to be asked for again.
  init(of flags: RRsetFlags) {
    self = flags.contains(.withoutDNSSEC) ? [] : .signatures
    if flags.contains(.unchecked) { insert(.unchecked) }
  }

  /// The marks of data that is of no use.
  @inline(__always)
  var excluded: RRsetFlags {
    var flags: RRsetFlags = []
    if contains(.signatures) && !contains(.allowUnsigned) { flags.insert(.withoutDNSSEC) }
    if !contains(.unchecked) { flags.insert(.unchecked) }
    return flags
  }

  /// The marks of data that more than its records is wanted of.
  @inline(__always)
  var wanted: RRsetFlags { contains(.signatures) ? .hasDNSSECRecords : [] }
}
