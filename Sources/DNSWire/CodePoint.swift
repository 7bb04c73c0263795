/// A number from one of the IANA DNS registries, with its mnemonic.
///
/// Every value of the raw type is valid, since a server must carry codes it has never heard of
/// (RFC 3597 §3); those without a mnemonic are written as a prefix and the number, `TYPE65280`.
public protocol CodePoint: BitwiseCopyable, RawRepresentable, Hashable, Comparable, Sendable,
  LosslessStringConvertible
where RawValue: FixedWidthInteger & UnsignedInteger & Sendable {
  /// Wraps a number.
  init(rawValue: RawValue)
  /// The registry's mnemonics, both ways.
  static var mnemonics: Mnemonics<RawValue> { get }
}

extension CodePoint {
  /// Wraps a number.
  @inlinable
  public init(_ rawValue: RawValue) { self.init(rawValue: rawValue) }

  /// Reads a mnemonic in any letter case, or the prefix and number that stands for any code.
  public init?(_ text: String) {
    guard let code = Self.mnemonics.code(for: text) else { return nil }
    self.init(rawValue: code)
  }

  /// The mnemonic, or the prefix and the number.
  public var description: String { Self.mnemonics.text(for: rawValue) }

  /// Orders by number.
  @inlinable
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// Compares numbers.
  @inlinable
  public static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }

  /// Hashes the number.
  @inlinable
  public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

/// The names of one registry's numbers, looked up either way.
public struct Mnemonics<Code: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
  private let prefix: String
  private let texts: [Code: String]
  private let codes: [String: Code]

  init(prefix: String, _ texts: [Code: String]) {
    self.prefix = prefix
    self.texts = texts
    self.codes = Dictionary(uniqueKeysWithValues: texts.map { ($1.uppercased(), $0) })
  }

  func text(for code: Code) -> String { texts[code] ?? "\(prefix)\(code)" }

  func code(for text: String) -> Code? {
    let upper = text.uppercased()
    if let code = codes[upper] { return code }
    guard upper.hasPrefix(prefix.uppercased()) else { return nil }
    let digits = upper.utf8.dropFirst(prefix.utf8.count)
    // RFC 9460 §2.1: no leading zeros.
    guard digits.count == 1 || digits.first != Octet.zero else { return nil }
    return Array(digits)[...].decimal(Code.self)
  }
}
