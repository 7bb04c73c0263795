import Memory

/// One deadline for each of many numbered things, set and cleared in constant time.
///
/// Deadlines lie in slots of ``tick`` milliseconds; one may be noticed up to a tick late, never early.
/// After G. Varghese and A. Lauck, "Hashed and hierarchical timing wheels" (SOSP 1987), scheme 4.
struct TimerWheel: ~Copyable {
  /// Milliseconds of a slot.
  static let tick: UInt64 = 10
  /// Slots; a deadline further ahead waits in the last one and is put back from there.
  private static let slots = 1_024

  private static let nobody = UInt32.max
  private static let noSlot = UInt16.max

  struct Link: BitwiseCopyable {
    var next = TimerWheel.nobody
    var previous = TimerWheel.nobody
    /// The tick at which the deadline is over.
    var due: UInt64 = 0
    var slot = TimerWheel.noSlot
  }

  private var links: FixedArray<Link>
  private var heads: FixedArray<UInt32>
  private var occupied: FixedArray<UInt64>
  /// The tick up to which, itself included, all deadlines were handed out.
  private var passed: UInt64
  /// Things that have a deadline.
  private(set) var count = 0

  /// Makes a wheel for things numbered below `capacity`.
  init(capacity: Int, now: UInt64) {
    links = FixedArray(repeating: Link(), count: capacity)
    heads = FixedArray(repeating: TimerWheel.nobody, count: TimerWheel.slots)
    occupied = FixedArray(repeating: 0, count: TimerWheel.slots / 64)
    passed = now / TimerWheel.tick
  }

  /// Sets a thing's deadline, in place of any other.
  mutating func schedule(_ thing: Int, at due: UInt64, now: UInt64) {
    cancel(thing)
    // Nobody calls while there are no deadlines, so that the wheel stands still meanwhile.
    if count == 0 { passed = max(passed, now / TimerWheel.tick) }
    put(thing, (due + TimerWheel.tick - 1) / TimerWheel.tick)
  }

  private mutating func put(_ thing: Int, _ due: UInt64) {
    let tick = min(max(due, passed + 1), passed + UInt64(TimerWheel.slots) - 1)
    let slot = Int(tick % UInt64(TimerWheel.slots))
    let head = heads[slot]
    links[thing] = Link(
      next: head, previous: TimerWheel.nobody, due: due, slot: UInt16(slot))
    count += 1
    if head != TimerWheel.nobody { links[Int(head)].previous = UInt32(thing) }
    heads[slot] = UInt32(thing)
    occupied[slot >> 6] |= 1 << UInt64(slot & 63)
  }

  /// Clears a thing's deadline, if it has one.
  mutating func cancel(_ thing: Int) {
    let link = links[thing]
    guard link.slot != TimerWheel.noSlot else { return }
    let slot = Int(link.slot)
    if link.next != TimerWheel.nobody { links[Int(link.next)].previous = link.previous }
    if link.previous != TimerWheel.nobody {
      links[Int(link.previous)].next = link.next
    } else {
      heads[slot] = link.next
      if link.next == TimerWheel.nobody { occupied[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
    }
    links[thing] = Link()
    count -= 1
  }

  /// Takes a thing whose deadline is over, or nothing when there is none yet.
  mutating func popDue(now: UInt64) -> Int? {
    let current = now / TimerWheel.tick
    while let tick = firstOccupied(), tick <= current {
      passed = tick - 1
      let thing = Int(heads[Int(tick % UInt64(TimerWheel.slots))])
      let due = links[thing].due
      cancel(thing)
      if due <= current { return thing }
      put(thing, due)
    }
    passed = max(passed, current)
    return nil
  }

  /// When to look again: when the earliest deadline is over, or sooner.
  var next: UInt64? { firstOccupied().map { $0 * TimerWheel.tick } }

  /// The first tick behind `passed` with a deadline.
  private func firstOccupied() -> UInt64? {
    guard count > 0 else { return nil }
    let first = passed + 1
    let start = Int(first % UInt64(TimerWheel.slots))
    var word = start >> 6
    var bits = occupied[word] & (UInt64.max << UInt64(start & 63))
    for _ in 0...occupied.count {
      if bits != 0 {
        let slot = word << 6 + bits.trailingZeroBitCount
        let ahead = (slot - start + TimerWheel.slots) % TimerWheel.slots
        return first + UInt64(ahead)
      }
      word = (word + 1) % occupied.count
      bits = occupied[word]
    }
    return nil
  }
}
