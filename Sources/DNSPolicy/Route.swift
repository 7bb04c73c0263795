import DNSWire

/// Which route a name takes: whose servers are asked for it.
public struct RouteID: Hashable, Sendable, BitwiseCopyable {
  /// Its number; 0 is the default route's.
  public let number: UInt16

  /// The route of all names that no other route has.
  public static let `default` = RouteID(0)

  /// Routes beside the default one at most.
  public static let most = 1_024

  /// Names a route by its number.
  public init(_ number: UInt16) { self.number = number }

  /// The route that stands at an index of ``PolicyRules/routes``.
  public init(index: Int) { number = UInt16(clamping: index + 1) }

  /// Where it stands there; nothing for the default route.
  public var index: Int? { number == 0 ? nil : Int(number) - 1 }
}

/// A part of the name space with servers of its own.
public struct Route: Hashable, Sendable {
  /// The names, each with all below it.
  public var domains: [Name]
  /// Networks whose reverse names belong to it, too.
  public var networks: [IPNetwork]
  /// Whether nobody is asked: its names don't exist.
  public var isEmpty: Bool

  /// Takes a route's names.
  public init(domains: [Name], networks: [IPNetwork] = [], isEmpty: Bool = false) {
    self.domains = domains
    self.networks = networks
    self.isEmpty = isEmpty
  }

  /// Zones of all routes together at most: a name is looked up at the same cost among however many, but a reload
  /// makes the table anew while nobody is answered.
  public static let mostZones = 10_000

  /// The zones that it consists of.
  public var zones: [Name] { domains + networks.flatMap(\.reverseZones) }
}
