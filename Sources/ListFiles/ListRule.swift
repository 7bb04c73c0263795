import DNSWire

/// Which names a rule of a list is about.
public enum NameMatch: String, Sendable, CaseIterable, BitwiseCopyable {
  /// The name alone.
  case exact
  /// The name and all below it.
  case subtree
  /// All below it.
  case below
}

/// What a list may do.
public enum ListTrust: String, Sendable, CaseIterable, BitwiseCopyable {
  /// Block names, and except some: addresses in it mean "blocked".
  case block
  /// Say what is answered, too.
  case full
}

/// What a list mostly is made of.
public enum ListFormat: String, Sendable, CaseIterable, BitwiseCopyable {
  case domains, hosts, adblock, dnsmasq, unbound, rpz

  /// Its place among all.
  var index: Int {
    switch self {
    case .domains: 0
    case .hosts: 1
    case .adblock: 2
    case .dnsmasq: 3
    case .unbound: 4
    case .rpz: 5
    }
  }
}

/// What a line says of a name.
public struct ListRule: Sendable, Equatable, BitwiseCopyable {
  /// Which names it is about.
  public var match: NameMatch
  /// Whether they are not to be blocked.
  public var isException = false
  /// Whether it takes away what an equal rule says (AdBlock's `$badfilter`).
  public var isBadFilter = false
  /// Whether ``ListReader/details`` have more.
  public var hasDetails = false

  /// Makes a rule that blocks.
  public init(_ match: NameMatch) { self.match = match }
}

/// What few rules say beside the name.
public struct RuleDetails: Sendable, Equatable {
  /// Whether it goes before all rules that are not.
  public var isImportant = false
  /// Types that it is about; all when there is none.
  public var types: [RecordType] = []
  /// Whether it is about all types but those.
  public var exceptsTypes = false
  /// Clients that it is about; all when there is none.
  public var clients: [IPNetwork] = []
  /// Names that it is not about, each with all below it.
  public var exempt: [Name] = []
  /// What is answered.
  public var answer: ListAnswer?

  /// Entries of each list in it at most.
  public static let mostEntries = 32

  /// Whether it says nothing.
  var isEmpty: Bool { self == RuleDetails() }
}

/// What a list that may wants answered.
public enum ListAnswer: Sendable, Equatable {
  case address(IPAddress)
  case alias(Name)
  case nxDomain
  case noData
  case refused
  case drop
  case truncated
}

/// Why a line that says something is left out.
public enum IgnoredLine: String, Sendable, CaseIterable, BitwiseCopyable {
  /// A regular expression.
  case expression
  /// A rule about what a page looks like.
  case cosmetic
  /// A path, a port or a part of a name: more or less than a name.
  case pattern
  /// Something that only browsers can regard, or that is not known.
  case modifier
  /// An address where names are blocked, or what depends on addresses.
  case address
  /// A setting or record of another server that blocks nothing.
  case setting
}

/// What is wrong with a line.
public enum ListMistake: String, Error, Sendable, CaseIterable, BitwiseCopyable {
  case notAName = "isn't a name, or is too long"
  case tooLong = "is longer than 4,096 octets"
  case controlOctets = "has octets that are no text"
  case badModifier = "has a modifier that makes no sense"
}

/// What comes next in a list.
public enum ListEvent: Sendable, Equatable {
  /// A rule about ``ListReader/name``.
  case rule(ListRule)
  case ignored(IgnoredLine)
  case mistake(ListMistake)
}
