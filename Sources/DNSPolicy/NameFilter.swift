import DNSWire
import Memory

/// Which names are blocked for whom: lists, and the rules that go before them.
///
/// A name is looked for once, in all lists together; who asks only decides which of them count. The order, the first
/// that applies:
///
/// 1. rules of the operator: the one about the longest name, of equal ones the one that came last (by hand, the group's,
///    the configuration's, built in), of equal ones the one that allows;
/// 2. names that no list may block (``BlockRule/Action/protect``);
/// 3. exceptions of lists that are important, then important blocks;
/// 4. exceptions of the lists of the client's group, then their blocks.
public struct NameFilter: ~Copyable {
  private var names: NameSet
  /// What lists say of names beyond what fits in the set, by the names' hashes.
  private var details: [UInt64: [ListedDetails]] = [:]
  private var rules: BlockRuleTable
  /// What there is for each group, by its number.
  public private(set) var groups: [GroupRules]
  /// Whether only rules about safe search count.
  public var isPaused = false
  private var blockedByList = FixedArray<UInt64>(repeating: 0, count: NameSet.mostLists)
  private var blockedInGroup = FixedArray<UInt64>(repeating: 0, count: ClientGroups.most)
  /// Which clients are in which group.
  public var clients = ClientGroups()
  /// Seconds for which a block may be kept.
  public var ttl: UInt32 = 60
  /// What lists are called, by their numbers.
  public var listNames: [String] = []

  /// A list's details.
  public struct ListedDetails: Sendable {
    /// The list's number.
    public var list: Int
    /// What it says.
    public var details: ListDetails

    /// Puts the two together.
    public init(list: Int, _ details: ListDetails) {
      self.list = list
      self.details = details
    }
  }

  /// What counts for the clients of a group.
  public struct GroupRules: Sendable, Equatable {
    /// The lists, a bit for each.
    public var lists: UInt16
    /// What is answered for blocked names.
    public var answer: BlockAnswer

    /// Describes a group; by default all lists count.
    public init(lists: UInt16 = .max, answer: BlockAnswer = .zero) {
      self.lists = lists
      self.answer = answer
    }
  }

  /// Makes a filter that lets all pass.
  public init(hasher: NameHasher) {
    names = NameSet(capacity: 0, hasher: hasher)
    _ = names.prepare(words: .max)
    rules = BlockRuleTable([], hasher: hasher)
    groups = [GroupRules()]
  }

  /// What hashes names.
  public var hasher: NameHasher { names.hasher }

  /// Whether anything may be blocked.
  public var isActive: Bool { names.count > 0 || !rules.rules.isEmpty }

  /// Entries of all lists.
  public var entryCount: Int { names.count }

  /// Octets of memory that they take.
  public var octets: Int { names.octets }

  // MARK: Changes

  /// Takes over other lists.
  ///
  /// - Parameter new: the lists; afterwards those from before.
  public mutating func replace(
    _ new: inout NameSet, details newDetails: [UInt64: [ListedDetails]]
  ) {
    let isRehashed = names.hasher != new.hasher
    swap(&names, &new)
    details = newDetails
    if isRehashed { setRules(rules.rules) }
  }

  /// Takes over other rules.
  public mutating func setRules(_ list: [BlockRule]) {
    rules = BlockRuleTable(list, hasher: names.hasher)
  }

  /// Takes over what counts for each group, the default one first.
  public mutating func setGroups(_ new: [GroupRules]) {
    groups = new.isEmpty ? [GroupRules()] : new
  }

  // MARK: Counting

  /// Counts a question that was blocked.
  public mutating func noteBlocked(by reason: Reason, from client: IPAddress) {
    if case .list(let number) = reason { blockedByList[number & 15] &+= 1 }
    blockedInGroup[group(of: client) & 31] &+= 1
  }

  /// Questions that a list blocked, by its number.
  public func blocked(byList number: Int) -> UInt64 { blockedByList[number & 15] }

  /// Questions of a group's clients that were blocked, by its number.
  public func blocked(inGroup number: Int) -> UInt64 { blockedInGroup[number & 31] }

  // MARK: Looking up

  /// Who asks for what.
  public struct Question: Sendable {
    /// The type.
    public var type: RecordType
    /// Where the client is.
    public var client: IPAddress
    /// Whether it came over a stream.
    public var isStream: Bool

    /// Describes a question.
    public init(type: RecordType, client: IPAddress, isStream: Bool = false) {
      self.type = type
      self.client = client
      self.isStream = isStream
    }
  }

  /// The number of a client's group.
  public func group(of client: IPAddress) -> Int { clients.group(of: client) }

  /// Why a name is blocked.
  public enum Reason: Sendable, Equatable {
    /// By a list, named by its number.
    case list(Int)
    /// By a rule, named by its number.
    case rule(Int)
  }

  /// What becomes of a name.
  public enum Verdict: Sendable, Equatable {
    /// Nothing speaks of it, whoever asks.
    case free
    /// It is answered for this client.
    case passed
    /// The same by a rule that allows it, wherever it leads.
    case allowed
    case blocked(Reason, BlockAnswer)
    /// It is an alias of another name.
    case alias(Name)
  }

  /// What speaks of a name, whoever asks.
  public struct Match: Sendable, BitwiseCopyable {
    var found = NameSet.Found()
    var hasRule = false

    /// Whether nothing does.
    public var isEmpty: Bool { !hasRule && found.isEmpty }

    /// The lists that speak of it, a bit for each.
    public var lists: UInt16 { found.blocking | found.excepting | found.detailed }
  }

  /// Looks for a name in all lists and rules.
  ///
  /// - Parameter name: wire form, uncompressed, lower-cased.
  public func look(_ name: Span<UInt8>) -> Match {
    var match = Match()
    let most = max(names.mostLabels, rules.mostLabels)
    names.hasher.visitSuffixes(of: name) { hash, labels, start in
      names.look(hash, labels: labels, isWhole: start == 0, into: &match.found)
      if rules.place(of: hash) != nil { match.hasRule = true }
      return labels < most
    }
    return match
  }

  /// Decides about a name that something speaks of.
  public func decide(
    _ name: Span<UInt8>, _ match: Match, _ question: Question
  ) -> Verdict {
    decide(name, match, question, inGroup: group(of: question.client))
  }

  /// The same for a client of a group, by its number.
  @inline(never)
  public func decide(
    _ name: Span<UInt8>, _ match: Match, _ question: Question, inGroup number: Int
  ) -> Verdict {
    let group = groups[number < groups.count ? number : 0]
    if match.hasRule, let rule = bestRule(name, number) {
      switch rules.rules[rule].action {
      case .deny where isPaused: return .passed
      case .deny: return .blocked(.rule(rule), answer(of: rule, group))
      case .allow: return .allowed
      case .protect: return .passed
      // Mail and the like go by other types.
      case .alias(let target):
        return question.type.isOfHosts || question.type == .cname ? .alias(target) : .passed
      }
    }
    if isPaused { return .passed }
    switch decideByLists(name, match.found, question, group) {
    case .blocked(_, .alias(let target)): return .alias(target)
    case .blocked(_, .truncated) where question.isStream: return .passed
    case let verdict: return verdict
    }
  }

  /// What is answered for a name that a rule denies: what clients are told by names of this server's own is that those
  /// do not exist.
  private func answer(of rule: Int, _ group: GroupRules) -> BlockAnswer {
    rules.rules[rule].origin == .builtIn ? .nxDomain : group.answer
  }

  /// What a list is called.
  public func listName(_ number: Int) -> String {
    number < listNames.count ? listNames[number] : "\(number)"
  }

  /// A rule by its number.
  public func rule(_ number: Int) -> BlockRule? {
    number < rules.rules.count ? rules.rules[number] : nil
  }

  /// How many rules there are.
  public var ruleCount: Int { rules.rules.count }

  private func bestRule(_ name: Span<UInt8>, _ group: Int) -> Int? {
    let bit: UInt32 = 1 << UInt32(group & 31)
    var best: Int?
    names.hasher.visitSuffixes(of: name) { hash, labels, start in
      guard let place = rules.place(of: hash) else { return true }
      let kind: NameSet.Kind = start == 0 ? .itself : .below
      rules.visit(place) { number, rule in
        guard rule.groups & bit != 0, !rule.kind.isDisjoint(with: kind) else { return }
        if let best, labels == rules.rules[best].name.labelCount {
          let other = rules.rules[best]
          guard
            (rule.origin, rule.action == .allow ? 1 : 0) > (
              other.origin, other.action == .allow ? 1 : 0
            )
          else { return }
        }
        best = number
      }
      return true
    }
    return best
  }

  private func decideByLists(
    _ name: Span<UInt8>, _ found: NameSet.Found, _ question: Question, _ group: GroupRules
  ) -> Verdict {
    let excepting = found.excepting & group.lists
    let blocking = found.blocking & group.lists
    var important = false
    var detail: (isException: Bool, list: Int, answer: BlockAnswer?)?
    if found.detailed & group.lists != 0 {
      visitDetails(name, question, group.lists) { listed in
        let isException = listed.details.kind.contains(.exception)
        let isImportant = listed.details.isImportant
        // Important ones first, of equal ones exceptions.
        guard isImportant || !important else { return }
        if isImportant == important, let detail, detail.isException || !isException { return }
        important = isImportant
        detail = (isException, listed.list, listed.details.answer)
      }
    }
    if let detail, important || detail.isException && excepting == 0 {
      return detail.isException
        ? .allowed : .blocked(.list(detail.list), detail.answer ?? group.answer)
    }
    if excepting != 0 { return .allowed }
    if let detail { return .blocked(.list(detail.list), detail.answer ?? group.answer) }
    if blocking != 0 { return .blocked(.list(blocking.trailingZeroBitCount), group.answer) }
    return .passed
  }

  /// Visits what lists say beyond their entries and is about a question.
  private func visitDetails(
    _ name: Span<UInt8>, _ question: Question, _ lists: UInt16, _ body: (ListedDetails) -> Void
  ) {
    names.hasher.visitSuffixes(of: name) { hash, _, start in
      guard let all = details[hash] else { return true }
      let kind: NameSet.Kind = start == 0 ? .itself : .below
      for listed in all
      where lists & 1 << UInt16(listed.list & 15) != 0
        && !listed.details.kind.isDisjoint(with: kind)
        && listed.details.isAbout(
          question.type, question.client, isExempt: { isSuffix($0, of: name) })
      {
        body(listed)
      }
      return true
    }
  }

  /// Whether a hash is that of a name or of one above it.
  private func isSuffix(_ wanted: UInt64, of name: Span<UInt8>) -> Bool {
    var isOne = false
    names.hasher.visitSuffixes(of: name) { hash, _, _ in
      isOne = hash == wanted
      return !isOne
    }
    return isOne
  }
}
