import DNSCache
import DNSWire
import Memory

// Settings that change while questions are in flight.

extension Resolver {
  // MARK: Settings

  /// Takes over what may change: bounds that nothing is reserved for, and which names may not have local addresses.
  public mutating func reconfigure(_ new: ResolverSettings) {
    settings.sockets = new.sockets
    settings.waitersPerQuestion = new.waitersPerQuestion
    settings.refreshShare = new.refreshShare
    settings.rebindProtection = new.rebindProtection
    reply.rebindFilter = RebindFilter(new.rebindProtection)
  }
}
