import DNSWire
import Memory

// What may not be kept, because its TTL is zero or it is too large, is answered all the same: to those who
// wait for it. It lies in a part of the arena of its own, where no name of the cache leads to it, and
// `Cache.answer` is told of it by those who may have it.

/// The uncacheable RRsets of one reply, until the last one who waits for them has released them.
public struct Overlay: Equatable, Sendable, BitwiseCopyable {
  /// The first of its entries.
  let head: Reference

  /// Nothing beside the cache: all is there.
  public static var none: Overlay { Overlay(head: .none) }
}

/// Overlays that a lookup goes on needing while it waits for what an alias leads to.
public struct HeldOverlays: Equatable, Sendable, BitwiseCopyable {
  /// The one held last.
  var last = Reference.none

  /// Holds nothing.
  public init() {}

  fileprivate init(last: Reference) { self.last = last }
}

/// What a client that has waited is answered from beside the cache: the last reply's overlay, then what its lookup
/// held.
///
/// One word, since each hit hands it on.
public struct OverlayPair: Sendable, BitwiseCopyable {
  private let rawValue: UInt64

  /// Names both.
  public init(_ overlay: Overlay = .none, held: HeldOverlays = HeldOverlays()) {
    rawValue = UInt64(held.last.rawValue) << 32 | UInt64(overlay.head.rawValue)
  }

  private init(rawValue: UInt64) { self.rawValue = rawValue }

  /// For a query that just came: nothing but the cache, where the name counts as used.
  public static var newQuery: OverlayPair { OverlayPair(rawValue: .max) }

  /// The same after block lists have been asked about all names on the way.
  public static var screenedQuery: OverlayPair { OverlayPair(rawValue: .max - 1) }

  /// Whether a query just came.
  @inline(__always)
  public var isNewQuery: Bool { rawValue >= .max - 1 }

  /// Whether names are to be found that may be in block lists.
  @inline(__always)
  var isUnscreened: Bool { rawValue == .max }

  /// Whether there is something beside the cache, as for few answers.
  @inline(__always)
  var hasOverlay: Bool { rawValue &+ 2 > 2 }

  /// That of the last reply.
  public var overlay: Overlay {
    Overlay(head: Reference(rawValue: UInt32(truncatingIfNeeded: rawValue)))
  }

  /// What its lookup held.
  public var held: HeldOverlays {
    HeldOverlays(last: Reference(rawValue: UInt32(truncatingIfNeeded: rawValue >> 32)))
  }
}

/// Where the fields of an overlay's entry lie: a name with one RRset, laid out as a node is.
private enum OverlayField {
  /// The next entry of the overlay.
  static let next = NodeField.chain
  /// How many have still to release the overlay; only its head has it.
  static let users = NodeField.newer
}

/// Where the fields lie with which a lookup holds an overlay.
private enum HeldField {
  /// The one that was held before.
  static let next = 0
  static let overlay = 4
  /// How many have still to release it, and those before.
  static let users = 8
  static let size = 12
}

extension Cache {
  /// Most entries of an overlay: an alias and its DNAME for each link of a chain, and what the last leads to.
  private static let overlayLimit = 2 * (longestChain + 1) + 1

  // MARK: Building

  /// Adds an RRset to the overlay of the reply that is being taken in.
  ///
  /// - Returns: the RRset's place; nothing when there is no room.
  mutating func addToOverlay(
    _ owner: borrowing NameKey, _ type: RecordType, _ kind: RRset.Kind, _ data: Span<UInt8>,
    _ dnssecRecords: DNSSECRecords, _ flags: RRsetFlags, now: UInt32
  ) -> Reference? {
    guard isStoring, overlayCount < Cache.overlayLimit,
      let entry = uncacheableArena.allocate(octets: NodeField.name + owner.count)
    else {
      counters.noRoom += 1
      return nil
    }
    guard
      let set = makeSet(
        type, kind, data, dnssecRecords, flags, owner: .none, isUncacheable: true, now: now)
    else {
      uncacheableArena.free(entry)
      return nil
    }
    arena.store32(owner.hash, entry, NodeField.hash)
    arena.setLink(entry, NodeField.firstSet, set)
    arena.store8(UInt8(owner.count), entry, NodeField.nameCount)
    arena.store(owner.octets, entry, NodeField.name)
    arena.setLink(entry, OverlayField.next, overlay.head)
    arena.store32(1, entry, OverlayField.users)
    overlay = Overlay(head: entry)
    overlayCount += 1
    return set
  }

  /// A block for an RRset that may not be kept.
  mutating func allocateUncacheable(_ octets: Int) -> Reference? {
    guard octets <= Cache.largestBlock else { return nil }
    if let set = uncacheableArena.allocate(octets: octets) { return set }
    guard !isReserveUsed else { return nil }
    isReserveUsed = true
    return reserve
  }

  /// Octets that overlays take.
  public var overlayOctets: Int {
    uncacheableArena.used - (isReserveUsed ? 0 : uncacheableArena.room(reserve) + Arena.unit)
  }

  // MARK: Using

  /// Hands on one use of an overlay to so many others, each of whom will release it.
  public mutating func share(_ overlay: Overlay, among users: Int) {
    if overlay == .none { return }
    let own = arena.load32(overlay.head, OverlayField.users)
    arena.store32(own &+ UInt32(users), overlay.head, OverlayField.users)
    release(overlay)
  }

  /// Ends one use of an overlay; the last one frees it.
  public mutating func release(_ overlay: Overlay) {
    if overlay == .none { return }
    let users = arena.load32(overlay.head, OverlayField.users)
    guard users <= 1 else {
      arena.store32(users - 1, overlay.head, OverlayField.users)
      return
    }
    var entry = overlay.head
    while !entry.isNone {
      let next = arena.link(entry, OverlayField.next)
      let set = arena.link(entry, NodeField.firstSet)
      if set == reserve { isReserveUsed = false } else { uncacheableArena.free(set) }
      uncacheableArena.free(entry)
      entry = next
    }
  }

  /// Keeps one use of an overlay for a lookup that goes on waiting; what it holds is not yet shared.
  ///
  /// Where there is no room, or the reserve is in use, it is released: the lookup asks again.
  public mutating func hold(_ overlay: Overlay, in held: inout HeldOverlays) {
    if overlay == .none { return }
    guard !isReserveUsed, let place = uncacheableArena.allocate(octets: HeldField.size) else {
      release(overlay)
      return
    }
    arena.setLink(place, HeldField.next, held.last)
    arena.setLink(place, HeldField.overlay, overlay.head)
    arena.store32(1, place, HeldField.users)
    held.last = place
  }

  /// Keeps what another lookup held, too.
  public mutating func hold(allOf other: HeldOverlays, in held: inout HeldOverlays) {
    var place = other.last
    while !place.isNone {
      let overlay = Overlay(head: arena.link(place, HeldField.overlay))
      arena.store32(
        arena.load32(overlay.head, OverlayField.users) &+ 1, overlay.head, OverlayField.users)
      hold(overlay, in: &held)
      place = arena.link(place, HeldField.next)
    }
  }

  /// The same for both.
  public mutating func share(_ pair: OverlayPair, among users: Int) {
    guard pair.hasOverlay else { return }
    share(pair.overlay, among: users)
    let last = pair.held.last
    if last.isNone { return }
    arena.store32(
      arena.load32(last, HeldField.users) &+ UInt32(users), last, HeldField.users)
    release(pair.held)
  }

  /// Ends one use of both.
  public mutating func release(_ pair: OverlayPair) {
    guard pair.hasOverlay else { return }
    release(pair.overlay)
    release(pair.held)
  }

  /// Ends one use of what a lookup held; the last one frees it.
  public mutating func release(_ held: HeldOverlays) {
    var place = held.last
    while !place.isNone {
      let users = arena.load32(place, HeldField.users)
      guard users <= 1 else {
        arena.store32(users - 1, place, HeldField.users)
        return
      }
      let next = arena.link(place, HeldField.next)
      release(Overlay(head: arena.link(place, HeldField.overlay)))
      uncacheableArena.free(place)
      place = next
    }
  }

  /// Adds one use to what a lookup holds.
  public mutating func retain(_ held: HeldOverlays) {
    if held.last.isNone { return }
    arena.store32(
      arena.load32(held.last, HeldField.users) &+ 1, held.last, HeldField.users)
  }

  /// The RRset of a name that may not be kept, the newest one; none when there is none.
  @inline(never)
  func find(_ key: borrowing NameKey, in pair: OverlayPair) -> Reference {
    let set = find(key, in: pair.overlay.head)
    if !set.isNone { return set }
    var place = pair.held.last
    while !place.isNone {
      let set = find(key, in: arena.link(place, HeldField.overlay))
      if !set.isNone { return set }
      place = arena.link(place, HeldField.next)
    }
    return .none
  }

  private func find(_ key: borrowing NameKey, in head: Reference) -> Reference {
    var entry = head
    while !entry.isNone {
      if arena.load32(entry, NodeField.hash) == key.hash,
        key.matches(arena.octets(entry, NodeField.name, count: arena.nodeName(entry)))
      {
        return arena.link(entry, NodeField.firstSet)
      }
      entry = arena.link(entry, OverlayField.next)
    }
    return .none
  }
}
