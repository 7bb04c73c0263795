import EventLoop
import Memory

/// The TCP connections that clients have open.
final class ClientStreams {
  /// Connections at most; further ones are closed at once.
  static let limit = 1_024
  /// Milliseconds that a connection may stay open without a message begun (RFC 7766 §6.2.3).
  static let idleTimeout: UInt64 = 10_000
  /// Milliseconds that one message may take to arrive.
  static let messageTimeout: UInt64 = 5_000
  /// Questions of one connection that may wait for upstream; it isn't read further meanwhile.
  static let pipelineLimit = 100
  /// Octets of answers that a client may leave unread before its connection isn't read further.
  static let outputLimit = 256 * 1_024
  /// Octets of answers that a client may leave unread before its connection is closed.
  ///
  /// Answers that had to wait come whether the connection is read or not: this is room for a hundred
  /// of them at once, unless they are very large.
  static let unreadLimit = 2 << 20
  /// Octets of answers that all clients together may leave unread.
  static let totalOutputLimit = 64 << 20

  fileprivate let core: Pinned<Core>
  fileprivate let idle: CommonTimeout
  fileprivate let message: CommonTimeout
  fileprivate let loop: EventLoop
  private var connections: [UInt32: ClientStream] = [:]
  private var nextNumber: UInt32 = 0
  private var closing: [Stream] = []
  /// At least as many octets of answers are unread; what the kernel took since is still counted.
  private var outputBound = 0

  /// What the connections have done so far.
  private(set) var counters = Counters()

  struct Counters {
    var accepted: UInt64 = 0
    var refused: UInt64 = 0
    var timedOut: UInt64 = 0
    /// Connections closed because of ``ClientStreams/unreadLimit``.
    var unread: UInt64 = 0
    /// Connections closed because of ``ClientStreams/totalOutputLimit``.
    var totalOutput: UInt64 = 0
  }

  init(on loop: EventLoop, core: Pinned<Core>) throws(SystemError) {
    self.loop = loop
    self.core = core
    idle = try loop.commonTimeout(milliseconds: ClientStreams.idleTimeout)
    message = try loop.commonTimeout(milliseconds: ClientStreams.messageTimeout)
  }

  /// Connections open now.
  var count: Int { connections.count }

  /// Takes a new connection.
  func accept(_ stream: Stream) {
    guard connections.count < ClientStreams.limit, let peer = stream.peer else {
      counters.refused += 1
      stream.close(flushing: false)
      return
    }
    counters.accepted += 1
    while connections[nextNumber] != nil { nextNumber &+= 1 }
    let connection = ClientStream(stream, peer: peer, number: nextNumber, in: self)
    connections[nextNumber] = connection
    nextNumber &+= 1
  }

  /// Sends an answer that had to wait; nothing when its client is gone.
  func send(_ message: Span<UInt8>, to number: UInt32) {
    connections[number]?.answer(message)
  }

  fileprivate func remove(_ number: UInt32, timedOut: Bool = false) {
    if timedOut { counters.timedOut += 1 }
    connections.removeValue(forKey: number)
  }

  /// Octets of answers that clients have not read yet and the kernel has not taken.
  var pendingOutput: Int { connections.values.reduce(0) { $0 + $1.stream.pendingOutput } }

  /// Takes note of an answer to a connection, and closes those that leave too much unread.
  fileprivate func wrote(_ count: Int, to connection: ClientStream) {
    if connection.stream.pendingOutput > ClientStreams.unreadLimit {
      counters.unread += 1
      connection.abandon()
      return
    }
    outputBound += count
    guard outputBound > ClientStreams.totalOutputLimit else { return }
    outputBound = pendingOutput
    while outputBound > ClientStreams.totalOutputLimit {
      // Whoever reads least, not whoever happened to be next.
      guard
        let largest = connections.values.max(by: {
          $0.stream.pendingOutput < $1.stream.pendingOutput
        })
      else { return }
      counters.totalOutput += 1
      outputBound -= largest.stream.pendingOutput
      largest.abandon()
    }
  }

  /// Closes all connections; what was written is still sent.
  func closeAll() {
    closing = connections.values.map(\.stream)
    for stream in closing { stream.close(flushing: true) }
    connections.removeAll()
  }

  /// Whether connections that were closed all at once have still something to send.
  var isFlushing: Bool { closing.contains { $0.pendingOutput > 0 } }
}

/// One TCP connection of a client.
private final class ClientStream: StreamDelegate {
  let stream: Stream
  private let peer: SocketAddress
  private let number: UInt32
  private unowned let owner: ClientStreams
  private var timer: Timer?
  /// Questions that wait for upstream.
  private var waiting = 0
  private var isMessageBegun = false
  private var isReadingPaused = false
  private var hasEnded = false

  init(_ stream: Stream, peer: SocketAddress, number: UInt32, in owner: ClientStreams) {
    self.stream = stream
    self.peer = peer
    self.number = number
    self.owner = owner
    timer = Timer(on: owner.loop) { [unowned self] in timeOut() }
    timer?.schedule(after: owner.idle)
    stream.delegate = self
  }

  func streamReadable(_ stream: Stream) {
    read()
    owner.core.value.settle(now: EventLoop.now())
  }

  /// Answers the messages that have arrived, as far as the connection's limits allow.
  private func read() {
    let now = EventLoop.now()
    var hasAsked = false
    var written = 0
    while stream.isOpen, !isFull,
      MessageFraming.next(
        stream,
        { message in
          let served = owner.core.value.serve(
            message, from: peer, stream: number, now: now
          ) { answer in
            MessageFraming.write(answer, to: stream)
            written = answer.count
          }
          if served == .waiting { waiting += 1 }
          if served != .ignored { hasAsked = true }
        })
    {
      // Not before the input is put back: this may close the stream.
      if written > 0 { owner.wrote(written, to: self) }
      written = 0
    }
    guard stream.isOpen else { return }
    if isFull {
      pause()
    } else {
      setTimer(hasAsked: hasAsked)
    }
    finishIfEnded()
  }

  private var isFull: Bool {
    waiting >= ClientStreams.pipelineLimit || stream.pendingOutput > ClientStreams.outputLimit
  }

  private func pause() {
    guard !isReadingPaused else { return }
    isReadingPaused = true
    stream.pauseReading()
    // A client that doesn't read its answers is idle, too.
    timer?.schedule(after: owner.idle)
  }

  private func resumeIfPossible() {
    guard isReadingPaused, !isFull else { return }
    isReadingPaused = false
    stream.resumeReading()
  }

  /// Sets how long the client may take now.
  ///
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
    owner.wrote(message.count, to: self)
    guard stream.isOpen else { return }
    resumeIfPossible()
    finishIfEnded()
  }

  /// Gives up a client that doesn't read.
  func abandon() {
    stream.close(flushing: false)
    end()
  }

  func streamDrained(_ stream: Stream) {
    if !isMessageBegun { timer?.schedule(after: owner.idle) }
    resumeIfPossible()
    finishIfEnded()
  }

  func streamClosed(_ stream: Stream, reason: StreamEnd) {
    guard reason == .endOfFile else {
      end()
      return
    }
    hasEnded = true
    finishIfEnded()
  }

  /// A client that sends no more still gets the answers it waits for (RFC 7766 §6.2.4).
  private func finishIfEnded() {
    guard hasEnded, waiting == 0, stream.isOpen else { return }
    stream.close(flushing: true)
    end()
  }

  private func timeOut() {
    if waiting > 0 && !isMessageBegun {
      // The upstream is slow, not the client.
      timer?.schedule(after: owner.idle)
      return
    }
    stream.close(flushing: false)
    end(timedOut: true)
  }

  private func end(timedOut: Bool = false) {
    timer?.cancel()
    owner.remove(number, timedOut: timedOut)
  }
}
