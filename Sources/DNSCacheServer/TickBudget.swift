import EventLoop
import HTTP
import Memory

/// Shares the ticks of the loop among all that messages come in on beside datagrams: a bounded number in each tick.
///
/// libevent makes all calls that are due before it looks at the sockets again. With a thousand connections that never
/// stop asking, each answered until it has no more, that took a tenth of a second, for which datagrams waited. So what
/// has come is served in the order in which the readers became ready, some messages of each, and what is left goes on
/// in the next tick, from where this one stopped. In the midst of it, and wherever else connections make work,
/// clients' datagrams are served.
final class TickBudget {
  /// Messages that are served in one tick at most.
  static let messagesPerTick = 128
  /// Bytes of answers, and of replies from upstream, in one tick at most, the last one whole.
  static let bytesPerTick = 256 * 1_024
  /// Messages of one connection before the next one is served.
  static let messagesPerVisit = 8
  /// Messages that an HTTP request counts as, for it takes about as long: four in one tick.
  static let messagesPerRequest = 32
  /// Work until clients' datagrams are looked at: as much as so many messages make, or so many calls that
  /// read or write a connection.
  private static let workUntilDatagrams = 32
  /// Bytes of answers that are as much work as one message.
  private static let bytesOfWork = 4_096

  private let worker: Pinned<Worker>
  /// Readers in the order in which they are served; those before ``head`` have been, in the present tick.
  private var queue: [Reader] = []
  private var head = 0
  private var isServing = false
  private var inThisTick: EndOfTick?
  private var inTheNext: Timer?
  private var work = 0

  /// Ticks in which not all that had come was served.
  private(set) var cutShort: UInt64 = 0
  /// Most messages that were served in one tick.
  private(set) var mostMessages = 0

  /// What was served of a reader.
  struct Visit {
    var messages = 0
    /// Bytes of the answers, or of the replies.
    var bytes = 0
    /// Whether there is another message that may be served.
    var hasMore = false
  }

  /// Something that messages come in on: a client's stream, a stream to an upstream, an HTTP connection.
  final class Reader {
    fileprivate let serve: () -> Visit
    fileprivate var isQueued = false
    /// Whether it is to be served.
    fileprivate(set) var isWaiting = false

    /// - Parameter serve: serves some messages.
    init(_ serve: @escaping () -> Visit) { self.serve = serve }

    /// Has it not served after all.
    func cancel() { isWaiting = false }
  }

  init(on loop: EventLoop, worker: Pinned<Worker>) {
    self.worker = worker
    inThisTick = EndOfTick(on: loop) { [unowned self] in serveReady() }
    inTheNext = Timer(on: loop) { [unowned self] in serveReady() }
  }

  /// Has a reader served when the others before it have been.
  func request(_ reader: Reader) {
    reader.isWaiting = true
    guard !reader.isQueued else { return }
    reader.isQueued = true
    queue.append(reader)
    if !isServing, inTheNext?.isScheduled == false { inThisTick?.request() }
  }

  /// Has an HTTP request answered, if its client is still there then.
  func request(
    _ request: HTTPRequest, _ responder: HTTPResponder,
    _ answer: @escaping (HTTPRequest, HTTPResponder) -> Void
  ) {
    self.request(
      Reader { [unowned self] in
        guard responder.isOpen else { return Visit() }
        answer(request, responder)
        spend(TickBudget.messagesPerRequest)
        return Visit(messages: TickBudget.messagesPerRequest)
      })
  }

  private func next() -> Reader? {
    while head < queue.count {
      let reader = queue[head]
      head += 1
      reader.isQueued = false
      if reader.isWaiting {
        reader.isWaiting = false
        return reader
      }
    }
    return nil
  }

  private func serveReady() {
    var messages = 0
    var bytes = 0
    isServing = true
    while messages < TickBudget.messagesPerTick, bytes < TickBudget.bytesPerTick,
      let reader = next()
    {
      let visit = reader.serve()
      messages += visit.messages
      bytes += visit.bytes
      if visit.hasMore { request(reader) }
    }
    mostMessages = max(mostMessages, messages)
    worker.value.drainActions()
    isServing = false
    queue.removeFirst(head)
    head = 0
    guard !queue.isEmpty else { return }
    cutShort += 1
    inTheNext?.schedule(after: 0)
  }

  /// Notes work on connections, and serves clients' datagrams when there was enough of it.
  ///
  /// Not to be called while a stream's input is lent out: an answer may close any.
  func spend(_ messages: Int = 1, bytes: Int = 0) {
    work += messages + bytes / TickBudget.bytesOfWork
    guard work >= TickBudget.workUntilDatagrams else { return }
    work = 0
    worker.value.serveDatagrams()
  }
}
