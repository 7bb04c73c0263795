import DNSCache
import DNSExchange
import DNSPolicy
import DNSResolver
import DNSService
import DNSWire

/// Reads scenario files; README.md beside them describes the language.
struct ScenarioParser {
  private var scenario = Scenario()
  private var words: Words

  static func parse(_ text: String, file: String) throws -> Scenario {
    var parser = ScenarioParser(words: Words(file: file))
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      parser.words.start(line: index + 1, String(line))
      if !parser.words.isAtEnd { try parser.parseLine() }
    }
    return parser.scenario
  }

  private mutating func parseLine() throws {
    var time: UInt64?
    if words.accept("at") {
      time = try words.time()
      // A time alone lets time pass.
      if words.isAtEnd { throw words.error("what happens at that time?") }
    }
    let line = words.line
    let first = try words.next("a statement")
    switch first {
    case "local" where words.accept("adds"):
      let kind = try localKind()
      let records = try words.records()
      return scenario.steps.append(
        Scenario.Step(line: line, time: time, statement: .localAdds(kind, records)))
    case "local" where words.accept("loses"):
      let kind = try localKind()
      try words.end()
      return scenario.steps.append(
        Scenario.Step(line: line, time: time, statement: .localLoses(kind)))
    case "list", "rule", "blocked", "blocking":
      let statement = try parseFilter(first)
      try words.end()
      return scenario.steps.append(Scenario.Step(line: line, time: time, statement: statement))
    case "upstreams", "limit", "serve-stale", "prefetch", "rotate", "probes", "special", "rebind",
      "trust-ad", "strict", "route", "local", "zone", "one-label":
      guard time == nil, scenario.steps.isEmpty else { throw words.error("settings come first") }
      try parseSetting(first)
      return try words.end()
    case "answer", "authority", "additional":
      guard time == nil else { throw words.error("a record has no time of its own") }
      return try attach(try words.records(), to: first)
    default: break
    }
    let statement = try parseStatement(first)
    try words.end()
    scenario.steps.append(Scenario.Step(line: line, time: time, statement: statement))
  }

  private mutating func parseSetting(_ first: String) throws {
    if first == "upstreams" { return try parseUpstreams() }
    if first == "serve-stale" {
      scenario.options.staleAge = UInt32(try words.time() / 1000)
      return
    }
    if first == "prefetch" {
      scenario.options.isPrefetching = true
      return
    }
    if first == "strict" {
      try words.expect("order")
      scenario.options.isStrict = true
      return
    }
    if first == "trust-ad" {
      let word = try words.next("auto, on or off")
      guard let trust = ADTrust(rawValue: word) else { throw words.unknown(word) }
      scenario.options.adTrust = trust
      return
    }
    if first == "route" {
      try parseRoute()
      return
    }
    if first == "local" { return try parseLocal() }
    if first == "zone" { return try parseZone() }
    if first == "one-label" {
      try words.expect("nxdomain")
      scenario.options.deniesOneLabel = true
      return
    }
    if first == "rotate" {
      scenario.options.rotates = true
      return
    }
    if first == "probes" {
      try words.expect("are", "shown")
      scenario.showsProbes = true
      return
    }
    if first == "special" {
      try words.expect("zones")
      scenario.options.specialZones = SpecialZone.registry.filter(\.isDefault)
      return
    }
    if first == "rebind" { return try parseRebind() }
    let name = try words.next("a limit's name")
    let value: Int = try words.number()
    switch name {
    case "in-flight": scenario.options.inFlightLimit = value
    case "waiters": scenario.options.waiterLimit = value
    case "waiters-per-question": scenario.options.waitersPerQuestion = value
    case "pending": scenario.options.pendingLimit = value
    default: throw words.unknown(name)
    }
  }

  /// What lists and rules say of names.
  private mutating func parseFilter(_ first: String) throws -> Scenario.Statement {
    switch first {
    case "list":
      let list = try words.next("the list's name")
      try words.expect("has")
      var entries: [(name: Name, kind: NameSet.Kind)] = []
      while !words.isAtEnd {
        var kind: NameSet.Kind =
          words.accept("exact") ? .itself : words.accept("below") ? .below : [.itself, .below]
        if words.accept("except") { kind.insert(.exception) }
        entries.append((try words.name(), kind))
      }
      return .listHas(list, entries)
    case "rule":
      switch try words.next("denies, allows, protects or answers") {
      case "denies": return .ruleComes(BlockRule(.deny, try words.name(), from: .configuration))
      case "allows": return .ruleComes(BlockRule(.allow, try words.name(), from: .configuration))
      case "protects": return .ruleComes(BlockRule(.protect, try words.name(), from: .builtIn))
      case "answers":
        let name = try words.name()
        try words.expect("as")
        return .ruleComes(BlockRule(.alias(try words.name()), name, .itself, from: .group))
      case let word: throw words.unknown(word)
      }
    case "blocked":
      try words.expect("names", "get")
      switch try words.next("zero, nxdomain, nodata or refused") {
      case "zero": return .blockedGet(.zero)
      case "nxdomain": return .blockedGet(.nxDomain)
      case "nodata": return .blockedGet(.noData)
      case "refused": return .blockedGet(.refused)
      case let word: throw words.unknown(word)
      }
    default:
      if words.accept("pauses") { return .blockingPauses(true) }
      try words.expect("resumes")
      return .blockingPauses(false)
    }
  }

  /// The LAN's domain, or a record of one of its sources.
  private mutating func parseLocal() throws {
    if words.accept("domain") {
      scenario.options.localDomain = try words.name()
      return
    }
    let kind = try localKind()
    scenario.options.localRecords += try words.records().map { (kind, $0) }
  }

  private mutating func localKind() throws -> LocalSource.Kind {
    switch try words.next("records, zone, hosts or leases") {
    case "records": .records
    case "zone": .zone
    case "hosts": .hosts
    case "leases": .leases
    case let word: throw words.unknown(word)
    }
  }

  private mutating func parseZone() throws {
    let name = try words.name()
    try words.expect("is")
    let kind: LocalZone.Kind =
      switch try words.next("static, transparent or redirect") {
      case "static": .static
      case "transparent": .transparent
      case "redirect": .redirect
      case let word: throw words.unknown(word)
      }
    var types: [RecordType] = []
    if words.accept("without") {
      repeat { types.append(try words.type()) } while !words.isAtEnd
    }
    scenario.options.localZones.append(LocalZone(name: name, kind: kind, without: types))
  }

  private mutating func parseUpstreams() throws {
    try words.expect("are")
    if words.accept("new") {
      scenario.options.areUpstreamsNew = true
      return
    }
    repeat { try parseServer() } while !words.isAtEnd
    scenario.options.upstreams = scenario.options.addresses.count
  }

  /// A domain, and the servers that are asked for it and all below it; "none" for no server.
  private mutating func parseRoute() throws {
    let domain = try words.name()
    try words.expect("is")
    guard !words.accept("none") else {
      append(domain, [])
      return
    }
    var servers: [IPAddress] = []
    repeat {
      let address = try words.address()
      servers.append(address)
      if !scenario.options.addresses.contains(address) {
        scenario.options.addresses.append(address)
      }
    } while !words.isAtEnd
    append(domain, servers)
  }

  private mutating func append(_ domain: Name, _ servers: [IPAddress]) {
    scenario.options.routes.append(Route(domains: [domain], isEmpty: servers.isEmpty))
    scenario.options.routeServers.append(servers)
  }

  /// A server, written as in a configuration.
  private mutating func parseServer() throws {
    let word = try words.next("a server")
    let isURL = word.hasPrefix("dns://")
    var rules = ServerRules()
    let isStreamOnly = word.hasPrefix("tcp://")
    let parts = word.dropFirst(isURL || isStreamOnly ? 6 : 0).split(
      separator: "?", maxSplits: isURL ? 1 : 0, omittingEmptySubsequences: false)
    guard let address = IPAddress(String(parts[0])) else {
      throw words.error("\"\(word)\" is not a server")
    }
    guard !scenario.options.addresses.contains(address) else {
      throw words.error("\(address) is named twice")
    }
    for option in parts.dropFirst().flatMap({ $0.split(separator: "&") }) {
      switch option {
      case "edns=off": rules.usesEDNS = false
      case "cookies=off": rules.usesCookies = false
      case "letter-case=off": rules.usesLetterCase = false
      default: throw words.unknown(String(option))
      }
    }
    scenario.options.addresses.append(address)
    scenario.options.rules.append(rules)
    if isStreamOnly { scenario.options.streamOnly.insert(address) }
  }

  /// The upstream that is named next.
  private mutating func upstream() throws -> IPAddress {
    let address = try words.address()
    guard scenario.options.addresses.contains(address) else {
      throw words.error("no such upstream")
    }
    return address
  }

  private mutating func parseRebind() throws {
    var protection = scenario.options.rebindProtection ?? RebindProtection()
    let what = try words.next("protection, allow or loopback")
    switch what {
    case "protection": break
    case "allow": protection.allowed.append(try words.name())
    case "loopback": protection.allowsLoopback = true
    default: throw words.unknown(what)
    }
    scenario.options.rebindProtection = protection
  }

  private mutating func parseStatement(_ first: String) throws -> Scenario.Statement {
    switch first {
    case "client": return try parseClient()
    case "upstream": return try parseUpstream()
    case "stream": return try parseStream()
    case "network":
      try words.expect("changes")
      return .networkChanges
    case "cache": return try parseCache()
    case "sweep":
      try words.expect("passes")
      return .sweepPasses
    case "nothing":
      try words.expect("is", "in", "flight")
      return .inFlight(0)
    case "counter":
      let name = try words.next("a counter's name")
      try words.expect("is")
      return .counter(name, try words.number())
    default:
      guard let count = Int(first) else { throw words.unknown(first) }
      if count == 1 {
        try words.expect("question", "is")
      } else {
        try words.expect("questions", "are")
      }
      try words.expect("in", "flight")
      return .inFlight(count)
    }
  }

  // MARK: Clients

  private mutating func parseClient() throws -> Scenario.Statement {
    let client = try words.next("a client's name")
    let verb = try words.next("asks or gets")
    switch verb {
    case "asks":
      let label = words.accept("as") ? try words.next("a query's name") : nil
      let name = label == nil ? try words.name() : .root
      var query = Scenario.ClientQuery(
        client: client, question: Question(name: name, type: try words.type()))
      query.sameNameAs = label
      while !words.isAtEnd {
        let option = try words.next("an option")
        switch option {
        case "udp": query.transport = .udp
        case "tcp": query.transport = .tcp
        case "edns": query.ednsSize = try words.number()
        case "rd": query.recursionDesired = try words.number() == 1
        case "cd": query.checkingDisabled = try words.number() == 1
        case "ad": query.authenticData = try words.number() == 1
        case "do":
          query.dnssecOK = try words.number() == 1
          if query.ednsSize == nil { throw words.error("DO needs EDNS") }
        case "from": query.address = try words.address()
        default: throw words.unknown(option)
        }
      }
      return .clientAsks(query)
    case "gets":
      if words.accept("nothing") { return .clientGetsNothing(client: client) }
      var reply = Scenario.ClientReply(client: client, rcode: try words.rcode())
      while !words.isAtEnd {
        let option = try words.next("an option")
        switch option {
        case "truncated": reply.isTruncated = true
        case "ad": reply.isAuthentic = true
        case "aa": reply.isAuthoritative = true
        case "ede": reply.extendedErrors.append(try words.number())
        default: throw words.unknown(option)
        }
      }
      return .clientGets(reply)
    default: throw words.unknown(verb)
    }
  }

  // MARK: Upstreams

  private mutating func parseUpstream() throws -> Scenario.Statement {
    let upstream = try upstream()
    let verb = try words.next("is, answers or sends")
    switch verb {
    case "is":
      if words.accept("unreachable") {
        try words.expect("for")
        return .upstreamUnreachable(upstream: upstream, query: try words.next("a query's name"))
      }
      if words.accept("probed") {
        if words.accept("for") {
          try words.expect("a", "loop", "as")
          return .upstreamIsProbedForLoop(
            upstream: upstream, label: try words.next("a name for the probe"))
        }
        let question = Question(name: try words.name(), type: try words.type())
        let isStream = words.accept("tcp")
        try words.expect("as")
        return .upstreamIsProbed(
          upstream: upstream, question, isStream: isStream,
          label: try words.next("a name for the probe"))
      }
      try words.expect("asked")
      return .upstreamIsAsked(try parseUpstreamQuery(upstream))
    case "answers": return .upstreamAnswers(try parseUpstreamReply(upstream))
    case "sends":
      let query = try words.next("a query's name")
      var pieces: [Scenario.Octets] = []
      while !words.isAtEnd { pieces.append(try words.octets()) }
      return .upstreamSends(upstream: upstream, query: query, pieces)
    default: throw words.unknown(verb)
    }
  }

  private mutating func parseUpstreamQuery(_ upstream: IPAddress) throws -> Scenario.UpstreamQuery {
    let name = try words.name()
    let type = try words.type()
    let transport = try words.next("udp or tcp")
    guard transport == "udp" || transport == "tcp" else { throw words.unknown(transport) }
    try words.expect("as")
    var query = Scenario.UpstreamQuery(
      upstream: upstream, name: name, type: type, isStream: transport == "tcp",
      label: try words.next("a name for the query"))
    if words.accept("do") { query.dnssecOK = true }
    if words.accept("cd") { query.checkingDisabled = true }
    if words.accept("without") {
      let what = try words.next("edns or cookie")
      switch what {
      case "edns": query.hasEDNS = false
      case "cookie": query.hasCookie = false
      default: throw words.unknown(what)
      }
    }
    if words.accept("cookie") { query.serverCookie = try words.literal() }
    if words.accept("small") { query.isSmall = true }
    if words.accept("lower") { query.isLowerCase = true }
    if words.accept("mixed") { query.isLowerCase = false }
    return query
  }

  private mutating func parseUpstreamReply(
    _ upstream: IPAddress
  ) throws -> Scenario.UpstreamReply {
    var reply = Scenario.UpstreamReply(upstream: upstream, query: try words.next("a query's name"))
    while !words.isAtEnd {
      let word = try words.next("an option")
      switch word {
      case "with": break
      case "ad": reply.isAuthentic = true
      case "aa": reply.isAuthoritative = true
      case "truncated": reply.isTruncated = true
      case "edns": reply.hasEDNS = true
      case "ede": reply.extendedErrors.append(try words.number())
      case "cookie":
        var cookie = Scenario.Cookie()
        if words.accept("wrong") { cookie.isWrong = true }
        if !words.accept("bare") { cookie.server = try words.literal() }
        reply.cookie = cookie
      case "id":
        try words.expect("wrong")
        reply.hasWrongID = true
      case "socket":
        try words.expect("wrong")
        reply.hasWrongSocket = true
      case "qr":
        try words.expect("clear")
        reply.isResponse = false
      case "opcode": reply.opcode = Opcode(rawValue: try words.number())
      case "no":
        let what = try words.next("question, edns or recursion")
        switch what {
        case "question": reply.hasQuestion = false
        case "recursion": reply.offersRecursion = false
        case "edns": reply.hasEDNS = false
        default: throw words.unknown(what)
        }
      case "question":
        reply.question = Question(
          name: try words.name(), type: try words.type(), recordClass: try words.recordClass())
      case "cut": reply.cut = try words.number()
      case "trailing": reply.trailing = try words.number()
      default:
        guard let rcode = ResponseCode(word) else { throw words.unknown(word) }
        reply.rcode = rcode
      }
    }
    return reply
  }

  private mutating func parseStream() throws -> Scenario.Statement {
    let query = try words.next("a query's name")
    if words.accept("fails") { return .streamFails(query: query) }
    try words.expect("is", "closed")
    return .streamIsClosed(query: query)
  }

  // MARK: The cache

  private mutating func parseCache() throws -> Scenario.Statement {
    if words.accept("lacks") { return .cacheLacks(try words.name(), try words.type()) }
    try words.expect("shows")
    var set = Scenario.CachedSet(name: try words.name())
    if words.accept("nxdomain") {
      set.isNegative = true
    } else {
      set.type = try words.type()
    }
    while !words.isAtEnd {
      let word = try words.next("an option")
      switch word {
      case "nodata": set.isNegative = true
      case "rank": set.rank = try words.next("a rank")
      case "ttl": set.ttl = try words.number()
      case "stale": set.age = try words.number()
      case "records": set.count = try words.number()
      case "flags": set.flags = try words.next("flags")
      case "signatures": set.signatures = try words.number()
      case "proof": set.proof = try words.number()
      default: throw words.unknown(word)
      }
    }
    return .cacheShows(set)
  }

  // MARK: Records

  /// Gives records to the statement before them.
  private mutating func attach(_ records: [Record], to section: String) throws {
    guard let last = scenario.steps.indices.last else { throw words.error("whose record is this?") }
    switch scenario.steps[last].statement {
    case .upstreamAnswers(var reply):
      reply.records.append(records, to: section)
      scenario.steps[last].statement = .upstreamAnswers(reply)
    case .clientGets(var reply):
      reply.records.append(records, to: section)
      scenario.steps[last].statement = .clientGets(reply)
    default:
      throw words.error("whose record is this?")
    }
  }
}

extension Scenario.Records {
  fileprivate mutating func append(_ records: [Record], to section: String) {
    switch section {
    case "answer": answers += records
    case "authority": authority += records
    default: additional += records
    }
  }
}
