import DNSExchange
import DNSResolver
import DNSWire
import EventLoop
import Logging
import Memory
import System

/// The sockets that queries leave from: for each upstream a pool, each on a random port of its own.
///
/// Sockets are connected, so that the kernel drops what comes from elsewhere and reports an upstream
/// that can't be reached. Each is renewed after a while and after a number of queries, so that a port that
/// was found out is of no use for long; a socket that was replaced listens on for replies under way.
///
/// A connected socket keeps the address that it leaves from. When the machine's address or route
/// changes, the whole pool is renewed. A socket that can't be opened now is opened when it is wanted.
final class UpstreamSockets {
  /// Sockets for each server, where enough files may be open.
  static let most = 256
  /// Sockets that a server keeps that isn't asked, or is down and only probed.
  private static let mostIdle = Exchanges.probeSockets
  /// Milliseconds between two renewals; a pool of 256 is renewed in about ten minutes.
  private static let renewalInterval: UInt64 = 2_500
  /// Queries that leave from a socket before it is renewed; with a pool of 256, at a steady 10,000 queries
  /// a second, a port lasts for a hundred seconds.
  private static let queriesPerSocket: UInt32 = 4_096
  /// A pool's sockets for each that was used up and still takes replies, at most.
  ///
  /// With a pool of 256, enough for 50,000 queries a second; beyond, sockets serve longer.
  private static let socketsPerRetired = 4
  /// Sockets of each upstream that were replaced for their age and still take replies.
  private static let retiredForAge = 3
  /// Sockets that are replaced in one tick of the loop; at some 30 µs each, well under a millisecond.
  private static let renewalSlice = 16
  /// Milliseconds between two renewals of a whole pool after sending failed.
  private static let failureRenewalInterval: UInt64 = 1_000
  /// Milliseconds between two renewals of a whole pool because new sockets leave from another address;
  /// with several routes, they may do so all the time.
  private static let sourceRenewalInterval: UInt64 = 60_000

  /// Numbers for each upstream's sockets: as many as it may have.
  private let perUpstream = most
  /// What the pools have done so far.
  private(set) var counters = Counters()

  struct Counters {
    /// Sockets that were replaced because sending failed.
    var reopened: UInt64 = 0
    /// Pools that were renewed as a whole.
    var poolsRenewed: UInt64 = 0
    /// Sockets that were replaced for their age.
    var renewed: UInt64 = 0
    /// Sockets that were replaced since enough queries had left from them.
    var usedUp: UInt64 = 0
    /// Queries that left from a socket that was due, since too many replaced ones still listened.
    var overused: UInt64 = 0
  }

  private let worker: Pinned<Worker>
  private let logger: Logger
  private let ports: ClosedRange<UInt16>
  /// By the servers' slots.
  private var pools: [Pool] = []
  private let group: DatagramGroup
  /// Those of the first pool, then those of the next.
  private let sockets = Pinned(Slab<Socket>(capacity: ServerID.limit * most))
  /// Sockets that were replaced and still take replies.
  private var retired = 0
  private let retirements: Retirements
  private var renewal: Timer?
  /// The socket that was renewed last.
  private var lastRenewed = (pool: 0, member: 0)
  /// The server that is looked at next, whether it is still asked.
  private var nextLook = 0
  private var poolRenewal: Timer?

  /// A place for a socket that queries leave from.
  // Not private: the compiler cannot lay out a generic over it from another module then.
  struct Socket: BitwiseCopyable {
    /// Nothing when none is open.
    var member: DatagramGroup.Member?
    /// Queries that left from it.
    var uses: UInt32 = 0
  }

  /// What is known of the way to one upstream.
  private struct Pool {
    var server: ServerID
    var upstream: Endpoint
    /// Numbers below are of sockets that queries leave from.
    var inUse = 1
    var use = ServerUse()
    /// Whether it has only ``mostIdle`` sockets, and others as they are wanted.
    var isIdle = false
    var state = State.open
    /// The end of the sockets of an upstream that is asked no more.
    var retirement: Retirements.Number?
    /// No socket could be opened at the last attempt, and that was said.
    var isUnreachable = false
    /// When the renewal of the whole pool began last.
    var renewedAt: UInt64?
    /// Members below have been renewed in the present renewal of the pool; all when there is none.
    var renewedCount: Int

    /// Whether queries leave from its sockets.
    var isOpen: Bool { state == .open || state == .filling }

    /// Sockets that are to be open without being wanted for a query.
    var wanted: Int { isIdle ? min(inUse, UpstreamSockets.mostIdle) : inUse }

    enum State {
      case open
      /// Sockets are still to be opened, or closed, a few a tick.
      case filling
      /// Queries leave no more, replies may come.
      case retired
      /// Sockets are being closed, a few a tick, and the place is free.
      case closing
      /// Nobody's, without sockets.
      case free
    }
  }

  init(
    on loop: EventLoop, worker: Pinned<Worker>, retirements: Retirements, logger: Logger
  ) throws(SystemError) {
    self.worker = worker
    self.retirements = retirements
    self.logger = logger
    ports = UpstreamPort.range()
    group = try DatagramGroup(
      on: loop,
      capacity: ServerID.limit * Self.files(for: Self.most) + 1,
      receiver: UpstreamDatagrams(worker))
    let timer = Timer(on: loop) { [unowned self] in renewNext() }
    renewal = timer
    scheduleRenewal()
    poolRenewal = Timer(on: loop) { [unowned self] in renewSlice() }
  }

  deinit { sockets.destroy() }

  /// Files that a server's sockets take at most, with those that were replaced and still take replies.
  static func files(for sockets: Int) -> Int { sockets + retired(for: sockets) }

  /// Sockets for a server that take so many files at most.
  static func sockets(within files: Int) -> Int {
    // The most for which `files(for:)` is no more than that.
    let room = max(files - retiredForAge, 0)
    return (socketsPerRetired * room + socketsPerRetired - 1) / (socketsPerRetired + 1)
  }

  private static func retired(for sockets: Int) -> Int {
    sockets / socketsPerRetired + retiredForAge
  }

  /// Sockets that are open for queries.
  var openCount: Int { (0..<sockets.value.count).count { sockets.value[$0].member != nil } }

  /// Sends a query; false when it can't be sent.
  func send(_ query: Span<UInt8>, from socket: SocketID) -> Bool {
    let number = socket.server.slot * perUpstream + socket.member
    guard number < sockets.value.count else { return false }
    sockets.value[number].uses &+= 1
    if sockets.value[number].uses > UpstreamSockets.queriesPerSocket { renewUsed(number) }
    guard sockets.value[number].member != nil || open(number),
      let member = sockets.value[number].member
    else { return false }
    switch group.send(query, from: member) {
    case .sent: return true
    // The kernel's buffer is full: as good as lost on the way; the next attempt comes by itself.
    case .wouldBlock: return true
    case .failed: break
    }
    // What an ICMP error announces doesn't come here: this host itself can't send from that socket.
    counters.reopened += 1
    sockets.value[number].member = nil
    group.close(member)
    guard open(number), let fresh = sockets.value[number].member,
      group.send(query, from: fresh) == .sent
    else { return false }
    // The others have the same fault.
    renewPool(number / perUpstream, atMostEvery: UpstreamSockets.failureRenewalInterval)
    return true
  }

  // MARK: Opening

  /// Opens a member of a pool; says so when that is news.
  private func open(_ number: Int) -> Bool {
    let pool = number / perUpstream
    do {
      try replace(number)
    } catch {
      if !pools[pool].isUnreachable {
        pools[pool].isUnreachable = true
        logger.warning(
          "an upstream can't be reached now; it is tried again whenever it is wanted",
          metadata: ["upstream": "\(pools[pool].upstream)", "error": "\(error)"])
      }
      return false
    }
    if pools[pool].isUnreachable {
      pools[pool].isUnreachable = false
      logger.info(
        "there is a way to an upstream again",
        metadata: ["upstream": "\(pools[pool].upstream)"])
    }
    return true
  }

  /// Puts a fresh socket in a place.
  private func replace(_ number: Int) throws(SystemError) {
    put(try make(number), number)
  }

  /// - Parameter fresh: a socket of the place; the one that was there goes on or is closed by the caller.
  private func put(_ fresh: DatagramGroup.Member, _ number: Int) {
    sockets.value[number] = Socket(member: fresh)
  }

  private func make(_ number: Int) throws(SystemError) -> DatagramGroup.Member {
    let (pool, member) = number.quotientAndRemainder(dividingBy: perUpstream)
    let upstream = pools[pool].upstream
    let id = Int(SocketID(pools[pool].server, member: member).rawValue)
    for _ in 0..<UpstreamPort.attempts {
      do {
        return try group.open(
          connectedTo: upstream, localPort: UInt16.random(in: ports), number: id)
      } catch  where error.isAddressRefused {
        continue
      }
    }
    return try group.open(connectedTo: upstream, number: id)
  }

  // MARK: Renewing

  /// Renews the pools that would leave from another address now; the host's addresses, routes or links
  /// have changed.
  func networkChanged() {
    for pool in pools.indices where pools[pool].isOpen {
      let number = pool * perUpstream
      let old = sockets.value[number].member
      // Without a way to the upstream its sockets stay as they are: the old way may come back.
      guard old != nil || open(number), let fresh = try? make(number) else { continue }
      defer { group.close(fresh) }
      if let old, isSameHost(fresh, old) { continue }
      if pools[pool].state == .filling {
        close(pool, 0..<perUpstream)
        pools[pool].renewedCount = 0
        poolRenewal?.schedule(after: 0)
        continue
      }
      // Also when it is being renewed: part of it may be new and wrong.
      pools[pool].renewedCount = perUpstream
      renewPool(pool, atMostEvery: 0)
    }
  }

  /// Whether two sockets leave from the same address of this host.
  private func isSameHost(_ one: DatagramGroup.Member, _ other: DatagramGroup.Member) -> Bool {
    guard let one = group.localAddress(of: one), let other = group.localAddress(of: other) else {
      return false
    }
    return one.isSameHost(as: other)
  }

  private func renewNext() {
    lookForIdle()
    guard let (pool, member) = nextToRenew() else { return }
    lastRenewed = (pool, member)
    let number = pool * perUpstream + member
    if sockets.value[number].member == nil {
      _ = open(number)
    } else if renew(number) {
      counters.renewed += 1
    }
  }

  /// The next socket of a pool, or the first one of the next pool.
  private func nextToRenew() -> (pool: Int, member: Int)? {
    let (last, member) = lastRenewed
    if last < pools.count, pools[last].state == .open, member + 1 < pools[last].wanted {
      return (last, member + 1)
    }
    let open = pools.indices.lazy.filter { self.pools[$0].state == .open }
    return (open.first { $0 > last } ?? open.first).map { ($0, 0) }
  }

  /// Looks at one server, whether it is asked; most of the sockets of one that isn't are closed.
  private func lookForIdle() {
    guard !pools.isEmpty else { return }
    nextLook = (nextLook + 1) % pools.count
    let queries = worker.value.resolver.exchanges.queries(to: pools[nextLook].server)
    let isIdle = pools[nextLook].use.isOver(queries, now: EventLoop.now())
    guard pools[nextLook].state == .open, isIdle != pools[nextLook].isIdle else { return }
    pools[nextLook].isIdle = isIdle
    refill(nextLook)
  }

  /// Renews a socket that has had its number of queries.
  private func renewUsed(_ number: Int) {
    guard sockets.value[number].member != nil else { return }
    if renew(number) { counters.usedUp += 1 } else { counters.overused += 1 }
  }

  /// Replaces a socket; false when the old one has to go on.
  private func renew(_ number: Int) -> Bool {
    guard retired < mostRetired,
      let old = sockets.value[number].member, (try? replace(number)) != nil,
      let fresh = sockets.value[number].member
    else { return false }
    retired += 1
    retirements.add { [unowned self] in
      group.close(old)
      retired -= 1
    }
    if !isSameHost(fresh, old) {
      renewPool(
        number / perUpstream, atMostEvery: UpstreamSockets.sourceRenewalInterval)
    }
    return true
  }

  /// Begins to replace every socket of an upstream, unless that was done not long ago.
  private func renewPool(_ pool: Int, atMostEvery interval: UInt64) {
    let now = EventLoop.now()
    guard pools[pool].state == .open, pools[pool].renewedCount == perUpstream,
      now >= (pools[pool].renewedAt ?? 0) + interval || pools[pool].renewedAt == nil
    else { return }
    counters.poolsRenewed += 1
    pools[pool].renewedAt = now
    pools[pool].renewedCount = 0
    poolRenewal?.schedule(after: 0)
  }

  private func renewSlice() {
    guard let pool = pools.firstIndex(where: { $0.renewedCount < perUpstream }) else { return }
    let first = pools[pool].renewedCount
    let end = min(first + UpstreamSockets.renewalSlice, perUpstream)
    worker.value.measureSlice(.sockets) { _ in
      if pools[pool].state != .open {
        fillOrClose(pool, first..<end)
        return
      }
      for number in pool * perUpstream + first..<pool * perUpstream + end {
        // What an old socket waits for is asked again, from one that works. That may have been done
        // already, from a socket opened since, which has to stay for the reply.
        guard let old = sockets.value[number].member, let fresh = try? make(number) else {
          continue
        }
        if isSameHost(fresh, old) {
          group.close(fresh)
        } else {
          put(fresh, number)
          group.close(old)
        }
      }
    }
    pools[pool].renewedCount = end
    if end == perUpstream { finish(pool) }
    poolRenewal?.schedule(after: 0)
  }

  // MARK: Upstreams that come and go

  private var openPools: Int { pools.count { $0.isOpen } }

  /// Sockets at most that were replaced and still take replies.
  private var mostRetired: Int {
    pools.reduce(0) { $0 + ($1.isOpen ? UpstreamSockets.retired(for: $1.inUse) : 0) }
  }

  /// Has sockets for a server: at once where one is wanted, the rest a few a tick.
  ///
  /// Those that another server had in its slot are closed.
  func add(_ address: ServerAddress, for server: ServerID) {
    let upstream = address.endpoint
    let place = server.slot
    while pools.count <= place {
      pools.append(
        Pool(server: server, upstream: upstream, state: .free, renewedCount: perUpstream))
      for _ in 0..<perUpstream { _ = sockets.value.insert(Socket()) }
    }
    if let number = pools[place].retirement { retirements.cancel(number) }
    if pools[place].upstream != upstream { close(place, 0..<perUpstream) }
    let needsSockets = address.transport == .udp
    pools[place] = Pool(
      server: server, upstream: upstream, state: needsSockets ? .filling : .closing,
      renewedCount: 0)
    scheduleRenewal()
    poolRenewal?.schedule(after: 0)
  }

  /// Keeps the sockets of a server only for as long as replies may come.
  func retire(_ server: ServerID) {
    let place = server.slot
    guard place < pools.count else { return }
    pools[place].state = .retired
    pools[place].renewedCount = perUpstream
    pools[place].retirement = retirements.add { [unowned self] in
      pools[place].state = .closing
      pools[place].renewedCount = 0
      poolRenewal?.schedule(after: 0)
    }
    scheduleRenewal()
  }

  /// Has queries leave from so many sockets of a server; sockets are opened, or closed, a few a tick.
  ///
  /// Replies to those that close are lost: what was asked from there is asked again.
  func use(_ count: Int, for server: ServerID) {
    let place = server.slot
    guard place < pools.count, count != pools[place].inUse else { return }
    pools[place].inUse = count
    if pools[place].isOpen { refill(place) }
  }

  private func refill(_ place: Int) {
    pools[place].state = .filling
    pools[place].renewedCount = 0
    poolRenewal?.schedule(after: 0)
  }

  private func scheduleRenewal() {
    renewal?.schedule(
      every: UpstreamSockets.renewalInterval / UInt64(max(openPools, 1)))
  }

  private func fillOrClose(_ place: Int, _ members: Range<Int>) {
    guard pools[place].state == .filling else { return close(place, members) }
    let wanted = members.clamped(to: 0..<pools[place].wanted)
    close(place, members.clamped(to: pools[place].wanted..<perUpstream))
    for number in wanted.map({ place * perUpstream + $0 }) where sockets.value[number].member == nil
    {
      // Where one can't be opened, the others can't either; they are when they are wanted.
      guard open(number) else { return }
    }
  }

  private func close(_ place: Int, _ members: Range<Int>) {
    for number in members.map({ place * perUpstream + $0 }) {
      if let member = sockets.value[number].member { group.close(member) }
      sockets.value[number] = Socket()
    }
  }

  private func finish(_ place: Int) {
    if pools[place].state == .filling { pools[place].state = .open }
    if pools[place].state == .closing { pools[place].state = .free }
  }
}

/// Whether a server is still asked.
struct ServerUse {
  /// Milliseconds without a query after which it isn't.
  static let idleTime: UInt64 = 600_000

  private var queries: UInt64?
  private var since: UInt64 = 0

  /// - Parameter total: queries so far; nothing while it isn't asked for what clients want.
  mutating func isOver(_ total: UInt64?, now: UInt64) -> Bool {
    if queries == nil || total ?? queries != queries { (queries, since) = (total ?? 0, now) }
    return now - since >= ServerUse.idleTime
  }
}

/// Hands upstreams' datagrams to the worker.
final class UpstreamDatagrams: DatagramGroupReceiver {
  private let worker: Pinned<Worker>

  init(_ worker: Pinned<Worker>) {
    self.worker = worker
    super.init()
  }

  override func datagramReady(
    _ member: DatagramGroup.Member, number: Int, in group: DatagramGroup
  ) {
    worker.value.receive(
      from: member, socket: SocketID(rawValue: UInt32(truncatingIfNeeded: number)), in: group)
  }

  override func socketFailed(_ number: Int, error: Int32, payload: Span<UInt8>) {
    worker.value.upstreamFailed(
      SocketID(rawValue: UInt32(truncatingIfNeeded: number)), query: payload)
  }
}

/// Which ports queries leave from.
enum UpstreamPort {
  /// Random ports tried before the kernel is asked to choose.
  static let attempts = 8
  /// Ports below are left to services (RFC 6335 §6).
  private static let lowest: UInt16 = 1_024
  /// Ports that a guess has to be made among, at least: the dynamic range of RFC 6335 §6.
  private static let leastChoice = 16_384

  /// The system's own ports for clients, which no other daemon expects to be free, where they are
  /// enough; else all but the lowest.
  static func range() -> ClosedRange<UInt16> {
    if let ports = Process.clientPorts(), ports.count >= leastChoice { return ports }
    return lowest...UInt16.max
  }
}
