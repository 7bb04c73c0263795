/// How a question ended: four bits of the header and eight of OPT (RFC 6891 §6.1.3).
public struct ResponseCode: CodePoint {
  /// The twelve-bit number.
  public let rawValue: UInt16

  /// Wraps a number.
  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The four bits that go into the header.
  @inlinable
  public var headerBits: UInt8 { UInt8(truncatingIfNeeded: rawValue & 0xF) }

  /// The eight bits that go into the TTL field of OPT.
  @inlinable
  public var extendedBits: UInt8 { UInt8(truncatingIfNeeded: rawValue &>> 4) }

  /// Joins the header's four bits and OPT's eight.
  @inlinable
  public init(headerBits: UInt8, extendedBits: UInt8) {
    self.init(rawValue: UInt16(extendedBits) &<< 4 | UInt16(headerBits & 0xF))
  }

  /// The registry's mnemonics, with `RCODE3841` for the rest.
  public static let mnemonics = Mnemonics<UInt16>(
    prefix: "RCODE",
    [
      0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED",
      6: "YXDOMAIN", 7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 11: "DSOTYPENI",
      16: "BADVERS", 17: "BADKEY", 18: "BADTIME", 19: "BADMODE", 20: "BADNAME", 21: "BADALG",
      22: "BADTRUNC", 23: "BADCOOKIE",
    ])
}

extension ResponseCode {
  /// No error.
  @inlinable public static var noError: ResponseCode { ResponseCode(0) }
  /// The server could not read the question.
  @inlinable public static var formErr: ResponseCode { ResponseCode(1) }
  /// The server could not find the answer.
  @inlinable public static var servFail: ResponseCode { ResponseCode(2) }
  /// The name does not exist.
  @inlinable public static var nxDomain: ResponseCode { ResponseCode(3) }
  /// The server does not do what was asked.
  @inlinable public static var notImp: ResponseCode { ResponseCode(4) }
  /// The server will not answer.
  @inlinable public static var refused: ResponseCode { ResponseCode(5) }
  /// A name exists that should not (RFC 2136).
  @inlinable public static var yxDomain: ResponseCode { ResponseCode(6) }
  /// An RRset exists that should not (RFC 2136).
  @inlinable public static var yxRRSet: ResponseCode { ResponseCode(7) }
  /// An RRset that should exist does not (RFC 2136).
  @inlinable public static var nxRRSet: ResponseCode { ResponseCode(8) }
  /// Not authoritative, or not authorised (RFC 2136, RFC 8945).
  @inlinable public static var notAuth: ResponseCode { ResponseCode(9) }
  /// A name is outside the zone (RFC 2136).
  @inlinable public static var notZone: ResponseCode { ResponseCode(10) }
  /// The DSO type is not implemented (RFC 8490).
  @inlinable public static var dsoTypeNI: ResponseCode { ResponseCode(11) }
  /// The EDNS version is not supported (RFC 6891 §6.1.3).
  @inlinable public static var badVers: ResponseCode { ResponseCode(16) }
  /// The key is not recognised (RFC 8945).
  @inlinable public static var badKey: ResponseCode { ResponseCode(17) }
  /// The signature is outside its time window (RFC 8945).
  @inlinable public static var badTime: ResponseCode { ResponseCode(18) }
  /// The TKEY mode is not supported (RFC 2930).
  @inlinable public static var badMode: ResponseCode { ResponseCode(19) }
  /// The key name is a duplicate (RFC 2930).
  @inlinable public static var badName: ResponseCode { ResponseCode(20) }
  /// The algorithm is not supported (RFC 2930).
  @inlinable public static var badAlg: ResponseCode { ResponseCode(21) }
  /// The MAC is truncated too far (RFC 8945).
  @inlinable public static var badTrunc: ResponseCode { ResponseCode(22) }
  /// The server cookie is missing or wrong (RFC 7873).
  @inlinable public static var badCookie: ResponseCode { ResponseCode(23) }
}
