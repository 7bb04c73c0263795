/// Why text is not a domain name (RFC 1035 §5.1).
public enum NameTextError: Error, Hashable, Sendable {
  /// There is no text at all; the root is written `.`.
  case empty
  /// Two dots stand together, or the first octet of a longer name is a dot.
  case emptyLabel
  /// A label has more than 63 octets.
  case labelTooLong
  /// The name has more than 255 octets.
  case nameTooLong
  /// A backslash is last, or the three digits after it are not a number up to 255.
  case badEscape
  /// A lone `@` stands for the origin of a zone file, and there is none.
  case noOrigin
}
