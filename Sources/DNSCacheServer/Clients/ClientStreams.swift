import Configuration
import DNSWire
import EventLoop
import Memory
import System

/// The TCP connections that clients have open.
///
/// When there are as many as may be, a new one takes the place of another, so that nobody can keep
/// others out by holding connections open: of the oldest that has never asked anything, else of the one
/// that was not used for the longest time.
final class ClientStreams {
  /// Questions of one connection that may wait for upstream; it isn't read further meanwhile.
  static let pipelineLimit = 100
  /// Octets of answers that a client may leave unread before its connection isn't read further.
  ///
  /// The kernel takes as many and more before any is left here. When half of ``StreamLimits/buffers`` is
  /// in use, a connection isn't read further before all is taken.
  private static let mostOutput = 64 * 1_024
  /// Octets of answers that a client may leave unread before its connection is closed.
  ///
  /// Answers that had to wait come whether the connection is read or not: this is room for a hundred
  /// of them at once, unless they are very large.
  static let unreadLimit = 2 << 20
  /// Octets that are read ahead on a connection: the longest message with its length.
  static let inputLimit = 2 + 65_535
  /// Connections looked at for one that waits for nothing before one that does has to go.
  private static let searchLimit = 64
  /// Idle connections closed at most when a new one comes.
  private static let reapLimit = 16

  let loop: EventLoop
  let worker: Pinned<Worker>
  let budget: TickBudget
  private(set) var limits: StreamLimits
  /// How long a message may take to arrive.
  let message: CommonTimeout
  /// How long a connection may be idle, by ``StreamLimits/Pressure``.
  private var idleTimeouts: [CommonTimeout]
  private var connections: [UInt32: ClientStream] = [:]
  private var nextNumber: UInt32 = 0
  /// Connections by their place.
  private var places: [ClientStream?]
  private var freePlaces: [Int]
  /// Places of those that have asked nothing yet, the first to come first.
  private var silent: RecencyList
  /// Places of the others, by last use.
  private var used: RecencyList
  private var perNetwork: [ClientNetwork: Int] = [:]
  private var closing: [Stream] = []
  /// What is held for answers that were not sent yet.
  private let memory = StreamMemory()
  /// What is held at most of messages that have begun.
  private var inputBound = 0
  /// Where the answers of a connection's visit are gathered.
  var answers = AnswerGathering()

  /// What the connections have done so far.
  private(set) var counters = Counters()

  struct Counters {
    var accepted: UInt64 = 0
    /// Connections closed because of ``StreamLimits/connections``.
    var displaced: UInt64 = 0
    /// Connections closed because of ``StreamLimits/connectionsPerClient``.
    var displacedByClient: UInt64 = 0
    /// Connections closed before the full idle time because many were open.
    var pressed: UInt64 = 0
    var timedOut: UInt64 = 0
    /// How often a connection was not read further because of ``ClientStreams/pipelineLimit``.
    var pipelineLimit: UInt64 = 0
    /// Connections closed because of ``ClientStreams/unreadLimit``.
    var unread: UInt64 = 0
    /// Connections closed because of ``StreamLimits/buffers``.
    var buffers: UInt64 = 0
  }

  init(
    on loop: EventLoop, limits: StreamLimits, worker: Pinned<Worker>, budget: TickBudget
  ) throws(SystemError) {
    self.loop = loop
    self.limits = limits
    self.worker = worker
    self.budget = budget
    idleTimeouts = try ClientStreams.idleTimeouts(on: loop, limits)
    message = try loop.commonTimeout(milliseconds: StreamLimits.messageTimeout)
    places = Array(repeating: nil, count: limits.connections)
    freePlaces = Array((0..<limits.connections).reversed())
    silent = RecencyList(capacity: limits.connections)
    used = RecencyList(capacity: limits.connections)
  }

  private static func idleTimeouts(
    on loop: EventLoop, _ limits: StreamLimits
  ) throws(SystemError) -> [CommonTimeout] {
    var timeouts: [CommonTimeout] = []
    for level in StreamLimits.Pressure.allCases {
      timeouts.append(try loop.commonTimeout(milliseconds: limits.idleTimeout(at: level)))
    }
    return timeouts
  }

  /// Takes over other limits; connections beyond them are closed when new ones come.
  ///
  /// Who is idle now has the time that was given before. libevent keeps a queue for each different time,
  /// 256 at most: beyond, the time stays as it is.
  func reconfigure(_ new: StreamLimits) {
    let idle = limits.idleTimeout
    limits = new
    if let timeouts = try? ClientStreams.idleTimeouts(on: loop, limits) {
      idleTimeouts = timeouts
    } else {
      limits.idleTimeout = idle
    }
    let more = places.count..<max(places.count, limits.connections)
    guard !more.isEmpty else { return }
    places += more.map { _ in nil }
    freePlaces = more.reversed() + freePlaces
    silent.grow(to: places.count)
    used.grow(to: places.count)
  }

  /// Connections open now.
  var count: Int { connections.count }

  /// How long a connection may be idle from now on.
  var idle: CommonTimeout { idleTimeouts[limits.pressure(count).rawValue] }

  // MARK: Coming and going

  /// Takes a new connection.
  func accept(_ stream: Stream) {
    guard let peer = stream.peer else {
      stream.close()
      return
    }
    counters.accepted += 1
    let network = ClientNetwork(peer.address)
    makeRoom(for: network)
    guard let place = freePlaces.popLast() else {
      stream.close()
      return
    }
    stream.memory.total = memory
    while connections[nextNumber] != nil { nextNumber &+= 1 }
    let connection = ClientStream(
      stream, peer: peer, number: nextNumber, place: place, network: network, in: self)
    connections[nextNumber] = connection
    nextNumber &+= 1
    places[place] = connection
    silent.use(place)
    perNetwork[network, default: 0] += 1
    budget.spend()
  }

  /// Closes those that a new connection displaces.
  private func makeRoom(for network: ClientNetwork) {
    reapIdle()
    if perNetwork[network, default: 0] >= limits.connectionsPerClient,
      let victim = victim(among: network)
    {
      counters.displacedByClient += 1
      victim.abandon()
    }
    // More than one where the limit has become less.
    for _ in 0..<ClientStreams.reapLimit where count >= limits.connections {
      guard let victim = victim(among: nil) else { break }
      counters.displaced += 1
      victim.abandon()
    }
  }

  /// Closes connections that have been idle for longer than there is time now.
  private func reapIdle() {
    let level = limits.pressure(count)
    guard level != .none else { return }
    let usedBefore = EventLoop.now() - min(EventLoop.now(), limits.idleTimeout(at: level))
    for _ in 0..<ClientStreams.reapLimit {
      let oldest = [silent.oldest, used.oldest].compactMap { $0.flatMap { places[$0] } }
      guard let idle = oldest.first(where: { $0.waiting == 0 && $0.usedAt <= usedBefore })
      else { return }
      counters.pressed += 1
      idle.abandon()
    }
  }

  /// The connection to close for a new one of a network, or of any.
  private func victim(among network: ClientNetwork?) -> ClientStream? {
    func isMeant(_ place: Int) -> Bool { network == nil || places[place]?.network == network }
    var place = silent.oldest
    while let present = place {
      if isMeant(present) { return places[present] }
      place = silent.next(after: present)
    }
    // One that waits for an answer is not idle, but neither may it be a way to stay for ever.
    var oldest: ClientStream?
    var looked = 0
    place = used.oldest
    while let present = place, looked < ClientStreams.searchLimit {
      place = used.next(after: present)
      guard isMeant(present), let connection = places[present] else { continue }
      if connection.waiting == 0 { return connection }
      if oldest == nil { oldest = connection }
      looked += 1
    }
    return oldest
  }

  /// A connection was used.
  func noteUse(of connection: ClientStream) {
    if silent.contains(connection.place) { silent.remove(connection.place) }
    used.use(connection.place)
  }

  /// A connection isn't read any further for now.
  func notePipelineFull() { counters.pipelineLimit += 1 }

  /// Forgets a connection that has ended.
  func remove(_ connection: ClientStream, timedOut: Bool) {
    guard connections.removeValue(forKey: connection.number) != nil else { return }
    if timedOut { counters.timedOut += 1 }
    places[connection.place] = nil
    connection.reader.cancel()
    freePlaces.append(connection.place)
    if silent.contains(connection.place) {
      silent.remove(connection.place)
    } else {
      used.remove(connection.place)
    }
    let others = perNetwork[connection.network, default: 1] - 1
    perNetwork[connection.network] = others > 0 ? others : nil
    inputBound -= connection.accounted
    connection.accounted = 0
  }

  /// Closes all connections; what was written is still sent.
  func closeAll() {
    closing = connections.values.map(\.stream)
    for stream in closing { stream.closeWhenSent() }
    connections.removeAll()
    places = Array(repeating: nil, count: places.count)
  }

  /// Whether connections that were closed all at once have still something to send.
  var isFlushing: Bool { closing.contains { $0.pendingOutput > 0 } }

  // MARK: Answers and buffers

  /// Sends an answer that had to wait; nothing when its client is gone.
  func send(_ message: Span<UInt8>, to number: UInt32) {
    connections[number]?.answer(message)
  }

  /// Bytes that are held for messages half received, and for answers that clients have not read yet and
  /// the kernel has not taken.
  var buffered: Int { inputBound + memory.bytes }

  /// Octets of answers that a client may leave unread now before its connection isn't read further.
  var outputLimit: Int { buffered > limits.buffers / 2 ? 0 : ClientStreams.mostOutput }

  /// Takes note of an answer to a connection, and closes it when it leaves too much unread.
  func wrote(to connection: ClientStream) {
    guard connection.stream.pendingOutput <= ClientStreams.unreadLimit else {
      counters.unread += 1
      connection.abandon()
      return
    }
    closeLargest()
  }

  /// Takes note of what is in a connection's input.
  func account(_ connection: ClientStream) {
    guard connection.stream.isOpen else { return }
    let now = connection.stream.inputBytes
    inputBound += now - connection.accounted
    connection.accounted = now
    closeLargest()
  }

  /// Closes the connections that hold most, when all together hold too much.
  ///
  /// An eighth is made free at once, so that they aren't sorted for each message.
  private func closeLargest() {
    guard buffered > limits.buffers else { return }
    for connection in connections.values.sorted(by: { $0.held > $1.held }) {
      guard buffered > limits.buffers / 8 * 7 else { return }
      counters.buffers += 1
      connection.abandon()
    }
  }
}

/// Those that share a limit: an IPv4 address, or the IPv6 network that one customer gets.
struct ClientNetwork: Hashable {
  private let high: UInt64
  private let low: UInt64

  init(_ address: IPAddress) {
    let address = address.unmapped
    high = address.high
    // fe80::/64 is everybody on the link, each with an address of its own.
    low = address.isIPv4 || address.high >> 54 == 0xFE80 >> 6 ? address.low : 0
  }
}
