import DNSCache
import DNSExchange
import DNSWire
import Memory

// Who waits for lookups, and their order.

extension Resolver {
  mutating func addWaiter(
    _ recipient: Recipient, since: UInt64, patience: UInt64?, to index: Int
  ) -> Bool {
    var waiter = Waiter(recipient: recipient)
    var isClient = false
    if case .client = recipient {
      guard clientCount < settings.waiterLimit else { return false }
      isClient = true
      waiter.deadline = since + ExchangeTiming.deadline
    }
    if let patience {
      let waitsFor = lookups[index].waitsFor
      let begin = exchanges.started(waitsFor == Resolver.nobody ? index : Int(waitsFor))
      waiter.patienceEnd = min(since, begin) + patience
    }
    guard let place = waiters.insert(waiter) else { return false }
    if isClient { clientCount += 1 }
    link(place, to: index)
    return true
  }

  /// Puts somebody among those who wait for a lookup.
  mutating func link(_ place: Int, to index: Int) {
    waiters[place].next = lookups[index].firstWaiter
    lookups[index].firstWaiter = UInt32(place)
    lookups[index].waiterCount += 1
    lookups[index].isUnasked = false
    lookups[index].earliest = min(
      lookups[index].earliest, waiters[place].deadline, waiters[place].patienceEnd)
    exchanges.setAlarm(index, at: lookups[index].earliest)
  }

  /// Sets a lookup's timer anew.
  mutating func setTimer(_ index: Int, now: UInt64) {
    // Who has cost too much ends, but not in the middle of what is being done for it.
    exchanges.setAlarm(index, at: lookups[index].spent.isOver ? now : lookups[index].earliest)
    exchanges.setTimer(index, now: now)
  }

  // MARK: Order

  mutating func enqueue(_ index: Int) {
    lookups[index].older = newest
    lookups[index].newer = Resolver.nobody
    if newest == Resolver.nobody {
      oldest = UInt32(index)
    } else {
      lookups[Int(newest)].newer = UInt32(index)
    }
    newest = UInt32(index)
  }

  mutating func dequeue(_ index: Int) {
    let older = lookups[index].older
    let newer = lookups[index].newer
    if older == Resolver.nobody { oldest = newer } else { lookups[Int(older)].newer = newer }
    if newer == Resolver.nobody { newest = older } else { lookups[Int(newer)].older = older }
  }
}
