import DNSWire
import Memory

/// The servers that may be asked, by endpoint and transport, with what is known of each.
///
/// A server keeps its slot for as long as anything in flight may refer to it. One that is asked no more is
/// retired: what comes for packets sent to it before is still good, and what is known of it counts again if it
/// comes back. A new server has a slot that was never used, else that of the one retired for longest.
///
/// Which of them a question may be sent to is a ``ServerGroup``; one server may be in several.
struct ServerTable: ~Copyable {
  /// Servers at most, those among them that were retired lately.
  ///
  /// More than there can be files for: with 32 sockets each, 512 servers have 16,384.
  static let capacity = 512
  /// Groups at most: one for each route there may be, and one for all other names.
  static let groupLimit = 1_025

  private var servers: Slab<Server>
  private var groups: FixedArray<ServerGroup>
  /// The servers of the first group in the order in which they were given, then those of the next.
  private var members: FixedArray<ServerID>
  /// Counts retirements up.
  private var retirements: UInt64 = 0
  /// Raised whenever the choice of a group may be another one now.
  private var epoch: UInt32 = 1

  /// Makes a table without servers.
  init() {
    servers = Slab(capacity: ServerTable.capacity)
    groups = FixedArray(repeating: ServerGroup(), count: ServerTable.groupLimit)
    members = FixedArray(
      repeating: .none, count: ServerTable.groupLimit * ForwardServers.limit)
  }

  /// What is known of a server.
  @inline(__always)
  subscript(_ server: ServerID) -> Server {
    _read { yield servers[server.slot] }
    _modify { yield &servers[server.slot] }
  }

  /// Slots that were ever used.
  var end: Int { servers.end }

  /// Every server, those that are retired among them.
  private var all: [ServerID] { (0..<end).map { ServerID($0) } }

  /// The servers that are asked.
  var present: [ServerID] { all.filter { self[$0].isPresent } }

  // MARK: Coming and going

  /// A server that is to be asked, or was.
  func find(_ address: ServerAddress) -> ServerID? {
    all.first { self[$0].address == address }
  }

  /// A slot for one more server: nothing when all have one that is asked.
  ///
  /// What had to do with a retired server in that slot is to be forgotten before ``open(_:at:)``.
  func freeSlot() -> ServerID? {
    if servers.end < ServerTable.capacity { return ServerID(servers.end) }
    return all.filter { !self[$0].isPresent }.min { self[$0].retirement < self[$1].retirement }
  }

  /// Puts a server that nothing is known of in a free slot.
  mutating func open(_ address: ServerAddress, at server: ServerID) {
    if server.slot == servers.end { _ = servers.insert(Server(address)) }
    self[server] = Server(address)
    reconsider()
  }

  /// Has a server asked again that was retired.
  mutating func revive(_ server: ServerID) {
    self[server].isPresent = true
    self[server].isDown = false
    self[server].isLooping = false
    self[server].isLoopProven = false
    // What ended when it was retired says nothing of it.
    self[server].failures = 0
    self[server].badAnswers = 0
    self[server].tcpFailedUntil = 0
    reconsider()
  }

  /// Has a server asked no more.
  mutating func retire(_ server: ServerID) {
    retirements += 1
    self[server].isPresent = false
    self[server].isDown = false
    self[server].retirement = retirements
    self[server].failures = 0
    self[server].badAnswers = 0
    self[server].probe.isPending = false
    self[server].earlierProbe.isPending = false
    reconsider()
  }

  /// Notes that a server is down, or back.
  mutating func mark(_ server: ServerID, isDown: Bool) {
    guard self[server].isPresent else { return }
    self[server].isDown = isDown
    reconsider()
  }

  /// Makes the next choice of each group look at all its servers again.
  mutating func reconsider() { epoch &+= 1 }

  // MARK: Groups

  /// Says which servers a group has, in their order.
  ///
  /// - Parameter isStrict: whether they are asked in that order, rather than the fastest first.
  mutating func setGroup(_ group: ServerGroupID, to servers: [ServerID], isStrict: Bool) {
    let first = group.number * ForwardServers.limit
    let count = min(servers.count, ForwardServers.limit)
    for index in 0..<count { members[first + index] = servers[index] }
    groups[group.number] = ServerGroup(count: count, isStrict: isStrict)
  }

  /// How many servers a group has.
  func count(of group: ServerGroupID) -> Int { groups[group.number].count }

  /// Whether a group has a server.
  func isMember(_ server: ServerID, of group: ServerGroupID) -> Bool {
    (0..<groups[group.number].count).contains { member($0, of: group) == server }
  }

  /// Whether a group's servers are asked in their order.
  func isStrict(_ group: ServerGroupID) -> Bool { groups[group.number].isStrict }

  /// A group's servers in their order.
  func servers(of group: ServerGroupID) -> [ServerID] {
    (0..<groups[group.number].count).map { member($0, of: group) }
  }

  /// The server of a group that was given first; nothing when there is none.
  func firstMember(of group: ServerGroupID) -> ServerID? {
    groups[group.number].count > 0 ? member(0, of: group) : nil
  }

  @inline(__always)
  private func member(_ index: Int, of group: ServerGroupID) -> ServerID {
    members[group.number * ForwardServers.limit + index]
  }

  // MARK: Whom to ask

  // First comes the server that answers fastest; those that are about as fast share. Now and then another one
  // is asked, so that what is known of it stays true. A retry goes to one that was not asked yet for this
  // question. Servers that are down are asked when there is no other, until they are given up.
  //
  // In strict order it is always the first one, as they were given, that is not down.

  /// Whom of a group to ask first; nothing when all have been given up.
  ///
  /// - Parameter draw: 32 random bits.
  mutating func first(of group: ServerGroupID, draw: UInt32, now: UInt64) -> ServerID? {
    let state = groups[group.number]
    if state.epoch != epoch || now >= state.until {
      let candidates = candidates(of: group, now: now)
      groups[group.number].candidates = candidates
      groups[group.number].epoch = epoch
      groups[group.number].until = now + ServerGroup.life
    }
    var left = groups[group.number].candidates
    guard left != 0 else { return next(of: group, after: .none, ServersMet(), now: now) }
    if left & (left - 1) != 0 {
      for _ in 0..<draw % UInt32(left.nonzeroBitCount) { left &= left - 1 }
    }
    return member(left.trailingZeroBitCount, of: group)
  }

  /// Whether a question that is asked now would be sent to one of a group.
  @inline(__always)
  func prospect(of group: ServerGroupID, now: UInt64) -> ServerProspect {
    if groups[group.number].candidates != 0 && groups[group.number].epoch == epoch {
      return .regular
    }
    var prospect = ServerProspect.none
    for index in 0..<groups[group.number].count {
      let server = member(index, of: group)
      if !self[server].isDown || !isGivenUp(server, now: now) { return .regular }
      if now >= self[server].nextTrial, !self[server].isLoopProven { prospect = .trial }
    }
    return prospect
  }

  /// When all of a group have been given up: one that may be asked all the same, for it may have been silent
  /// about some names only; each at most once in ``ResolverTiming/mostProbeInterval``.
  mutating func trial(of group: ServerGroupID, now: UInt64) -> ServerID? {
    for index in 0..<groups[group.number].count {
      let server = member(index, of: group)
      guard now >= self[server].nextTrial, !self[server].isLoopProven else { continue }
      self[server].nextTrial = now + ExchangeTiming.mostProbeInterval
      return server
    }
    return nil
  }

  /// A server of a group that is up and not among those asked first: the one that was timed longest ago.
  func timedLongestAgo(of group: ServerGroupID) -> ServerID? {
    if groups[group.number].isStrict { return nil }
    let candidates = groups[group.number].candidates
    var found: ServerID?
    for index in 0..<groups[group.number].count where candidates & 1 << UInt32(index) == 0 {
      let server = member(index, of: group)
      if self[server].isDown { continue }
      if let best = found, self[best].measuredAt <= self[server].measuredAt { continue }
      found = server
    }
    return found
  }

  /// What the fastest of a group would be waited for.
  func leastTimeout(of group: ServerGroupID) -> UInt64 {
    let candidates = groups[group.number].candidates
    guard candidates != 0 else { return RoundTripTime.initialTimeout }
    return self[member(candidates.trailingZeroBitCount, of: group)].roundTrip.timeout
  }

  /// Whom of a group to ask next; nothing when nobody is left.
  ///
  /// - Parameters:
  ///   - last: the server asked last.
  ///   - met: those that the question met so far; the round begins anew when all were asked.
  func next(
    of group: ServerGroupID, after last: ServerID, _ met: borrowing ServersMet, now: UInt64
  ) -> ServerID? {
    let count = groups[group.number].count
    // All that are up and have not failed; without any, those that are down and not given up.
    for down in [false, true] {
      var untried: ServerID?
      var others: ServerID?
      var any: ServerID?
      for index in 0..<count {
        let server = member(index, of: group)
        guard self[server].isDown == down, !(down && isGivenUp(server, now: now)) else { continue }
        let marks = met.marks(of: server)
        guard !marks.contains(.failed), !met.isFull || marks != [] else { continue }
        if groups[group.number].isStrict {
          // One that has only been silent for a while is not down yet.
          if !down { return server }
          if !marks.contains(.tried) { untried = untried ?? server }
          if server != last { others = others ?? server }
          any = any ?? server
          continue
        }
        if !marks.contains(.tried) { untried = better(server, untried, now: now) }
        if server != last { others = better(server, others, now: now) }
        any = better(server, any, now: now)
      }
      if let found = untried ?? others ?? any { return found }
    }
    return nil
  }

  /// Whether asking a server that is down is of no use.
  func isGivenUp(_ server: ServerID, now: UInt64) -> Bool {
    self[server].isLoopProven || self[server].isGivenUp(now: now)
  }

  /// The one with the lower score; the second of equals.
  private func better(_ server: ServerID, _ best: ServerID?, now: UInt64) -> ServerID {
    guard let best else { return server }
    return self[server].score(now: now) < self[best].score(now: now) ? server : best
  }

  /// A group's servers in the order in which a question that is asked now comes to them.
  func order(
    of group: ServerGroupID, now: UInt64
  ) -> [ServerCandidate] {
    let candidates = candidates(of: group, now: now)
    let all = Array(servers(of: group).enumerated())
    func turn(_ index: Int, _ server: ServerID) -> ServerTurn {
      if candidates & 1 << UInt32(index) != 0 { return .first }
      if !self[server].isDown { return .later }
      return isGivenUp(server, now: now) ? .never : .last
    }
    func score(_ index: Int, _ server: ServerID) -> UInt64 {
      groups[group.number].isStrict ? UInt64(index) : self[server].score(now: now)
    }
    return [ServerTurn.first, .later, .last, .never].flatMap { wanted in
      all.filter { turn($0.offset, $0.element) == wanted }
        .sorted { score($0.offset, $0.element) < score($1.offset, $1.element) }
        .map { ServerCandidate(server: $0.element, turn: wanted) }
    }
  }

  /// The best of a group's servers that are up, and those that are about as good: a bit each, by their order.
  private func candidates(of group: ServerGroupID, now: UInt64) -> UInt32 {
    let count = groups[group.number].count
    var best: Int?
    var bestScore = UInt64.max
    for index in 0..<count where !self[member(index, of: group)].isDown {
      if best != nil, groups[group.number].isStrict { break }
      let score = self[member(index, of: group)].score(now: now)
      if best == nil || score < bestScore { (best, bestScore) = (index, score) }
    }
    guard let best else { return 0 }
    // Of those that nothing is known of, the first is asked first, as they were given.
    if groups[group.number].isStrict || !self[member(best, of: group)].roundTrip.isMeasured {
      return 1 << UInt32(best)
    }
    let band = bestScore + max(ServerGroup.leastBand, bestScore >> ServerGroup.bandShift)
    var found: UInt32 = 0
    for index in 0..<count {
      let server = member(index, of: group)
      if !self[server].isDown, self[server].roundTrip.isMeasured,
        self[server].score(now: now) <= band
      {
        found |= 1 << UInt32(index)
      }
    }
    return found
  }
}

/// Whether a group of servers has one that a question would be sent to.
public enum ServerProspect: Sendable {
  /// It has.
  case regular
  /// All have been given up; one may be asked all the same, to see whether only some names silence it.
  case trial
  /// It has not.
  case none
}

/// Names a group of servers: those that a question may be sent to.
public struct ServerGroupID: Hashable, Sendable, BitwiseCopyable {
  /// Its number, below ``ServerTable/groupLimit``.
  public let value: UInt16

  /// Names the group with a number.
  public init(_ number: Int) { value = UInt16(truncatingIfNeeded: number) }

  /// The servers for names that no route takes elsewhere.
  public static var standard: ServerGroupID { ServerGroupID(0) }

  /// Its number.
  @inline(__always)
  public var number: Int { Int(value) }
}

/// The servers that a question may be sent to, and who of them is asked first.
struct ServerGroup: BitwiseCopyable {
  /// How many there are.
  var count = 0
  /// Whether they are asked in the order in which they were given.
  var isStrict = false
  /// Those that are asked first, a bit each, by their order; none when all are down.
  var candidates: UInt32 = 0
  /// Until when that stands, if no server goes down or comes back.
  var until: UInt64 = 0
  /// The table's epoch when it was found.
  var epoch: UInt32 = 0

  /// Milliseconds for which a choice stands when no server goes down or comes back.
  static let life: UInt64 = 100
  /// Milliseconds that a server may be slower than the best and still have its share.
  static let leastBand: UInt64 = 10
  /// The same as a part of the best one's round-trip time: a quarter.
  static let bandShift: UInt64 = 2

  init(count: Int = 0, isStrict: Bool = false) {
    self.count = count
    self.isStrict = isStrict
  }
}

/// Where a server is asked, and how.
public struct ServerAddress: Hashable, Sendable, BitwiseCopyable {
  /// Where it is.
  public let endpoint: Endpoint
  /// How packets get there.
  public let transport: Transport

  /// How packets get to a server.
  public enum Transport: UInt8, Sendable, BitwiseCopyable {
    /// UDP, and TCP for what is too large or in doubt.
    case udp
    /// TCP alone.
    case tcp
  }

  /// Names a server.
  public init(_ endpoint: Endpoint, over transport: Transport = .udp) {
    self.endpoint = endpoint
    self.transport = transport
  }
}

/// A server to forward to, as it was set.
public struct ForwardServer: Hashable, Sendable, BitwiseCopyable {
  /// Where it is asked, and how.
  public var address: ServerAddress
  /// What it may be asked with.
  public var rules: ServerRules

  /// Names a server.
  public init(_ address: ServerAddress, _ rules: ServerRules = ServerRules()) {
    self.address = address
    self.rules = rules
  }
}

/// The servers that questions of one kind are forwarded to.
public struct ForwardServers: Hashable, Sendable {
  /// The servers in the order in which they were given.
  public var servers: [ForwardServer]
  /// Whether they are asked in that order, the next only while the one before is down, rather than the fastest
  /// first.
  public var isStrict: Bool

  /// Servers at most: a bit of a word for each.
  public static let limit = 32

  /// Names some servers.
  public init(_ servers: [ForwardServer] = [], isStrict: Bool = false) {
    self.servers = servers
    self.isStrict = isStrict
  }
}
