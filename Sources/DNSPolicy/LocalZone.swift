import DNSWire

/// A part of the name space that the LAN has for itself, wholly or in part.
public struct LocalZone: Hashable, Sendable {
  /// Its name.
  public var name: Name
  /// What becomes of names in it that have no local records.
  public var kind: Kind
  /// Types that no name in it has, whatever others say.
  public var without: [RecordType]

  /// What becomes of names in a zone that have no local records.
  public enum Kind: UInt8, Hashable, Sendable, BitwiseCopyable, CaseIterable {
    /// They don't exist.
    case `static`
    /// They are asked for.
    case transparent
    /// They have what the zone's own name has.
    case redirect
  }

  /// Zones at most; see ``Route/mostZones``.
  public static let most = 1_024
  /// Types that may be taken away from one zone.
  public static let mostWithout = 16

  /// Puts a zone together.
  public init(name: Name, kind: Kind, without: [RecordType] = []) {
    self.name = name
    self.kind = kind
    self.without = without
  }
}
