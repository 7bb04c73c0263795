import DNSWire

/// How names of the internet are kept from leading to the own network (DNS rebinding).
public struct RebindProtection: Sendable {
  /// Zones whose names may have local addresses.
  public var allowed: [Name]
  /// Whether loopback addresses are let pass: block lists of mail servers answer with them.
  public var allowsLoopback: Bool

  /// Names the exceptions.
  public init(allowed: [Name] = [], allowsLoopback: Bool = false) {
    self.allowed = allowed
    self.allowsLoopback = allowsLoopback
  }
}

/// Which names may not lead to local addresses, and which addresses are local.
public struct RebindFilter: ~Copyable {
  /// The addresses that are withheld; none when no name is filtered.
  let withheld: LocalScopes
  /// Zones whose names may have local addresses.
  private let allowed: ZoneSet

  /// - Parameter protection: which names may have local addresses; nothing when all may.
  public init(_ protection: RebindProtection?) {
    withheld =
      switch protection?.allowsLoopback {
      case nil: []
      case true?: .network
      case false?: [.network, .loopback]
      }
    allowed = ZoneSet(protection?.allowed ?? [])
  }

  /// Whether any name is filtered.
  public var isOn: Bool { !withheld.isEmpty }

  /// Whether a name may lead to no local addresses.
  public func applies(to name: Span<UInt8>) -> Bool {
    // Names of one label are not of the internet.
    isOn && WireName.labelCount(name) > 1 && allowed.zone(of: name) == nil
  }

  /// Whether a record is a local address that counts.
  public func isLocal(_ data: Span<UInt8>, _ type: RecordType) -> Bool {
    !withheld.isDisjoint(with: LocalScopes(LocalAddress.scope(of: data, type: type)))
  }

  /// Whether loopback addresses count as local.
  public var coversLoopback: Bool { withheld.contains(.loopback) }
}

/// Which local addresses an RRset's records hold, found out once, when it is stored.
struct LocalScopes: OptionSet, BitwiseCopyable {
  /// The bits in the octet where they stand above ``RRset/Kind``.
  let rawValue: UInt8

  static var loopback: LocalScopes { LocalScopes(rawValue: 4) }
  static var network: LocalScopes { LocalScopes(rawValue: 8) }
  /// The bits that are the kind's.
  static let kindMask: UInt8 = 3

  /// Those of one record.
  init(_ scope: LocalAddress.Scope?) {
    switch scope {
    case nil: self = []
    case .loopback?: self = .loopback
    case .network?: self = .network
    }
  }

  /// Those of records: for each two octets of length and its RDATA.
  init(of data: Span<UInt8>, _ type: RecordType) {
    self = []
    switch type {
    case .a, .aaaa, .svcb, .https: break
    default: return
    }
    var position = 0
    while position < data.count {
      let end = position + 2 + Int(data.load16(position))
      formUnion(
        LocalScopes(LocalAddress.scope(of: data.extracting(position + 2..<end), type: type)))
      position = end
    }
  }

  init(rawValue: UInt8) { self.rawValue = rawValue }
}
