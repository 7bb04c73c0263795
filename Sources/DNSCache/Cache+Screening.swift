import DNSWire
import Memory

// Which names no block list has: what is known of that, so that hits need not look.

/// What is known of a name's being blocked: bits of ``NodeField/use`` above those of ``NodeUse``.
///
/// They hold the number of the lists by which the name was looked for last and found in none. Without lists nothing
/// is compared.
enum ScreenStamp {
  static let shift: UInt8 = 2
  static let mask: UInt8 = 0b1111_1100
  /// Numbers that names are marked with, from 1 on; after the last all marks have to go.
  static let last: UInt8 = 62
  /// What no name is marked with.
  static let none: UInt8 = 63
}

extension Cache {
  /// What lists say of a name on the way of an answer.
  public enum Screening: Sendable {
    /// No list has it.
    case free
    /// Some list has it, but it is not blocked for this client.
    case passed
    /// The answer ends here.
    case stop
  }

  /// Has names compared with other lists from now on.
  ///
  /// - Parameter isActive: whether there are any.
  public mutating func beginScreening(isActive: Bool) {
    guard isActive else {
      screenMask = 0
      screenStamp = 0
      return
    }
    screenMask = ScreenStamp.mask
    guard screenNumber < ScreenStamp.last else {
      screenNumber = ScreenStamp.none
      screenStamp = ScreenStamp.none << ScreenStamp.shift
      needsUnmarking = nameCount > 0
      if !needsUnmarking { endUnmarking() }
      return
    }
    screenNumber += 1
    screenStamp = screenNumber << ScreenStamp.shift
  }

  /// The mark of names that no list has; 0 while none is made.
  public var markNumber: UInt8 { screenNumber == ScreenStamp.none ? 0 : screenNumber }

  /// Takes the marks of old lists from the next names, after which marks begin again with the first number.
  ///
  /// - Returns: whether the cursor has reached the end.
  public mutating func unmark(_ cursor: Cursor, names count: Int) -> Bool {
    advance(cursor, names: count) { cache, node in
      let use = cache.arena.load8(node, NodeField.use)
      cache.arena.store8(use & ~ScreenStamp.mask, node, NodeField.use)
    }
  }

  /// Notes that no name has a mark any more.
  public mutating func endUnmarking() {
    guard screenNumber == ScreenStamp.none else { return }
    needsUnmarking = false
    screenNumber = 1
    if screenMask != 0 { screenStamp = screenNumber << ScreenStamp.shift }
  }

  /// Whether a name is known to be in no list.
  @inline(__always)
  func isScreened(_ node: Reference) -> Bool {
    arena.load8(node, NodeField.use) & screenMask == screenStamp
  }

  /// Walks over the names that ``answer(_:type:needs:into:overlays:stale:partly:now:)`` uses for a question: the name
  /// asked for, where aliases lead, and where HTTPS and SVCB records lead.
  ///
  /// - Parameters:
  ///   - key: the name asked for.
  ///   - isFree: whether it is known that no list has that one.
  ///   - screen: says what lists say of a name in wire form, lower-cased; not called for names known to be in none.
  /// - Returns: whether it went on to the end.
  public mutating func screenAnswer(
    _ key: borrowing NameKey, type: RecordType, queryFlags: QueryFlags, overlays pair: OverlayPair,
    stale: Bool, isFree: Bool = false, now: UInt32, _ screen: (Span<UInt8>) -> Screening
  ) -> Bool {
    var isFree = isFree
    scratch.load(key)
    let choice = Choice(queryFlags)
    let horizon = stale ? staleHorizon(now) : now
    for _ in 0...Cache.longestChain {
      let node = find(scratch)
      if node.isNone || !isScreened(node) {
        switch isFree ? .free : screen(scratch.octets) {
        case .stop: return false
        case .free: if !node.isNone && !leadsElsewhere(node) { mark(node) }
        case .passed: break
        }
      }
      isFree = false
      switch step(type, choice, pair, horizon, { _, _ in true }) {
      case .missing: return true
      case .found(let set):
        guard type.leadsElsewhere, arena.kind(set) == RRset.Kind.records.rawValue else {
          return true
        }
        return screenTargets(of: set, screen)
      case .alias(let alias): loadTarget(of: alias)
      }
    }
    return true
  }

  private mutating func mark(_ node: Reference) {
    guard screenNumber != ScreenStamp.none else { return }
    let use = arena.load8(node, NodeField.use)
    arena.store8(use & ~ScreenStamp.mask | screenStamp, node, NodeField.use)
  }

  /// Forgets that a name is in no list, since it has records now that lead to others.
  mutating func unmark(_ node: Reference, for type: RecordType) {
    guard type.leadsElsewhere else { return }
    let use = arena.load8(node, NodeField.use)
    arena.store8(use & ~ScreenStamp.mask, node, NodeField.use)
  }

  /// Whether records of a name lead to another one, which lists may have.
  private func leadsElsewhere(_ node: Reference) -> Bool {
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      let head = arena.setHead(set)
      if RecordType(rawValue: head.type).leadsElsewhere { return true }
      set = Reference(rawValue: head.next)
    }
    return false
  }

  /// Screens the targets of HTTPS or SVCB records (RFC 9460 §2.2).
  private mutating func screenTargets(
    of set: Reference, _ screen: (Span<UInt8>) -> Screening
  ) -> Bool {
    let end = SetField.data + Int(arena.setHead(set).dataCount)
    var position = SetField.data
    while position + 2 <= end {
      let count = Int(arena.load16(set, position).bigEndian)
      let target = targetCount(set, position + 2, count)
      // The root stands for the name itself.
      if target > 1 {
        arena.load(&scratch, set, position + 4, count: target)
        if case .stop = screen(scratch.octets) { return false }
      }
      position += 2 + count
    }
    return true
  }

  /// Octets of the name in an HTTPS or SVCB record, behind the priority; 0 for what is none.
  private func targetCount(_ set: Reference, _ position: Int, _ count: Int) -> Int {
    let data = arena.octets(set, position, count: count)
    guard let end = try? WireName.endOfPlain(data, at: 2) else { return 0 }
    return end - 2
  }
}

extension RecordType {
  /// Whether its records name hosts that clients go to instead.
  fileprivate var leadsElsewhere: Bool { self == .https || self == .svcb }
}
