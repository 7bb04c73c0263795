import DNSWire
import Memory

// Aliases followed without an answer being written: for lookups, and for people.

extension Cache {
  /// Where a chain of aliases ends.
  public enum ChainEnd: Sendable {
    /// With data of the type, or with the fact that there is none.
    case found
    /// With a name that is not known for the type.
    case missing
    /// Nowhere: it is a loop, or too long.
    case endless
  }

  /// Follows aliases as ``answer(_:type:needs:into:overlays:stale:partly:now:)`` does, for those who want to
  /// know where they lead and write nothing.
  ///
  /// - Parameters:
  ///   - key: the name to begin with; afterwards the name at the end of the chain.
  ///   - isGood: whether the data of a name on the way is still good, if that is yet to be judged.
  public mutating func follow(
    _ key: inout NameKey, type: RecordType, queryFlags: QueryFlags, overlays pair: OverlayPair,
    now: UInt32, judgedBy isGood: (Span<UInt8>, UInt16) -> Bool
  ) -> ChainEnd {
    scratch.load(key)
    let end = follow(type, Choice(queryFlags), pair, after: 0, now, isGood)
    key.load(scratch)
    return end
  }

  /// Judges every name that ``answer(_:type:needs:into:overlays:stale:partly:now:)`` would use for a question,
  /// while there are some that have not been: what it is called with after this is the same.
  public mutating func judgeAnswer(
    _ key: borrowing NameKey, type: RecordType, queryFlags: QueryFlags, overlays pair: OverlayPair,
    stale: Bool, now: UInt32, _ isGood: (Span<UInt8>, UInt16) -> Bool
  ) {
    scratch.load(key)
    _ = follow(type, Choice(queryFlags), pair, after: 0, stale ? staleHorizon(now) : now, isGood)
  }

  /// Whether a question would be answered if data that has expired will do, and only then.
  ///
  /// What is yet to be judged has to be before: ``judgeAnswer(_:type:needs:overlays:stale:now:_:)``.
  public mutating func hasStaleAnswer(
    _ key: borrowing NameKey, type: RecordType, queryFlags: QueryFlags, now: UInt32
  ) -> Bool {
    guard hasStale(key, now: now) else { return false }
    scratch.load(key)
    return follow(type, Choice(queryFlags), OverlayPair(), after: 0, staleHorizon(now)) { _, _ in
      false
    }
      == .found
  }

  /// Follows aliases from the name in ``scratch``, which is that at the end then.
  mutating func follow(
    _ type: RecordType, _ choice: Choice, _ pair: OverlayPair, after links: Int,
    _ horizon: UInt32, _ isGood: (Span<UInt8>, UInt16) -> Bool
  ) -> ChainEnd {
    var links = links
    while true {
      switch step(type, choice, pair, horizon, isGood) {
      case .found: return .found
      case .missing: return .missing
      case .alias(let alias):
        guard links < Cache.longestChain else { return .endless }
        links += 1
        loadTarget(of: alias)
      }
    }
  }

  /// What a name has for a question.
  enum Step {
    /// Data of the type, or that there is none, or no such name.
    case found(Reference)
    case alias(Reference)
    case missing
  }

  /// What the name in ``scratch`` has for a question.
  @inline(__always)
  mutating func step(
    _ type: RecordType, _ choice: Choice, _ pair: OverlayPair, _ horizon: UInt32,
    _ isGood: (Span<UInt8>, UInt16) -> Bool
  ) -> Step {
    var exact = Reference.none
    var alias = Reference.none
    var nxDomain = Reference.none
    let own = pair.hasOverlay ? find(scratch, in: pair) : .none
    if !own.isNone { note(own, type, choice, &exact, &alias, &nxDomain) }
    var node = find(scratch)
    if hasUnjudged && !node.isNone && !isJudged(node)
      && !judge(node, isGood(scratch.octets, madeBy(node)))
    {
      node = .none
    }
    var set = node.isNone ? node : arena.link(node, NodeField.firstSet)
    while exact.isNone && !set.isNone {
      let head = arena.setHead(set)
      if Cache.isUsable(head, choice, horizon) {
        note(set, type, choice, &exact, &alias, &nxDomain)
      }
      set = Reference(rawValue: head.next)
    }
    if !exact.isNone { return .found(exact) }
    guard !alias.isNone, !type.isOfAlias,
      arena.kind(alias) == RRset.Kind.records.rawValue
    else { return nxDomain.isNone ? .missing : .found(nxDomain) }
    return .alias(alias)
  }

  /// Puts the name that an alias leads to in ``scratch``.
  @inline(__always)
  mutating func loadTarget(of alias: Reference) {
    let count = Int(arena.load16(alias, SetField.data).bigEndian)
    arena.load(&scratch, alias, SetField.data + 2, count: count)
  }

  /// Notes what an RRset of a name is to a question.
  private func note(
    _ set: Reference, _ type: RecordType, _ choice: Choice, _ exact: inout Reference,
    _ alias: inout Reference, _ nxDomain: inout Reference
  ) {
    let head = arena.setHead(set)
    guard head.flags & choice.excluded == 0 else { return }
    if head.type == type.rawValue { exact = set }
    if head.type == RecordType.cname.rawValue { alias = set }
    if head.type == 0 { nxDomain = set }
  }

  // MARK: For people

  /// A name on the way of a question, and what is known of it.
  public struct Link: Sendable {
    /// The name in wire form, lower-cased.
    public var name: [UInt8]
    /// What is known, stale data among it; good until the cache changes.
    public var sets: [RRset] = []
    /// Which of it answers the question, or leads on.
    public var used: Int?
  }

  /// What ``answer(_:type:needs:into:overlays:stale:partly:now:)`` gives a client without DO and CD, and by which
  /// names it goes there; counts as no use.
  ///
  /// - Parameters:
  ///   - key: the name asked for.
  ///   - isGood: whether the data of a name on the way is still good, if that is yet to be judged.
  public mutating func trace(
    _ key: borrowing NameKey, type: RecordType, stale: Bool = false, now: UInt32,
    judgedBy isGood: (Span<UInt8>, UInt16) -> Bool
  ) -> (answer: Answer, links: [Link]) {
    var links: [Link] = []
    var next: Reference?
    scratch.load(key)
    repeat {
      let step = step(type, Choice([]), OverlayPair(), stale ? staleHorizon(now) : now, isGood)
      var link = Link(name: scratch.octets.indices.map { scratch.octets[$0] })
      visitSets(of: scratch, stale: true, now: now) { link.sets.append($0) }
      next = nil
      switch step {
      case .found(let set): link.used = link.sets.firstIndex { $0.reference == set }
      case .alias(let set):
        link.used = link.sets.firstIndex { $0.reference == set }
        if links.count < Cache.longestChain { next = set }
      case .missing: break
      }
      links.append(link)
      if let next { loadTarget(of: next) }
    } while next != nil
    // Whose turn it is among records, and what is due to be renewed, stay as they are.
    let before = (rotation, prefetchCandidateCount)
    defer { (rotation, prefetchCandidateCount) = before }
    let kind = type.rawValue
    let question = links[0].name + [UInt8(kind >> 8), UInt8(kind & 0xFF), 0, 1]
    var message = [UInt8](repeating: 0, count: Int(UInt16.max))
    var space = message.mutableSpan
    var writer = MessageWriter(&space, limit: space.count)
    writer.response(id: 0, to: question.span)
    // No new query, for which names would count as used.
    var name = NameKey(seed: seed)
    name.load(key)
    let answer = answer(
      &name, type: type, into: &writer, overlays: OverlayPair(), stale: stale, now: now)
    return (answer, links)
  }
}
