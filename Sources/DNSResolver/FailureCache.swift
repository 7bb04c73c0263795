import DNSCache
import DNSExchange
import DNSWire
import Memory

/// Questions that failed not long ago, and are not tried again for a while (RFC 9520).
///
/// Where there is room, it also has what people may wonder about: answers that were not kept. These keep
/// nobody from asking.
///
/// A table of fixed size: sets of a few slots, chosen by the name's hash; in a full set the entry that
/// expires first gives way.
struct FailureCache: ~Copyable {
  /// Questions remembered at most.
  static let capacity = 2_048
  /// Slots of a set.
  private static let ways = 8
  /// Milliseconds for which the first failure is remembered (RFC 9520 §3.2: at least a second).
  static let firstLife: UInt64 = 1_000
  /// Milliseconds for which any failure is remembered at most (RFC 9520 §3.2 allows five minutes).
  static let mostLife: UInt64 = 30_000
  /// Prefetches that failed and whose data is to be told at most; what is more is not asked for again before
  /// a tenth of what its data has left.
  private static let prefetchLimit = 64
  /// Milliseconds between two prefetches of a question when the first fails.
  private static let prefetchPause: UInt64 = 1_000
  /// Milliseconds after its time within which a question that fails again counts as still failing.
  private static let memory: UInt64 = 60_000

  struct Entry: BitwiseCopyable {
    /// Entries of earlier epochs are gone.
    var epoch: UInt32 = 0
    var nameHash: UInt32 = 0
    var type = RecordType(rawValue: 0)
    /// With CD, data may be had that fails without.
    var queryFlags: QueryFlags = []
    var nameCount: UInt8 = 0
    /// Failures in a row; none where there was an answer.
    var failures: UInt8 = 0
    var cause = ResolutionError.silence
    var detail = FailureDetail(.silence)
    /// Octets of what upstream said of it (``UpstreamErrors``).
    var errorsCount: UInt8 = 0
    /// When it happened.
    var time: UInt64 = 0
    /// When the question may be tried again.
    var until: UInt64 = 0
  }

  private var entries: FixedArray<Entry>
  private var names: BufferPool
  private var errors: BufferPool
  /// Where prefetches are noted that failed.
  private var failedPrefetches = Queue<UInt16>(capacity: FailureCache.prefetchLimit, filler: 0)
  private var epoch: UInt32 = 1
  /// Questions remembered, expired ones among them.
  private(set) var count = 0

  init() {
    entries = FixedArray(repeating: Entry(), count: FailureCache.capacity)
    names = BufferPool(count: FailureCache.capacity, size: WireName.longest)
    errors = BufferPool(count: FailureCache.capacity, size: UpstreamErrors.size)
  }

  /// Why a question is not worth trying now, if it isn't.
  func find(
    _ key: borrowing NameKey, _ type: RecordType, _ queryFlags: QueryFlags, now: UInt64
  ) -> Failure? {
    guard count > 0, let slot = slot(of: key.octets, key.hash, type, queryFlags),
      now < entries[slot].until
    else { return nil }
    var failure = Failure(entries[slot].cause, isCached: true)
    failure.slot = UInt16(truncatingIfNeeded: slot)
    failure.nameHash = key.hash
    return failure
  }

  /// What upstream said of a failure, if it is still remembered.
  @_lifetime(borrow self)
  func upstreamErrors(of failure: Failure) -> Span<UInt8> {
    let slot = Int(failure.slot)
    guard slot < FailureCache.capacity, entries[slot].epoch == epoch,
      entries[slot].nameHash == failure.nameHash
    else { return errors.octets(in: 0, count: 0) }
    return errors.octets(in: slot, count: Int(entries[slot].errorsCount))
  }

  /// Remembers that a question failed: for a second, and twice as long each time it fails again.
  ///
  /// - Parameter upstreamErrors: what upstream said of it.
  /// - Returns: where, and whether another question that was still remembered had to give way.
  mutating func remember(
    _ name: Span<UInt8>, hash: UInt32, type: RecordType, queryFlags: QueryFlags,
    cause: ResolutionError, detail: FailureDetail, upstreamErrors: Span<UInt8>, now: UInt64
  ) -> (slot: Int, isForced: Bool) {
    if let slot = slot(of: name, hash, type, queryFlags) {
      let entry = entries[slot]
      let isStill = now < entry.until + FailureCache.memory
      let failures = isStill ? min(entry.failures + 1, 32) : 1
      entries[slot].failures = failures
      entries[slot].cause = cause
      entries[slot].detail = detail
      entries[slot].errorsCount = UInt8(truncatingIfNeeded: upstreamErrors.count)
      errors.store(upstreamErrors, in: slot)
      entries[slot].time = now
      entries[slot].until = now + FailureCache.life(failures: failures)
      return (slot, false)
    }
    let victim = victim(hash)
    let isForced = entries[victim].epoch == epoch && now < entries[victim].until
    put(
      Entry(
        epoch: epoch, nameHash: hash, type: type, queryFlags: queryFlags,
        nameCount: UInt8(name.count),
        failures: 1, cause: cause, detail: detail,
        errorsCount: UInt8(truncatingIfNeeded: upstreamErrors.count), time: now,
        until: now + FailureCache.life(failures: 1)), name, at: victim)
    errors.store(upstreamErrors, in: victim)
    return (victim, isForced)
  }

  /// Notes why a question's answer was not kept, if that takes no failure's slot that still counts.
  ///
  /// - Parameter isPrefetch: whether it is a prefetch that failed: ``takeFailedPrefetch(into:)`` tells.
  mutating func note(
    _ name: Span<UInt8>, hash: UInt32, type: RecordType, queryFlags: QueryFlags,
    detail: FailureDetail,
    isPrefetch: Bool = false, now: UInt64
  ) {
    let slot = slot(of: name, hash, type, queryFlags) ?? victim(hash)
    guard entries[slot].epoch != epoch || entries[slot].until <= now else { return }
    if isPrefetch { _ = failedPrefetches.push(UInt16(truncatingIfNeeded: slot)) }
    put(
      Entry(
        epoch: epoch, nameHash: hash, type: type, queryFlags: queryFlags,
        nameCount: UInt8(name.count),
        detail: detail, time: now, until: now), name, at: slot)
  }

  /// Whether ``takeFailedPrefetch(into:)`` may have something.
  var hasFailedPrefetches: Bool { failedPrefetches.count > 0 }

  /// Takes out the name, type and flags of a prefetch that failed.
  mutating func takeFailedPrefetch(
    into key: inout NameKey
  ) -> (type: RecordType, queryFlags: QueryFlags)? {
    while let slot = failedPrefetches.pop() {
      let entry = entries[Int(slot)]
      guard entry.epoch == epoch else { continue }
      key.load(
        names.octets(in: Int(slot), count: Int(entry.nameCount)), withHash: entry.nameHash)
      return (entry.type, entry.queryFlags)
    }
    return nil
  }

  /// Whether a prefetch is too early, since one for the same question failed just now.
  func isTooSoon(
    _ key: borrowing NameKey, _ type: RecordType, _ queryFlags: QueryFlags, now: UInt64
  ) -> Bool {
    guard count > 0, let slot = slot(of: key.octets, key.hash, type, queryFlags) else {
      return false
    }
    return now < entries[slot].time + FailureCache.prefetchPause
  }

  private mutating func put(_ entry: Entry, _ name: Span<UInt8>, at slot: Int) {
    if entries[slot].epoch != epoch { count += 1 }
    entries[slot] = entry
    names.store(name, in: slot)
  }

  /// The slot of a set that is free, or whose entry expires first.
  private func victim(_ hash: UInt32) -> Int {
    let first = FailureCache.firstSlot(hash)
    var victim = first
    for slot in first..<first + FailureCache.ways {
      if entries[slot].epoch != epoch { return slot }
      if entries[slot].until < entries[victim].until { victim = slot }
    }
    return victim
  }

  /// Visits what is remembered of a name's questions.
  func visit(_ key: borrowing NameKey, now: UInt64, _ body: (FailureView) -> Void) {
    let first = FailureCache.firstSlot(key.hash)
    for slot in first..<first + FailureCache.ways where isEntry(slot, key.octets, key.hash) {
      let entry = entries[slot]
      body(
        FailureView(
          type: entry.type, queryFlags: entry.queryFlags, detail: entry.detail,
          age: now &- min(now, entry.time), failures: Int(entry.failures),
          blockedFor: entry.until &- min(now, entry.until)))
    }
  }

  /// Forgets that a question failed: it has an answer now.
  mutating func forget(
    _ name: Span<UInt8>, hash: UInt32, type: RecordType, queryFlags: QueryFlags
  ) {
    guard count > 0, let slot = slot(of: name, hash, type, queryFlags) else { return }
    remove(slot)
  }

  /// Forgets all questions for a name.
  mutating func forget(_ key: borrowing NameKey) {
    guard count > 0 else { return }
    let first = FailureCache.firstSlot(key.hash)
    for slot in first..<first + FailureCache.ways where isEntry(slot, key.octets, key.hash) {
      remove(slot)
    }
  }

  /// Forgets everything.
  mutating func forgetAll() {
    epoch &+= 1
    count = 0
  }

  /// Milliseconds for which a question's failure is remembered, by how many there were in a row.
  static func life(failures: UInt8) -> UInt64 {
    min(firstLife << UInt64(min(failures, 16) - 1), mostLife)
  }

  // MARK: Slots

  private static func firstSlot(_ hash: UInt32) -> Int {
    (Int(hash) & (capacity / ways - 1)) * ways
  }

  private func isEntry(_ slot: Int, _ name: Span<UInt8>, _ hash: UInt32) -> Bool {
    let entry = entries[slot]
    guard entry.epoch == epoch, entry.nameHash == hash, Int(entry.nameCount) == name.count else {
      return false
    }
    let octets = names.octets(in: slot, count: name.count)
    for offset in 0..<name.count where octets[offset] != name[offset] { return false }
    return true
  }

  private func slot(
    of name: Span<UInt8>, _ hash: UInt32, _ type: RecordType, _ queryFlags: QueryFlags
  ) -> Int? {
    let first = FailureCache.firstSlot(hash)
    for slot in first..<first + FailureCache.ways
    where entries[slot].type == type && entries[slot].queryFlags == queryFlags
      && isEntry(slot, name, hash)
    {
      return slot
    }
    return nil
  }

  private mutating func remove(_ slot: Int) {
    entries[slot].epoch = epoch &- 1
    count -= 1
  }
}
