import DNSWire
import Memory

/// A rule about names that the operator made, or that this server has of its own: it goes before all lists.
public struct BlockRule: Sendable, Equatable {
  /// What becomes of the names.
  public enum Action: Sendable, Equatable {
    /// They are blocked.
    case deny
    /// They are not.
    case allow
    /// No list may block them.
    case protect
    /// They are aliases of another name: safe search.
    case alias(Name)
  }

  /// Where it comes from; of two about names of the same length the later counts.
  public enum Origin: UInt8, Sendable, Comparable {
    /// This server's own.
    case builtIn
    case configuration
    case group
    /// `ctl block allow` and `deny`.
    case hand

    /// Whether one gives way to the other.
    public static func < (one: Origin, other: Origin) -> Bool { one.rawValue < other.rawValue }
  }

  /// The name.
  public var name: Name
  /// Whether it is about the name itself, those below, or both.
  public var kind: NameSet.Kind
  /// What becomes of the names.
  public var action: Action
  /// Where it comes from.
  public var origin: Origin
  /// The groups that it is for, a bit for each.
  public var groups: UInt32

  /// Makes a rule for some groups, or all.
  public init(
    _ action: Action, _ name: Name, _ kind: NameSet.Kind = [.itself, .below],
    from origin: Origin, groups: UInt32 = .max
  ) {
    self.action = action
    self.name = name
    self.kind = kind
    self.origin = origin
    self.groups = groups
  }

  /// Rules at most, of all origins together.
  public static let most = 20_000
}

/// Rules, to be found by the hashes of their names.
struct BlockRuleTable: ~Copyable {
  private(set) var rules: [BlockRule]
  /// Open addressing, at most half full; 0 is an empty place.
  private let hashes: FixedArray<UInt64>
  /// The first rule with that hash, and for each rule the next with the same; those that there are count from 1.
  private let first: FixedArray<UInt32>
  private let next: FixedArray<UInt32>
  /// Labels of the longest name.
  let mostLabels: Int

  init(_ list: [BlockRule], hasher: NameHasher) {
    let rules = Array(list.prefix(BlockRule.most))
    var size = 16
    while size < 2 * rules.count { size *= 2 }
    var hashes = [UInt64](repeating: 0, count: size)
    var first = [UInt32](repeating: 0, count: size)
    var next = [UInt32](repeating: 0, count: rules.count)
    for (index, rule) in rules.enumerated() {
      let hash = BlockRuleTable.key(hasher.hash(rule.name.lowercased.wire.span))
      var place = Int(truncatingIfNeeded: hash >> 32) & (size - 1)
      while hashes[place] != 0 && hashes[place] != hash { place = (place + 1) & (size - 1) }
      hashes[place] = hash
      next[index] = first[place]
      first[place] = UInt32(index + 1)
    }
    self.rules = rules
    mostLabels = rules.map(\.name.labelCount).max() ?? 0
    self.hashes = FixedArray(hashes)
    self.first = FixedArray(first)
    self.next = FixedArray(next)
  }

  /// No hash is that of an empty place.
  private static func key(_ hash: UInt64) -> UInt64 { hash | 1 }

  /// The place of the rules about a suffix; nothing when there is none.
  @inline(__always)
  func place(of hash: UInt64) -> Int? {
    let key = BlockRuleTable.key(hash)
    var place = Int(truncatingIfNeeded: key >> 32) & (hashes.count &- 1)
    while hashes[place] != 0 {
      if hashes[place] == key { return place }
      place = (place &+ 1) & (hashes.count &- 1)
    }
    return nil
  }

  /// Visits the rules at a place.
  func visit(_ place: Int, _ body: (Int, BlockRule) -> Void) {
    var number = Int(first[place])
    while number > 0 {
      body(number - 1, rules[number - 1])
      number = Int(next[number - 1])
    }
  }
}
