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

extension Cache {
  /// What may not be in the cache, whatever upstream says.
  public struct Forbidden: ~Copyable {
    /// Zones that are answered without it.
    private let zones: ZoneSet
    private let isRebindProtected: Bool
    private let allowsLoopback: Bool
    /// Zones whose names may have local addresses.
    private let allowed: ZoneSet

    /// - Parameters:
    ///   - zones: the zones that are answered without the cache.
    ///   - rebind: which names may have local addresses; nothing when all may.
    public init(zones: [Name], rebind: RebindProtection?) {
      self.zones = ZoneSet(zones)
      isRebindProtected = rebind != nil
      allowsLoopback = rebind?.allowsLoopback ?? true
      allowed = ZoneSet(rebind?.allowed ?? [])
    }

    /// Whether nothing of a name may be there.
    public func forbids(_ name: Span<UInt8>) -> Bool { zones.zone(of: name) != nil }

    /// Whether a name may not have a record: a local address for a name of the internet.
    public func forbids(
      _ data: Span<UInt8>, _ type: RecordType, of name: borrowing NameKey
    ) -> Bool {
      isRebindProtected && isLocal(data, type) && forbidsLocalAddresses(of: name)
    }

    /// Whether a name may have no local addresses.
    func forbidsLocalAddresses(of name: borrowing NameKey) -> Bool {
      // Names of one label are not of the internet.
      isRebindProtected && name.labelCount > 1 && allowed.zone(of: name.octets) == nil
    }

    /// Whether a record is a local address that counts.
    func isLocal(_ data: Span<UInt8>, _ type: RecordType) -> Bool {
      guard let scope = LocalAddress.scope(of: data, type: type) else { return false }
      return scope != .loopback || !allowsLoopback
    }
  }
}
