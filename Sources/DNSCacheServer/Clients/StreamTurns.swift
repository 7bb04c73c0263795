import EventLoop
import Memory

/// Gives the connections of clients their turns: a bounded number of messages in each turn of the loop.
///
/// libevent makes all calls that are due before it looks at the sockets again. With a thousand
/// connections that never stop asking, each answered until it has no more, that took a tenth of a second,
/// for which datagrams waited. So what has come is served in the order in which the connections became
/// ready, some messages of each, and what is left goes on in the next turn. In the midst of it, and
/// wherever else connections make work, clients' datagrams are served.
final class StreamTurns {
  /// Messages that are served in one turn of the loop at most.
  static let messagesPerTurn = 128
  /// Octets of answers in one turn of the loop at most, the last one whole.
  static let octetsPerTurn = 256 * 1_024
  /// Messages of one connection before the next one has its turn.
  static let messagesPerVisit = 8
  /// Work until clients' datagrams are looked at: as much as so many messages make, or so many calls that
  /// read or write a connection.
  private static let workUntilDatagrams = 32
  /// Octets of answers that are as much work as one message.
  private static let octetsOfWork = 4_096

  private let worker: Pinned<Worker>
  private let serve: (Int) -> Visit
  /// Connections that have something to be served, by their places, in the order of their turns.
  private var ready: RecencyList
  private var inThisTurn: EndOfTurn?
  private var inTheNext: Timer?
  private var work = 0

  /// Turns of the loop in which not all that had come was served.
  private(set) var cutShort: UInt64 = 0
  /// Most messages that were served in one turn.
  private(set) var mostMessages = 0

  /// What became of a connection's turn.
  struct Visit {
    var messages = 0
    /// Octets of the answers.
    var octets = 0
    /// Whether there is another message that may be served.
    var hasMore = false
  }

  /// - Parameter serve: serves some messages of the connection at a place.
  init(
    on loop: EventLoop, worker: Pinned<Worker>, places: Int, serve: @escaping (Int) -> Visit
  ) {
    self.worker = worker
    self.serve = serve
    ready = RecencyList(capacity: places)
    inThisTurn = EndOfTurn(on: loop) { [unowned self] in serveReady() }
    inTheNext = Timer(on: loop) { [unowned self] in serveReady() }
  }

  /// Makes room for more connections.
  func grow(to places: Int) { ready.grow(to: places) }

  /// Whether the connection at a place waits for its turn.
  func isWaiting(_ place: Int) -> Bool { ready.contains(place) }

  /// Has the connection at a place served when the others before it have been.
  func request(_ place: Int) {
    guard !ready.contains(place) else { return }
    ready.use(place)
    if inTheNext?.isScheduled == false { inThisTurn?.request() }
  }

  /// Forgets a connection.
  func cancel(_ place: Int) { if ready.contains(place) { ready.remove(place) } }

  private func serveReady() {
    var messages = 0
    var octets = 0
    while messages < StreamTurns.messagesPerTurn, octets < StreamTurns.octetsPerTurn,
      let place = ready.oldest
    {
      ready.remove(place)
      let visit = serve(place)
      messages += visit.messages
      octets += visit.octets
      if visit.hasMore { ready.use(place) }
    }
    mostMessages = max(mostMessages, messages)
    worker.value.drainActions()
    guard ready.oldest != nil else { return }
    cutShort += 1
    inTheNext?.schedule(after: 0)
  }

  /// Notes work on connections, and serves clients' datagrams when there was enough of it.
  ///
  /// Not to be called while a stream's input is lent out: an answer may close any.
  func spend(octets: Int = 0) {
    work += 1 + octets / StreamTurns.octetsOfWork
    guard work >= StreamTurns.workUntilDatagrams else { return }
    work = 0
    worker.value.serveDatagrams()
  }
}
