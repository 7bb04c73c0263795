import DNSWire
import Memory

/// Addresses → names: which owner names have an A or AAAA record with this address.
///
/// The index has no memory of its own beyond its buckets; its entries are the address records
/// themselves. Entries with equal addresses form a group, and only a group's first entry is in its
/// bucket's chain, so that an address shared by a hundred thousand names costs no more to take in or
/// take out than any other.
struct AddressIndex: ~Copyable {
  private var table: BucketTable
  private let seed: HashSeed
  /// Octets of an address: 4 or 16.
  private let width: Int
  /// How many different addresses there are.
  private(set) var count = 0

  init(width: Int, seed: HashSeed, maximumBuckets: Int) {
    self.width = width
    self.seed = seed
    table = BucketTable(maximum: maximumBuckets)
  }

  var octets: Int { table.octets }

  /// Takes an entry in; its address and owner are set already.
  mutating func insert(_ entry: Reference, in arena: inout Arena) {
    let (high, low) = address(entry, in: arena)
    let bucket = table.bucket(seed.hash(high: high, low: low))
    let first = group(high, low, bucket, in: arena)
    if !first.isNone {
      let next = arena.link(first, AddressField.nextSame)
      arena.setLink(entry, AddressField.chain, .none)
      arena.setLink(entry, AddressField.nextSame, next)
      arena.setLink(entry, AddressField.previousSame, first)
      if !next.isNone { arena.setLink(next, AddressField.previousSame, entry) }
      arena.setLink(first, AddressField.nextSame, entry)
      return
    }
    arena.setLink(entry, AddressField.chain, table[bucket])
    arena.setLink(entry, AddressField.nextSame, .none)
    arena.setLink(entry, AddressField.previousSame, .none)
    table[bucket] = entry
    count += 1
    // Twice: see the table of names.
    for _ in 0..<2 where count * 4 > table.count * 3 { split(in: &arena) }
  }

  /// Takes an entry out.
  mutating func remove(_ entry: Reference, in arena: inout Arena) {
    let next = arena.link(entry, AddressField.nextSame)
    let previous = arena.link(entry, AddressField.previousSame)
    if !next.isNone { arena.setLink(next, AddressField.previousSame, previous) }
    if !previous.isNone {
      arena.setLink(previous, AddressField.nextSame, next)
      return
    }
    // The first of its group: the next one takes its place in the chain, or the group ends.
    let (high, low) = address(entry, in: arena)
    let bucket = table.bucket(seed.hash(high: high, low: low))
    let chain = arena.link(entry, AddressField.chain)
    let successor = next.isNone ? chain : next
    if next.isNone { count -= 1 } else { arena.setLink(next, AddressField.chain, chain) }
    if table[bucket] == entry {
      table[bucket] = successor
      return
    }
    var before = table[bucket]
    while arena.link(before, AddressField.chain) != entry {
      before = arena.link(before, AddressField.chain)
    }
    arena.setLink(before, AddressField.chain, successor)
  }

  /// The first entry with an address; ``AddressField/nextSame`` leads to the others.
  func first(high: UInt64, low: UInt64, in arena: borrowing Arena) -> Reference {
    group(high, low, table.bucket(seed.hash(high: high, low: low)), in: arena)
  }

  /// The first entry of the bucket that an address with this hash has, or would have.
  func head(_ hash: UInt32) -> Reference { table[table.bucket(hash)] }

  private func group(
    _ high: UInt64, _ low: UInt64, _ bucket: Int, in arena: borrowing Arena
  ) -> Reference {
    var entry = table[bucket]
    while !entry.isNone {
      if address(entry, in: arena) == (high, low) { return entry }
      entry = arena.link(entry, AddressField.chain)
    }
    return .none
  }

  private func address(_ entry: Reference, in arena: borrowing Arena) -> (UInt64, UInt64) {
    if width == 4 {
      return (0, UInt64(arena.load32(entry, AddressField.address).bigEndian))
    }
    return (
      arena.load64(entry, AddressField.address).bigEndian,
      arena.load64(entry, AddressField.address + 8).bigEndian
    )
  }

  /// Grows the table for as many addresses as are about to come, by so many buckets at most.
  mutating func grow(towards addresses: Int, buckets: Int, in arena: inout Arena) {
    let wanted = BucketTable.buckets(for: addresses)
    for _ in 0..<min(buckets, max(wanted - table.count, 0)) { split(in: &arena) }
  }

  /// Adds a bucket; does nothing when there are as many as there may be.
  private mutating func split(in arena: inout Arena) {
    guard let old = table.grow() else { return }
    var entry = table[old]
    table[old] = .none
    while !entry.isNone {
      let next = arena.link(entry, AddressField.chain)
      let (high, low) = address(entry, in: arena)
      let bucket = table.bucket(seed.hash(high: high, low: low))
      arena.setLink(entry, AddressField.chain, table[bucket])
      table[bucket] = entry
      entry = next
    }
  }

  // UNREACHABLE: only tests call this.
  /// Checks chains and groups, and counts the entries; for tests.
  func _checkInvariants(in arena: borrowing Arena) -> Int {
    var entries = 0
    var groups = 0
    for bucket in 0..<table.count {
      var first = table[bucket]
      while !first.isNone {
        let (high, low) = address(first, in: arena)
        precondition(table.bucket(seed.hash(high: high, low: low)) == bucket)
        precondition(group(high, low, bucket, in: arena) == first, "one group an address")
        groups += 1
        var previous = Reference.none
        var entry = first
        while !entry.isNone {
          precondition(arena.link(entry, AddressField.previousSame) == previous)
          precondition(address(entry, in: arena) == (high, low))
          entries += 1
          previous = entry
          entry = arena.link(entry, AddressField.nextSame)
        }
        first = arena.link(first, AddressField.chain)
      }
    }
    precondition(groups == count)
    return entries
  }
}
