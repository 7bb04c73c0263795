import DNSCache
import DNSExchange
import DNSWire
import Memory

// Who waits for lookups, and their order.

extension Resolver {
  mutating func addWaiter(
    _ recipient: Recipient, since: UInt64, timeout: UInt64?, to id: ExchangeID
  ) -> Bool {
    var waiter = Waiter(recipient: recipient)
    var isClient = false
    if case .client = recipient {
      guard clientCount < settings.waiterLimit else { return false }
      isClient = true
      waiter.deadline = since + ExchangeTiming.deadline
    }
    if let timeout {
      let waitsFor = lookups[id].waitsFor
      let begin = exchanges[waitsFor == .none ? id : waitsFor].started
      waiter.responseTimeout = min(since, begin) + timeout
    }
    guard hasRoomToTell, let slot = waiters.insert(waiter) else { return false }
    if isClient { clientCount += 1 }
    link(WaiterID(slot), to: id)
    return true
  }

  /// Whether one more may wait or be told: there is a completion for each who waits.
  @inline(__always)
  var hasRoomToTell: Bool { waiters.count + completions.count < completions.capacity }

  /// Puts somebody among those who wait for a lookup.
  mutating func link(_ waiter: WaiterID, to id: ExchangeID) {
    waiters[waiter].next = lookups[id].firstWaiter
    lookups[id].firstWaiter = waiter
    lookups[id].waiterCount += 1
    lookups[id].isPrefetch = false
    lookups[id].earliest = min(
      lookups[id].earliest, waiters[waiter].deadline, waiters[waiter].responseTimeout)
    exchanges.setAlarm(id, at: lookups[id].earliest)
  }

  /// Sets a lookup's timer anew.
  mutating func setTimer(_ id: ExchangeID, now: UInt64) {
    // Who has cost too much ends, but not in the middle of what is being done for it.
    exchanges.setAlarm(id, at: lookups[id].spent.isOver ? now : lookups[id].earliest)
    exchanges.setTimer(id, now: now)
  }

  // MARK: Order

  mutating func enqueue(_ id: ExchangeID) {
    lookups[id].older = newest
    lookups[id].newer = .none
    if newest == .none {
      oldest = id
    } else {
      lookups[newest].newer = id
    }
    newest = id
  }

  mutating func dequeue(_ id: ExchangeID) {
    let older = lookups[id].older
    let newer = lookups[id].newer
    if older == .none { oldest = newer } else { lookups[older].newer = newer }
    if newer == .none { newest = older } else { lookups[newer].older = older }
  }
}
