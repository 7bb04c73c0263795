import DNSCache
import DNSExchange
import Memory

/// What somebody wants to know, beside its exchange with servers.
struct Lookup: BitwiseCopyable {
  /// Who waits, and how many.
  var firstWaiter = WaiterID.none
  var waiterCount: UInt32 = 0
  /// When the first of those has waited long enough; the exchange's deadline comes first, if it has one.
  var earliest = UInt64.max
  /// Whether it goes on when nobody waits for it any more.
  var outlivesWaiters = false
  /// Started by a prefetch; no client has asked for it so far.
  var isPrefetch = false
  /// Whether one of its exchanges brought no DNSSEC data though it was asked for.
  var lacksDNSSEC = false
  /// The lookup whose answer this one waits for: what its alias leads to.
  var waitsFor = ExchangeID.none
  /// The hash of that one's name.
  var waitedFor: UInt32 = 0
  /// The lookup for whose sake this one was begun, as long as that waits for it: it pays for both.
  var starter = ExchangeID.none
  /// What it has cost so far, with what was begun for its sake.
  var spent = Budget()
  /// Packets of its exchange that are counted in that.
  var charged: UInt8 = 0
  /// What of its answer may not be kept, while it waits for the rest.
  var held = HeldOverlays()
  /// The lookup before this one, and the one after.
  var older = ExchangeID.none
  var newer = ExchangeID.none
}

/// Names somebody who waits, until told how the lookup ended.
struct WaiterID: Hashable, BitwiseCopyable {
  private let rawValue: UInt32

  init(_ slot: Int) { rawValue = UInt32(truncatingIfNeeded: slot) }

  /// What stands where nobody is meant.
  static var none: WaiterID { WaiterID(Int(UInt32.max)) }

  var slot: Int { Int(rawValue) }
}

extension FixedArray<Lookup> {
  @inline(__always)
  subscript(_ id: ExchangeID) -> Lookup {
    _read { yield self[id.slot] }
    _modify { yield &self[id.slot] }
  }
}

extension Slab<Waiter> {
  @inline(__always)
  subscript(_ waiter: WaiterID) -> Waiter {
    _read { yield self[waiter.slot] }
    _modify { yield &self[waiter.slot] }
  }
}

/// A client that waits for a lookup, or another lookup.
struct Waiter: BitwiseCopyable {
  var recipient: Recipient
  /// When it has waited long enough; a lookup has deadlines of its own.
  var deadline = UInt64.max
  /// When it is given something stale (RFC 8767 §5).
  ///
  /// Counted from the question's beginning: who comes late to one that is slow doesn't wait through the same
  /// silence again.
  var responseTimeout = UInt64.max
  var next = WaiterID.none
}
