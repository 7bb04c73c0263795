/// Why bytes from the network are not the DNS message they claim to be.
///
/// No case carries a payload, so throwing one allocates nothing.
public enum WireError: Error, Hashable, Sendable {
  /// The bytes end before the field they began (RFC 1035 §4.1).
  case truncated
  /// A label's two high bits are 01 or 10, types nobody may send (RFC 6891 §5), or a pointer
  /// stands where only an uncompressed name may.
  case badLabel
  /// A compression pointer does not point strictly backwards (RFC 1035 §4.1.4), or is one of too many.
  case badPointer
  /// A name is longer than 255 octets, uncompressed (RFC 1035 §2.3.4).
  case nameTooLong
  /// RDATA does not have the form its type prescribes, or is not RDLENGTH octets long.
  case badRData
  /// A section count in the header is impossible for a message of this kind or size.
  case badCount
  /// Octets follow the last record, or the last octet of a name that should fill its space.
  case trailingOctets
  /// EDNS breaks its rules: a second OPT, OPT outside Additional, an owner other than the root,
  /// or an option that does not fit (RFC 6891 §6.1.1).
  case badOption
  /// What is to be written does not fit in the space given for it.
  case tooLarge
}
