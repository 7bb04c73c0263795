/// The type of a record, or of what a question asks for (RFC 1035 §3.2.2).
public struct RecordType: CodePoint {
  /// The number in the TYPE or QTYPE field.
  public let rawValue: UInt16

  /// Wraps a number.
  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Whether the number may never belong to a stored record: OPT and 128 to 255 (RFC 6895 §3.1).
  @inlinable
  public var isMeta: Bool { rawValue == 41 || (rawValue >= 128 && rawValue <= 255) }

  /// Whether a question for the type at an alias is for the alias's own records, and follows it nowhere
  /// (RFC 4035 §2.5).
  @inlinable
  public var isOfAlias: Bool { self == .nsec || self == .rrsig }

  /// The registry's mnemonics, with `TYPE65280` for the rest (RFC 3597 §5).
  public static let mnemonics = Mnemonics<UInt16>(
    prefix: "TYPE",
    [
      1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR",
      10: "NULL",
      11: "WKS", 12: "PTR", 13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB",
      19: "X25", 20: "ISDN", 21: "RT", 22: "NSAP", 23: "NSAP-PTR", 24: "SIG", 25: "KEY", 26: "PX",
      27: "GPOS", 28: "AAAA", 29: "LOC", 30: "NXT", 31: "EID", 32: "NIMLOC", 33: "SRV", 34: "ATMA",
      35: "NAPTR", 36: "KX", 37: "CERT", 38: "A6", 39: "DNAME", 40: "SINK", 41: "OPT", 42: "APL",
      43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID",
      50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 56: "NINFO", 57: "RKEY",
      58: "TALINK", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD",
      64: "SVCB",
      65: "HTTPS", 66: "DSYNC", 99: "SPF", 104: "NID", 105: "L32", 106: "L64", 107: "LP",
      108: "EUI48", 109: "EUI64", 128: "NXNAME", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR",
      253: "MAILB", 254: "MAILA", 255: "ANY", 256: "URI", 257: "CAA", 258: "AVC", 259: "DOA",
      260: "AMTRELAY", 261: "RESINFO", 262: "WALLET", 32768: "TA", 32769: "DLV",
    ])
}
