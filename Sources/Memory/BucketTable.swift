/// The heads of a hash table that grows one bucket at a time (linear hashing).
///
/// Growing never pauses: ``grow()`` adds one bucket and names the one whose entries are to be dealt
/// out between the two. The chains themselves belong to the table's user. Linear hashing: W. Litwin,
/// "Linear hashing: a new tool for file and table addressing" (VLDB 1980).
@safe
public struct BucketTable: ~Copyable {
  @usableFromInline let heads: UnsafeMutablePointer<UInt32>
  /// Most buckets there can be.
  public let maximum: Int
  @usableFromInline var bucketCount: Int
  /// The smallest power of two that is at least `count`, less one.
  @usableFromInline var mask: UInt32

  /// Buckets at the start.
  private static let initialCount = 64

  /// Makes a table of empty buckets.
  ///
  /// - Parameter maximum: buckets it may grow to; each costs four bytes once it is there.
  public init(maximum: Int) {
    self.maximum = max(maximum, BucketTable.initialCount)
    // UNREACHABLE: a twentieth of 4 GiB is below.
    precondition(self.maximum <= Int(Int32.max))
    // SAFETY: heads below `count` are initialised, freed in deinit.
    unsafe heads = UnsafeMutablePointer<UInt32>.allocate(capacity: self.maximum)
    unsafe heads.initialize(repeating: 0, count: BucketTable.initialCount)
    bucketCount = BucketTable.initialCount
    mask = UInt32(BucketTable.initialCount - 1)
  }

  deinit {
    // SAFETY: allocated in init; the elements are trivial.
    unsafe heads.deallocate()
  }

  /// Buckets there are.
  @inlinable public var count: Int { bucketCount }

  /// Bytes that the heads take.
  public var octets: Int { count * 4 }

  /// The bucket of a hash.
  @inlinable
  public func bucket(_ hash: UInt32) -> Int {
    let bucket = Int(hash & mask)
    return bucket < count ? bucket : Int(hash & (mask >> 1))
  }

  /// The first entry of a bucket.
  @inlinable
  public subscript(bucket: Int) -> Reference {
    get {
      // UNREACHABLE: a bound: bucket(_:) gives no other.
      precondition(bucket >= 0 && bucket < count)
      // SAFETY: initialised, as just checked.
      return Reference(rawValue: unsafe heads[bucket])
    }
    set {
      // UNREACHABLE: a bound: bucket(_:) gives no other.
      precondition(bucket >= 0 && bucket < count)
      // SAFETY: initialised, as just checked.
      unsafe heads[bucket] = newValue.rawValue
    }
  }

  /// Buckets that so many entries had better have: four for three of them.
  public static func buckets(for entries: Int) -> Int { entries + (entries + 2) / 3 }

  /// The bucket that ``grow()`` will name after a number of other calls: as many as there are at most.
  @inlinable
  public func split(after calls: Int) -> Int {
    let next = count + calls
    // Without its highest bit: the bucket's place in the half that is being dealt out.
    return next ^ (1 << (Int.bitWidth - 1 - next.leadingZeroBitCount))
  }

  /// Adds a bucket, unless there are as many as there may be.
  ///
  /// - Returns: the bucket whose entries must now be looked at again: each belongs to it or to the
  ///   new, last bucket.
  @inlinable
  public mutating func grow() -> Int? {
    guard count < maximum else { return nil }
    if count > Int(mask) { mask = mask << 1 | 1 }
    // SAFETY: `count` is below `maximum`, so inside the allocation.
    unsafe (heads + count).initialize(to: 0)
    let split = count & Int(mask >> 1)
    bucketCount += 1
    return split
  }
}
