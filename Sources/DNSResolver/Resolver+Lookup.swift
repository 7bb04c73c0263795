import DNSCache
import DNSExchange
import DNSWire
import Memory

// Finding lookups by name, who waits for them, and their order.

extension Resolver {
  /// The lookup in flight that whoever asks now may join.
  ///
  /// One that waits with data that may not be kept has it for those who asked before it came (RFC 1035 §3.2.1).
  mutating func find(_ key: borrowing NameKey, _ type: RecordType, _ needs: QueryFlags) -> Int? {
    // Only the latest: those before it hold something, and there may be many.
    guard let index = exchanges.find(key, type, needs), lookups[index].held == HeldOverlays()
    else { return nil }
    return index
  }

  mutating func addWaiter(
    _ recipient: Recipient, since: UInt64, patience: UInt64?, to index: Int
  ) -> Bool {
    var waiter = Waiter(recipient: recipient)
    if case .client = recipient {
      guard waiters.count < settings.waiterLimit else { return false }
      waiter.deadline = since + ExchangeTiming.deadline
    }
    if let patience { waiter.patienceEnd = min(since, exchanges.started(index)) + patience }
    guard let place = waiters.insert(waiter) else { return false }
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
