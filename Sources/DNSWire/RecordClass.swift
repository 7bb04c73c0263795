/// The class of a record or question (RFC 1035 §3.2.4).
public struct RecordClass: CodePoint {
  /// The number in the CLASS or QCLASS field.
  public let rawValue: UInt16

  /// Wraps a number.
  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The registry's mnemonics, with `CLASS32` for the rest.
  public static let mnemonics = Mnemonics<UInt16>(
    prefix: "CLASS",
    [
      1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY",
    ])
}

extension RecordClass {
  /// The Internet.
  @inlinable public static var internet: RecordClass { RecordClass(1) }
  /// Chaosnet, today the home of `version.bind`.
  @inlinable public static var chaos: RecordClass { RecordClass(3) }
  /// Hesiod.
  @inlinable public static var hesiod: RecordClass { RecordClass(4) }
  /// No class, in updates (RFC 2136 §2.4).
  @inlinable public static var none: RecordClass { RecordClass(254) }
  /// Any class, as a question (RFC 1035 §3.2.5).
  @inlinable public static var any: RecordClass { RecordClass(255) }
}
