import DNSWire
import Memory

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
  /// Whether any name is filtered.
  public let isOn: Bool
  private let allowsLoopback: Bool
  /// Zones whose names may have local addresses.
  private let allowed: ZoneSet

  /// - Parameter protection: which names may have local addresses; nothing when all may.
  public init(_ protection: RebindProtection?) {
    isOn = protection != nil
    allowsLoopback = protection?.allowsLoopback ?? true
    allowed = ZoneSet(protection?.allowed ?? [])
  }

  /// Whether a name may have no local addresses.
  public func applies(to name: Span<UInt8>) -> Bool {
    // Names of one label are not of the internet.
    isOn && WireName.labelCount(name) > 1 && allowed.zone(of: name) == nil
  }

  /// Whether a record is a local address that counts.
  public func isLocal(_ data: Span<UInt8>, _ type: RecordType) -> Bool {
    guard let scope = LocalAddress.scope(of: data, type: type) else { return false }
    return scope != .loopback || !allowsLoopback
  }

  /// Whether loopback addresses count as local.
  public var coversLoopback: Bool { isOn && !allowsLoopback }
}

// MARK: Answers

extension Cache {
  /// Whether an answer to a name that may have no local addresses would hold one.
  ///
  /// - Parameter filtered: what is known of the name asked for; nothing when it is `key` itself.
  @inline(never)
  func isBlocked(_ set: Reference, _ key: borrowing NameKey, filtered: Bool?) -> Bool {
    let set = RRset(set, in: arena)
    guard filtered != false, hasLocalAddress(set, rebindFilter) else { return false }
    return filtered ?? rebindFilter.applies(to: key.octets)
  }

  /// Whether an RRset holds a local address.
  func hasLocalAddress(_ set: RRset, _ filter: borrowing RebindFilter) -> Bool {
    var isLocal = false
    if set.kind == .records {
      visitRecords(of: set) { if filter.isLocal($0, set.type) { isLocal = true } }
    }
    return isLocal
  }
}
