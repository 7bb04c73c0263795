import DNSWire
import Memory

/// Which of some lists have a name, without the names: hashes in a table, at ten octets a name, behind a filter of one.
///
/// A slot holds 44 bits of a hash beside the place that its other bits led to, so a name that is in no list is taken
/// for one that is once in some 10¹² look-ups, and nobody can look for such names who does not know the key.
/// Built in bounded steps: ``prepare(words:)`` until it is ready, then ``insert(_:list:)`` for each entry, best in
/// ascending order of the hashes, which fills the table from one end to the other.
public struct NameSet: ~Copyable, @unchecked Sendable {
  /// What hashes the names.
  public let hasher: NameHasher
  /// What is in it, by open addressing, 0 being an empty place; see ``Slot``.
  private var slots: SegmentedWords
  /// Three bits in one word for each entry: what is in no list mostly lacks one.
  private var filter: SegmentedWords
  /// Entries that are in it; a name that several lists have in the same way is one.
  public private(set) var count = 0
  /// Most labels that an entry has; no longer suffix is looked for.
  private(set) var mostLabels = 0

  /// Lists that a set can tell apart.
  public static let mostLists = 16
  /// Entries at most.
  public static let mostEntries = 100_000_000

  /// Which names an entry is about, and what it says of them: the free bits of a hash.
  public struct Kind: OptionSet, Sendable, BitwiseCopyable {
    /// The bits.
    public let rawValue: UInt64
    /// Takes the bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The name itself.
    public static let itself = Kind(rawValue: 1)
    /// The names below it.
    public static let below = Kind(rawValue: 2)
    /// They are not to be blocked.
    public static let exception = Kind(rawValue: 4)
    /// The list says more of it elsewhere, and this alone says nothing.
    public static let hasDetails = Kind(rawValue: 8)

    static let all = Kind(rawValue: 15)
  }

  /// How a slot is laid out: lists, kind, and bits of the hash.
  private enum Slot {
    static let lists: UInt64 = 0xFFFF
    static let kindShift: UInt64 = 16
    /// The hash's own free bits are where the kind is.
    static let hashShift: UInt64 = 16

    static func key(_ entry: UInt64) -> UInt64 { entry << hashShift }
  }

  /// Makes an empty set.
  ///
  /// - Parameter capacity: entries that will come at most; more find no room.
  public init(capacity: Int, hasher: NameHasher) {
    self.hasher = hasher
    self.capacity = min(max(capacity, 0), NameSet.mostEntries)
    // Four of five places taken at most; one is always empty, where a search ends.
    slots = SegmentedWords(reserving: self.capacity + self.capacity / 4 + 1)
    filter = SegmentedWords(reserving: self.capacity / 8 + 1)
  }

  /// Words that are cleared: of the table, then of the filter.
  private var prepared = 0

  /// Entries that there is room for.
  public let capacity: Int

  /// Octets of memory that it takes.
  public var octets: Int { (slots.count + filter.count) * 8 }

  // MARK: Building

  /// Clears the next words of its memory.
  ///
  /// - Returns: whether all of it is cleared, and entries may come.
  public mutating func prepare(words: Int) -> Bool {
    let end = min(prepared + max(words, 1), slots.count + filter.count)
    while prepared < end {
      if prepared < slots.count { slots[prepared] = 0 } else { filter[prepared - slots.count] = 0 }
      prepared += 1
    }
    return prepared == slots.count + filter.count
  }

  /// Adds an entry of a list; nothing may be added before it is prepared.
  ///
  /// - Parameters:
  ///   - entry: the hash of a name with a ``Kind`` in its free bits.
  ///   - labels: labels of the longest name of the list.
  /// - Returns: whether there was room.
  public mutating func insert(_ entry: UInt64, list: Int) -> Bool {
    let key = Slot.key(entry)
    var place = home(entry)
    while slots[place] != 0 {
      if slots[place] & ~Slot.lists == key {
        slots[place] |= 1 << UInt64(list & 15)
        return true
      }
      place = place &+ 1 == slots.count ? 0 : place &+ 1
    }
    guard count < capacity else { return false }
    slots[place] = key | 1 << UInt64(list & 15)
    filter[word(entry)] |= NameSet.bits(entry)
    count += 1
    return true
  }

  /// Notes how many labels the longest name of a list has.
  public mutating func note(mostLabels labels: Int) { mostLabels = max(mostLabels, labels) }

  /// Gives back a part of its memory, when it is used no more.
  ///
  /// - Parameter part: from 0 on.
  /// - Returns: whether there is another.
  public mutating func release(part: Int) -> Bool {
    if part < slots.segmentCount {
      slots.release(segment: part)
      return true
    }
    let rest = part - slots.segmentCount
    if rest < filter.segmentCount { filter.release(segment: rest) }
    return rest + 1 < filter.segmentCount
  }

  // MARK: Looking up

  /// What lists say of a name, by themselves or of a name above it.
  public struct Found: Sendable, BitwiseCopyable, Equatable {
    /// Lists that block it, a bit for each.
    public var blocking: UInt16 = 0
    /// Lists that except it.
    public var excepting: UInt16 = 0
    /// Lists that say more of it: see ``RuleDetails``.
    public var detailed: UInt16 = 0

    /// Nothing found.
    public init() {}

    /// Whether no list has it.
    public var isEmpty: Bool { blocking | excepting | detailed == 0 }
  }

  /// What lists say of one suffix of a name.
  ///
  /// - Parameters:
  ///   - hash: the suffix's.
  ///   - labels: its labels.
  ///   - isWhole: whether it is the name itself.
  @inline(__always)
  func look(_ hash: UInt64, labels: Int, isWhole: Bool, into found: inout Found) {
    guard labels <= mostLabels else { return }
    let bits = NameSet.bits(hash)
    guard filter[word(hash)] & bits == bits else { return }
    search(hash, isWhole ? .itself : .below, into: &found)
  }

  /// What lists say of a name.
  ///
  /// - Parameter name: wire form, uncompressed, lower-cased.
  public func find(_ name: Span<UInt8>) -> Found {
    var found = Found()
    guard count > 0 else { return found }
    hasher.visitSuffixes(of: name) { hash, labels, start in
      look(hash, labels: labels, isWhole: start == 0, into: &found)
      return labels < mostLabels
    }
    return found
  }

  @inline(never)
  private func search(_ hash: UInt64, _ kind: Kind, into found: inout Found) {
    let key = Slot.key(hash)
    let kinds = Kind.all.rawValue << Slot.kindShift
    var place = home(hash)
    while slots[place] != 0 {
      let slot = slots[place]
      if slot & ~Slot.lists & ~kinds == key {
        let own = Kind(rawValue: slot >> Slot.kindShift & Kind.all.rawValue)
        let lists = UInt16(truncatingIfNeeded: slot)
        if own.contains(.hasDetails) {
          found.detailed |= lists
        } else if !own.isDisjoint(with: kind) {
          if own.contains(.exception) { found.excepting |= lists } else { found.blocking |= lists }
        }
      }
      place = place &+ 1 == slots.count ? 0 : place &+ 1
    }
  }

  /// Where an entry's search begins: in the order of the hashes.
  @inline(__always)
  private func home(_ hash: UInt64) -> Int {
    NameSet.place(hash, of: slots.count)
  }

  @inline(__always)
  private func word(_ hash: UInt64) -> Int {
    NameSet.place(hash, of: filter.count)
  }

  /// One of so many places, in the order of the hashes.
  @inline(__always)
  private static func place(_ hash: UInt64, of count: Int) -> Int {
    let product = (hash &>> 32) &* UInt64(truncatingIfNeeded: count)
    return Int(truncatingIfNeeded: product &>> 32)
  }

  /// By bits that do not lead to the word.
  @inline(__always)
  private static func bits(_ hash: UInt64) -> UInt64 {
    1 &<< (hash &>> 4 & 63) | 1 &<< (hash &>> 10 & 63) | 1 &<< (hash &>> 16 & 63)
  }
}
