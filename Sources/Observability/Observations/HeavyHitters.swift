import Memory

/// The keys that come up most in a stream too varied to count each: the space-saving algorithm.
///
/// A fixed number of keys is watched. A key that is not among them takes the place of the one with the
/// lowest count, and that count with it, which is noted as its error. So no key's count is too low, none
/// is higher than the truth by more than its error, no error is above the total divided by
/// ``capacity``, and whatever makes up a larger share of the stream is among the keys watched.
/// Metwally, Agrawal, El Abbadi: "Efficient computation of frequent and top-k elements in data streams"
/// (ICDT 2005).
///
/// All memory is taken when it is made. Noting a key of weight *w* looks at one chain of the hash table
/// and passes at most *w* groups of equal counts, however many keys there are; nothing is allocated.
public struct HeavyHitters: ~Copyable {
  /// How many keys are watched at a time.
  public let capacity: Int
  /// The sum of the weights that were noted.
  public private(set) var total: UInt64 = 0
  /// The sum of *w* (*w* - 1) over the weights *w* that were noted.
  private var variance: UInt64 = 0
  /// How many keys are being watched.
  public private(set) var count = 0

  private var places: FixedArray<Place>
  private var keys: BufferPool
  private let keySize: Int
  /// For each bucket of the hash table the first place, ``nobody`` when it is empty.
  private var buckets: FixedArray<UInt32>
  /// Keys of one count stand together, so that the lowest is found, and the order kept, without search.
  private var groups: Slab<Group>
  private var lowest = HeavyHitters.nobody
  private var highest = HeavyHitters.nobody

  private static let nobody = UInt32.max

  /// A key that is watched.
  struct Place: BitwiseCopyable {
    var hash: UInt32 = 0
    var tag: UInt32 = 0
    var keyCount: UInt16 = 0
    /// The part of the count that may be others'.
    var error: UInt64 = 0
    /// The sum of *w* (*w* - 1) over the weights *w* that the count consists of.
    var variance: UInt64 = 0
    /// How often the key itself was noted.
    var sightings: UInt64 = 0
    var group = UInt32.max
    /// Neighbours in the ring of the group.
    var previous: UInt32 = 0
    var next: UInt32 = 0
    /// The next place of the same bucket.
    var chain = UInt32.max
  }

  /// The keys that have one count.
  struct Group: BitwiseCopyable {
    var count: UInt64
    /// The member that came first.
    var first: UInt32
    var lower: UInt32
    var higher: UInt32
  }

  /// What is known of a key.
  public struct Estimate: Equatable, Sendable {
    /// At least how often it came, and at most ``error`` more than that.
    public let count: UInt64
    /// By how much the count may be too high.
    public let error: UInt64
    /// Bounds of the true count.
    public let range: ClosedRange<UInt64>
  }

  /// Makes one that watches nothing yet.
  ///
  /// - Parameters:
  ///   - capacity: how many keys are watched; counts are wrong by at most the total divided by this.
  ///   - keySize: bytes that a key has at most.
  public init(capacity: Int, keySize: Int) {
    // UNREACHABLE: capacities are constants.
    precondition(capacity > 0 && capacity < 1 << 24)
    self.capacity = capacity
    self.keySize = keySize
    places = FixedArray(repeating: Place(), count: capacity)
    keys = BufferPool(count: capacity, size: keySize)
    var bucketCount = 2
    while bucketCount < capacity * 2 { bucketCount *= 2 }
    buckets = FixedArray(repeating: HeavyHitters.nobody, count: bucketCount)
    // One more than there can be at rest: a new one is made before the old one is given back.
    groups = Slab(capacity: capacity + 1)
  }

  // MARK: Noting

  /// Counts a key.
  ///
  /// - Parameters:
  ///   - key: its bytes; at most what it was made for.
  ///   - tag: what belongs to the key besides, as a type.
  ///   - hash: a hash of the key's bytes that their sender can't foresee; the tag is added to it here.
  ///   - weight: how many times at once.
  public mutating func note(_ key: Span<UInt8>, tag: UInt32, hash: UInt32, weight: UInt64 = 1) {
    // UNREACHABLE: names have 255 octets at most, addresses 16.
    precondition(key.count <= keySize)
    if weight == 0 { return }
    total &+= weight
    variance &+= HeavyHitters.variance(of: weight)
    let hash = hash ^ tag &* 0x9E37_79B1
    var place = find(key, tag, hash)
    if place == HeavyHitters.nobody {
      guard count == capacity else {
        add(key, tag, hash, weight)
        return
      }
      place = groups[Int(lowest)].first
      replace(place, key, tag, hash)
    }
    places[Int(place)].variance &+= HeavyHitters.variance(of: weight)
    places[Int(place)].sightings &+= 1
    raise(place, by: weight)
  }

  /// What a weight adds to the variance: nothing when every query is counted.
  private static func variance(of weight: UInt64) -> UInt64 { weight &* (weight &- 1) }

  /// Forgets all.
  public mutating func removeAll() {
    while lowest != HeavyHitters.nobody {
      let next = groups[Int(lowest)].higher
      groups.remove(Int(lowest))
      lowest = next
    }
    highest = HeavyHitters.nobody
    for bucket in 0..<buckets.count { buckets[bucket] = HeavyHitters.nobody }
    count = 0
    total = 0
    variance = 0
  }

  private func find(_ key: Span<UInt8>, _ tag: UInt32, _ hash: UInt32) -> UInt32 {
    var place = buckets[bucket(hash)]
    while place != HeavyHitters.nobody {
      let index = Int(place)
      if places[index].hash == hash, places[index].tag == tag,
        Int(places[index].keyCount) == key.count,
        keys.octets(in: index, count: key.count).holds(key, 0)
      {
        return place
      }
      place = places[index].chain
    }
    return HeavyHitters.nobody
  }

  @inline(__always)
  private func bucket(_ hash: UInt32) -> Int { Int(hash) & (buckets.count &- 1) }

  /// Begins to watch a key while there is room.
  private mutating func add(_ key: Span<UInt8>, _ tag: UInt32, _ hash: UInt32, _ weight: UInt64) {
    let place = UInt32(count)
    count += 1
    places[Int(place)].error = 0
    places[Int(place)].variance = HeavyHitters.variance(of: weight)
    places[Int(place)].sightings = 1
    take(place, key, tag, hash)
    var below = HeavyHitters.nobody
    var above = lowest
    while above != HeavyHitters.nobody, groups[Int(above)].count < weight {
      below = above
      above = groups[Int(above)].higher
    }
    join(place, count: weight, between: below, and: above)
  }

  /// Gives a place to another key, which inherits the count.
  private mutating func replace(
    _ place: UInt32, _ key: Span<UInt8>, _ tag: UInt32, _ hash: UInt32
  ) {
    let bucket = bucket(places[Int(place)].hash)
    if buckets[bucket] == place {
      buckets[bucket] = places[Int(place)].chain
    } else {
      var before = Int(buckets[bucket])
      while places[before].chain != place { before = Int(places[before].chain) }
      places[before].chain = places[Int(place)].chain
    }
    places[Int(place)].error = groups[Int(lowest)].count
    places[Int(place)].sightings = 0
    take(place, key, tag, hash)
  }

  /// Enters a key in the hash table.
  private mutating func take(_ place: UInt32, _ key: Span<UInt8>, _ tag: UInt32, _ hash: UInt32) {
    let index = Int(place)
    keys.store(key, in: index)
    places[index].keyCount = UInt16(key.count)
    places[index].tag = tag
    places[index].hash = hash
    places[index].chain = buckets[bucket(hash)]
    buckets[bucket(hash)] = place
  }

  // MARK: Order

  /// Moves a place up by a weight.
  private mutating func raise(_ place: UInt32, by weight: UInt64) {
    let group = places[Int(place)].group
    let target = groups[Int(group)].count &+ weight
    var below = group
    var above = groups[Int(group)].higher
    // Counts are whole and differ, so that fewer than the weight lie between.
    while above != HeavyHitters.nobody, groups[Int(above)].count < target {
      below = above
      above = groups[Int(above)].higher
    }
    let isAlone = places[Int(place)].next == place
    if isAlone, below == group,
      above == HeavyHitters.nobody || groups[Int(above)].count != target
    {
      // The whole group is this key, and it stays where it is.
      groups[Int(group)].count = target
      return
    }
    leave(place)
    if isAlone {
      if below == group { below = groups[Int(group)].lower }
      remove(group)
    }
    join(place, count: target, between: below, and: above)
  }

  /// Puts a place into the group of a count, which is the upper of two neighbours or comes between.
  private mutating func join(
    _ place: UInt32, count: UInt64, between below: UInt32, and above: UInt32
  ) {
    if above != HeavyHitters.nobody, groups[Int(above)].count == count {
      // At the end of the ring: of those with the lowest count, the one longest there goes first.
      let first = groups[Int(above)].first
      let last = places[Int(first)].previous
      places[Int(place)].next = first
      places[Int(place)].previous = last
      places[Int(last)].next = place
      places[Int(first)].previous = place
      places[Int(place)].group = above
      return
    }
    // UNREACHABLE: each group has a key, and there is one place more than keys.
    guard
      let made = groups.insert(Group(count: count, first: place, lower: below, higher: above))
    else { preconditionFailure("more groups than keys") }
    let group = UInt32(made)
    if below == HeavyHitters.nobody { lowest = group } else { groups[Int(below)].higher = group }
    if above == HeavyHitters.nobody { highest = group } else { groups[Int(above)].lower = group }
    places[Int(place)].next = place
    places[Int(place)].previous = place
    places[Int(place)].group = group
  }

  /// Takes a place out of its group's ring.
  private mutating func leave(_ place: UInt32) {
    let (previous, next) = (places[Int(place)].previous, places[Int(place)].next)
    places[Int(previous)].next = next
    places[Int(next)].previous = previous
    let group = Int(places[Int(place)].group)
    if groups[group].first == place { groups[group].first = next }
  }

  /// Takes an empty group out.
  private mutating func remove(_ group: UInt32) {
    let (lower, higher) = (groups[Int(group)].lower, groups[Int(group)].higher)
    if lower == HeavyHitters.nobody { lowest = higher } else { groups[Int(lower)].higher = higher }
    if higher == HeavyHitters.nobody { highest = lower } else { groups[Int(higher)].lower = lower }
    groups.remove(Int(group))
  }

  // MARK: Reading

  /// Visits the keys that came most, the highest count first.
  ///
  /// - Parameter limit: how many at most.
  public func visitTop(
    _ limit: Int, _ body: (_ key: Span<UInt8>, _ tag: UInt32, _ estimate: Estimate) -> Void
  ) {
    var left = limit
    var group = highest
    while group != HeavyHitters.nobody, left > 0 {
      let first = groups[Int(group)].first
      var place = first
      repeat {
        let index = Int(place)
        body(
          keys.octets(in: index, count: Int(places[index].keyCount)), places[index].tag,
          estimate(places[index], count: groups[Int(group)].count))
        left -= 1
        place = places[index].next
      } while place != first && left > 0
      group = groups[Int(group)].lower
    }
  }

  /// Standard deviations on both sides of a count.
  ///
  /// A reader of the rows sees the highest of a thousand counts, so the bounds of all have to hold at
  /// once: one in 16,000 is outside of four.
  private static let deviations = 4.0

  /// What is known of a place.
  ///
  /// A weight of *w* stands for queries of which each had a chance of 1/*w* to be noted, so that a count varies as
  /// that of a Poisson process, by *w* (*w* - 1) for each weight. With weights of one alone that is nothing,
  /// and the bounds are what space-saving leaves open.
  private func estimate(_ place: Place, count: UInt64) -> Estimate {
    let z = HeavyHitters.deviations
    let certain = count - min(place.error, count)
    let spread = z * Double(place.variance).squareRoot()
    let low = max(place.sightings, UInt64(max(0, (Double(certain) - spread).rounded(.down))))
    // The upper end of the score interval. What was passed over may have had the weights of all, not
    // those that were seen.
    let unit = max(
      Double(variance) / Double(max(total, 1)), Double(place.variance) / Double(max(count, 1)))
    let middle = unit * z * z / 2
    let reach = (z * z * Double(count) * unit + middle * middle).squareRoot()
    let highest = min(0x1p62, (Double(count) + middle + reach).rounded(.up))
    let high = unit == 0 ? count : UInt64(highest)
    return Estimate(
      count: count, error: place.error, range: min(low, count)...max(high, count))
  }

  /// Whether order, rings, table and total agree with each other; for tests.
  func checkInvariants() -> Bool {
    var seen = 0
    var sum: UInt64 = 0
    var group = lowest
    var below = HeavyHitters.nobody
    var last: UInt64 = 0
    while group != HeavyHitters.nobody {
      guard groups.contains(Int(group)), groups[Int(group)].lower == below,
        groups[Int(group)].count > last
      else { return false }
      last = groups[Int(group)].count
      let first = groups[Int(group)].first
      var place = first
      repeat {
        let index = Int(place)
        guard places[index].group == group,
          places[Int(places[index].next)].previous == place,
          find(
            keys.octets(in: index, count: Int(places[index].keyCount)), places[index].tag,
            places[index].hash) == place,
          places[index].error < last || places[index].error == 0
        else { return false }
        seen += 1
        sum += last
        place = places[index].next
      } while place != first && seen <= count
      below = group
      group = groups[Int(group)].higher
    }
    // What a key inherits was counted before: the counts always add up to the total.
    return below == highest && seen == count && sum == total && groups.count <= max(count, 1)
  }
}
