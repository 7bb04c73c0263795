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
  let isOn: Bool
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

extension Cache {
  /// What may not be in the cache, whatever upstream says.
  public struct Forbidden: ~Copyable {
    /// Zones that are answered without it.
    ///
    /// Behind those that are not: a deeper one of these counts, or one of the same name.
    private let zones: ZoneSet
    private let exceptions: Int
    /// Which names may have local addresses.
    let rebind: RebindFilter

    /// - Parameters:
    ///   - zones: the zones that are answered without the cache.
    ///   - exceptions: zones that are not, though they lie in those or have the name of one.
    ///   - rebind: which names may have local addresses; nothing when all may.
    public init(zones: [Name], except exceptions: [Name] = [], rebind: RebindProtection?) {
      self.zones = ZoneSet(exceptions + zones)
      self.exceptions = exceptions.count
      self.rebind = RebindFilter(rebind)
    }

    /// Whether nothing of a name may be there.
    public func forbids(_ name: Span<UInt8>) -> Bool {
      guard let zone = zones.zone(of: name) else { return false }
      return zone >= exceptions
    }

    /// Whether any name may not have a local address.
    public var filtersAddresses: Bool { rebind.isOn }

    /// Whether a name may not have a record: a local address for a name of the internet.
    public func forbids(
      _ data: Span<UInt8>, _ type: RecordType, of name: Span<UInt8>
    ) -> Bool {
      rebind.isOn && rebind.isLocal(data, type) && rebind.applies(to: name)
    }
  }
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
