import DNSService
import DNSWire
import EventLoop
import Memory
import System

/// One TCP connection of a client.
final class ClientStream: StreamDelegate {
  let stream: Stream
  /// What the worker knows it by; no other connection had it before.
  let number: UInt32
  /// Its place in the order of use; another's when it is gone.
  let place: Int
  let network: ClientNetwork
  /// Questions that wait for upstream.
  private(set) var waiting = 0
  /// When it was opened, asked something or got an answer that had to wait.
  private(set) var usedAt = EventLoop.now()
  /// Bytes of its input when it was last looked at.
  var accounted = 0

  private let peer: Endpoint
  private unowned let owner: ClientStreams
  private(set) lazy var reader = TickBudget.Reader { [weak self] in
    self?.serve() ?? TickBudget.Visit()
  }
  private var timer: Timer?
  private var isMessageBegun = false
  private var isReadingPaused = false
  /// Whether it isn't read until what has come is served.
  private var isHeld = false
  private var hasEnded = false

  init(
    _ stream: Stream, peer: Endpoint, number: UInt32, place: Int, network: ClientNetwork,
    in owner: ClientStreams
  ) {
    self.stream = stream
    self.peer = peer
    self.number = number
    self.place = place
    self.network = network
    self.owner = owner
    timer = Timer(on: owner.loop) { [unowned self] in timeOut() }
    timer?.schedule(after: owner.idle)
    stream.delegate = self
  }

  /// Bytes that it holds.
  var held: Int { accounted + stream.memory.bytes }

  func streamReadable(_ stream: Stream) {
    owner.account(self)
    guard stream.isOpen else { return }
    if reader.isWaiting, !isHeld {
      // More comes than is served.
      isHeld = true
      stream.pauseReading()
    }
    owner.budget.request(reader)
    owner.budget.spend()
  }

  /// Answers some of the messages that have arrived, as far as the connection's limits allow.
  private func serve() -> TickBudget.Visit {
    let now = EventLoop.now()
    var visit = TickBudget.Visit()
    var hasAsked = false
    owner.answers.removeAll()
    while visit.messages < TickBudget.messagesPerVisit, stream.isOpen, !isFull {
      var octets = 0
      let hasMessage = MessageFraming.next(stream) { message in
        switch owner.worker.value.serve(
          message, from: peer, stream: number,
          { answer in
            owner.answers.append(answer, to: stream)
            octets = answer.count
          })
        {
        case .reply: hasAsked = true
        case .waiting:
          waiting += 1
          hasAsked = true
        case .withheld, .ignored: break
        }
      }
      guard hasMessage else { break }
      visit.messages += 1
      visit.bytes += octets
      // Not before the input is put back: this may close the stream.
      owner.budget.spend(bytes: octets)
    }
    owner.answers.write(to: stream)
    if visit.bytes > 0 { owner.wrote(to: self) }
    guard stream.isOpen else { return visit }
    if hasAsked { noteUse(now) }
    visit.hasMore = !isFull && MessageFraming.hasNext(stream)
    if isFull {
      pause()
    } else {
      setTimer(hasAsked: hasAsked)
      if !visit.hasMore, isHeld {
        isHeld = false
        stream.resumeReading()
      }
    }
    owner.account(self)
    if !visit.hasMore { finishIfEnded() }
    return visit
  }

  private func noteUse(_ now: UInt64) {
    usedAt = now
    owner.noteUse(of: self)
  }

  private var isFull: Bool {
    waiting >= ClientStreams.pipelineLimit
      || stream.pendingOutput + owner.answers.count > owner.outputLimit
  }

  private func pause() {
    guard !isReadingPaused else { return }
    isReadingPaused = true
    isHeld = false
    if waiting >= ClientStreams.pipelineLimit { owner.notePipelineFull() }
    stream.pauseReading()
    // A client that doesn't read its answers is idle, too.
    timer?.schedule(after: owner.idle)
  }

  private func resumeIfPossible() {
    guard isReadingPaused, !isFull else { return }
    isReadingPaused = false
    stream.resumeReading()
    if MessageFraming.hasNext(stream) { owner.budget.request(reader) }
  }

  /// Sets how long the client may take for what comes next.
  ///
  /// A message that has begun has to end soon, however slowly it trickles in; after one that was worth
  /// an answer the next may take its time. Octets that make no question win no time.
  private func setTimer(hasAsked: Bool) {
    let isBegun = stream.readableBytes > 0
    if hasAsked {
      timer?.schedule(after: isBegun ? owner.message : owner.idle)
      isMessageBegun = isBegun
    } else if !isMessageBegun {
      timer?.schedule(after: owner.message)
      isMessageBegun = true
    }
  }

  /// Sends an answer that had to wait.
  func answer(_ message: Span<UInt8>) {
    waiting -= 1
    MessageFraming.write(message, to: stream)
    owner.wrote(to: self)
    guard stream.isOpen else { return }
    noteUse(EventLoop.now())
    resumeIfPossible()
    finishIfEnded()
  }

  /// Closes the connection; what is not sent by then is lost.
  func abandon() {
    stream.close()
    end()
  }

  func streamDrained(_ stream: Stream) {
    owner.budget.spend()
    guard stream.isOpen else { return }
    if !isMessageBegun { timer?.schedule(after: owner.idle) }
    owner.account(self)
    resumeIfPossible()
    finishIfEnded()
  }

  func streamClosed(_ stream: Stream, reason: StreamEnd) {
    guard reason == .endOfFile else {
      end()
      return
    }
    hasEnded = true
    isMessageBegun = false
    timer?.schedule(after: owner.idle)
    finishIfEnded()
  }

  /// A client that sends no more still gets the answers it waits for (RFC 7766 §6.2.4).
  ///
  /// Until it has taken them the connection counts, as any other whose client doesn't read.
  private func finishIfEnded() {
    guard hasEnded, waiting == 0, stream.isOpen, stream.pendingOutput == 0,
      !reader.isWaiting
    else { return }
    stream.close()
    end()
  }

  private func timeOut() {
    if waiting > 0 && !isMessageBegun {
      // The upstream is slow, not the client.
      timer?.schedule(after: owner.idle)
      return
    }
    stream.close()
    end(timedOut: true)
  }

  private func end(timedOut: Bool = false) {
    timer?.cancel()
    owner.remove(self, timedOut: timedOut)
  }
}
