/// Why an answer is as it is, for people and logs (RFC 8914 §4).
public struct ExtendedErrorCode: CodePoint {
  /// The INFO-CODE.
  public let rawValue: UInt16

  /// Wraps a number.
  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The registry's mnemonics, with `EDE30` for the rest.
  public static let mnemonics = Mnemonics<UInt16>(
    prefix: "EDE",
    [
      0: "Other Error", 1: "Unsupported DNSKEY Algorithm", 2: "Unsupported DS Digest Type",
      3: "Stale Answer", 4: "Forged Answer", 5: "DNSSEC Indeterminate", 6: "DNSSEC Bogus",
      7: "Signature Expired", 8: "Signature Not Yet Valid", 9: "DNSKEY Missing",
      10: "RRSIGs Missing",
      11: "No Zone Key Bit Set", 12: "NSEC Missing", 13: "Cached Error", 14: "Not Ready",
      15: "Blocked", 16: "Censored", 17: "Filtered", 18: "Prohibited", 19: "Stale NXDOMAIN Answer",
      20: "Not Authoritative", 21: "Not Supported", 22: "No Reachable Authority",
      23: "Network Error",
      24: "Invalid Data", 25: "Signature Expired before Valid", 26: "Too Early",
      27: "Unsupported NSEC3 Iterations Value", 28: "Unable to conform to policy",
      29: "Synthesized",
    ])
}

extension ExtendedErrorCode {
  /// Something else.
  @inlinable public static var other: ExtendedErrorCode { ExtendedErrorCode(0) }
  /// No supported DNSKEY algorithm.
  @inlinable public static var unsupportedKeyAlgorithm: ExtendedErrorCode { ExtendedErrorCode(1) }
  /// No supported DS digest.
  @inlinable public static var unsupportedDigest: ExtendedErrorCode { ExtendedErrorCode(2) }
  /// The answer's TTL has run out (RFC 8767).
  @inlinable public static var staleAnswer: ExtendedErrorCode { ExtendedErrorCode(3) }
  /// Policy made the answer up.
  @inlinable public static var forgedAnswer: ExtendedErrorCode { ExtendedErrorCode(4) }
  /// Validation came to no result.
  @inlinable public static var dnssecIndeterminate: ExtendedErrorCode { ExtendedErrorCode(5) }
  /// Validation failed.
  @inlinable public static var dnssecBogus: ExtendedErrorCode { ExtendedErrorCode(6) }
  /// All signatures have expired.
  @inlinable public static var signatureExpired: ExtendedErrorCode { ExtendedErrorCode(7) }
  /// No signature is valid yet.
  @inlinable public static var signatureNotYetValid: ExtendedErrorCode { ExtendedErrorCode(8) }
  /// No DNSKEY matches the DS.
  @inlinable public static var keyMissing: ExtendedErrorCode { ExtendedErrorCode(9) }
  /// Signatures are missing.
  @inlinable public static var signaturesMissing: ExtendedErrorCode { ExtendedErrorCode(10) }
  /// No DNSKEY is a zone key.
  @inlinable public static var noZoneKey: ExtendedErrorCode { ExtendedErrorCode(11) }
  /// The proof of absence is missing.
  @inlinable public static var nsecMissing: ExtendedErrorCode { ExtendedErrorCode(12) }
  /// The failure comes from the cache.
  @inlinable public static var cachedError: ExtendedErrorCode { ExtendedErrorCode(13) }
  /// The server is not up yet.
  @inlinable public static var notReady: ExtendedErrorCode { ExtendedErrorCode(14) }
  /// The operator blocks the name.
  @inlinable public static var blocked: ExtendedErrorCode { ExtendedErrorCode(15) }
  /// An outside party blocks the name.
  @inlinable public static var censored: ExtendedErrorCode { ExtendedErrorCode(16) }
  /// The client asked for the name to be blocked.
  @inlinable public static var filtered: ExtendedErrorCode { ExtendedErrorCode(17) }
  /// The client may not use this server.
  @inlinable public static var prohibited: ExtendedErrorCode { ExtendedErrorCode(18) }
  /// The NXDOMAIN's TTL has run out (RFC 8767).
  @inlinable public static var staleNameError: ExtendedErrorCode { ExtendedErrorCode(19) }
  /// Not authoritative, and recursion was not asked for.
  @inlinable public static var notAuthoritative: ExtendedErrorCode { ExtendedErrorCode(20) }
  /// The operation or query is not supported.
  @inlinable public static var notSupported: ExtendedErrorCode { ExtendedErrorCode(21) }
  /// No name server could be reached.
  @inlinable public static var noReachableAuthority: ExtendedErrorCode { ExtendedErrorCode(22) }
  /// The network failed on the way to a name server.
  @inlinable public static var networkError: ExtendedErrorCode { ExtendedErrorCode(23) }
  /// The zone's data cannot be used.
  @inlinable public static var invalidData: ExtendedErrorCode { ExtendedErrorCode(24) }
  /// A signature ends before it begins.
  @inlinable public static var signatureExpiredBeforeValid: ExtendedErrorCode {
    ExtendedErrorCode(25)
  }
  /// Early data was replayed or not accepted (RFC 9250).
  @inlinable public static var tooEarly: ExtendedErrorCode { ExtendedErrorCode(26) }
  /// Too many NSEC3 iterations (RFC 9276).
  @inlinable public static var unsupportedIterations: ExtendedErrorCode { ExtendedErrorCode(27) }
  /// The policy cannot be met.
  @inlinable public static var policyUnmet: ExtendedErrorCode { ExtendedErrorCode(28) }
  /// The answer was made from proofs in the cache (RFC 8198).
  @inlinable public static var synthesized: ExtendedErrorCode { ExtendedErrorCode(29) }
}
