/// Why text is not a record, or not the RDATA of its type.
public enum RDataTextError: Error, Hashable, Sendable {
  /// The text ends before all fields are there.
  case missingField
  /// Words follow the last field.
  case extraField
  /// A number is none, or too large for its field.
  case badNumber
  /// A domain name is none.
  case badName
  /// An IPv4, IPv6 or hardware address is none.
  case badAddress
  /// Hexadecimal, base32hex or base64 digits are foreign, too few or too many.
  case badDigits
  /// A quote is not closed, an escape is broken, or a character-string has more than 255 octets.
  case badString
  /// A record type or class is none.
  case badType
  /// A date and time is none (RFC 4034 §3.2).
  case badTime
  /// A service parameter has the wrong form, stands twice, or is mandatory and absent (RFC 9460).
  case badParameter
  /// A location is none (RFC 1876 §3).
  case badLocation
  /// The length after `\#` is not that of the octets (RFC 3597 §5).
  case badLength
  /// The RDATA would have more than 65,535 octets.
  case tooLong
  /// The type has no text form here but `\#` (RFC 3597 §5).
  case noTextForm
}
