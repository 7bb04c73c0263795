import Memory

/// A list made ready for loading: hashes instead of names, in ascending order.
///
/// The file begins with this, then come the entries of ``NameSet/insert(_:list:)``, eight octets each in little-endian
/// order, and ``ListDetails`` one behind the other. All of it is under one checksum; it is good for the server that
/// has the key alone.
public struct CompiledList: Sendable, Equatable {
  /// Tells the key that names were hashed with.
  public var key: UInt64 = 0
  /// Tells the settings that decide how the list is read.
  public var settings: UInt64 = 0
  /// Octets of the text, when it was last changed in nanoseconds since 1970, and its number on its disk.
  public var source = Source()
  /// Entries.
  public var entries: UInt64 = 0
  /// Octets of the details.
  public var detailOctets: UInt64 = 0
  /// Rules among them.
  public var details: UInt64 = 0
  /// Most labels that a name has.
  public var mostLabels: UInt64 = 0
  /// Lines left out since they are more than a name.
  public var ignored: UInt64 = 0
  /// Lines that make no sense.
  public var mistakes: UInt64 = 0
  /// Names that no list may block.
  public var refused: UInt64 = 0
  /// What the list mostly is, a number from 1 on; 0 when it has no rule.
  public var format: UInt64 = 0
  /// ``Checksum`` of what follows.
  public var checksum: UInt64 = 0

  /// Which state of a file it was made from.
  public struct Source: Sendable, Equatable {
    /// Octets.
    public var size: UInt64 = 0
    /// Nanoseconds since 1970 of its last change.
    public var changed: UInt64 = 0
    /// Its number on its disk.
    public var number: UInt64 = 0

    /// Describes a state.
    public init(size: UInt64 = 0, changed: UInt64 = 0, number: UInt64 = 0) {
      self.size = size
      self.changed = changed
      self.number = number
    }
  }

  /// Describes an empty list.
  public init() {}

  /// Octets that it takes.
  public static let octets = 16 * 8
  /// "DNSNAMES", and the version of the format.
  private static let magic: UInt64 = 0x5345_4D41_4E53_4E44
  private static let version: UInt64 = 1

  private var words: [UInt64] {
    [
      Self.magic, Self.version, key, settings, source.size, source.changed, source.number,
      entries, detailOctets, details, mostLabels, ignored, mistakes, refused, format, checksum,
    ]
  }

  /// As a file has it: with a checksum of its own, which takes in that of the rest.
  public var encoded: [UInt8] {
    var octets: [UInt8] = []
    var own = Checksum()
    for word in words {
      octets.append(word: word)
      own.add(word)
    }
    octets.append(word: own.value)
    return octets
  }

  /// Octets of ``encoded``.
  public static let encodedOctets = octets + 8

  /// Reads what a file begins with; nothing when it is something else, or damaged.
  public init?(_ octets: Span<UInt8>) {
    guard octets.count >= Self.encodedOctets else { return nil }
    var own = Checksum()
    for index in 0..<Self.octets / 8 { own.add(octets.load64(index * 8)) }
    guard octets.load64(0) == Self.magic, octets.load64(8) == Self.version,
      octets.load64(Self.octets) == own.value
    else { return nil }
    key = octets.load64(16)
    settings = octets.load64(24)
    source = Source(
      size: octets.load64(32), changed: octets.load64(40), number: octets.load64(48))
    entries = octets.load64(56)
    detailOctets = octets.load64(64)
    details = octets.load64(72)
    mostLabels = octets.load64(80)
    ignored = octets.load64(88)
    mistakes = octets.load64(96)
    refused = octets.load64(104)
    format = octets.load64(112)
    checksum = octets.load64(120)
    guard entries <= UInt64(NameSet.mostEntries), details <= UInt64(ListDetails.most),
      detailOctets <= Self.mostDetailOctets
    else { return nil }
  }

  /// Octets of details at most.
  public static let mostDetailOctets: UInt64 = 64 << 20

  /// Finds out whether what was written is what is read.
  public struct Checksum: Sendable {
    /// What comes of all words so far.
    public private(set) var value: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// Begins.
    public init() {}

    /// Takes the next word.
    public mutating func add(_ word: UInt64) {
      let mixed = (value ^ word) &* 0x9FB2_1C65_1E98_DF25
      value = mixed ^ mixed >> 29
    }
  }
}
