import CEvent
import DNSWire
import Glibc
import System

/// A connection over TCP or a Unix socket, with buffers in both directions.
///
/// The owner keeps it: a stream that is let go is closed, and what isn't sent by then is lost. The
/// input buffer is bounded; the output buffer isn't, look at `pendingOutput` before writing more.
/// When memory runs out for one of them, the stream ends: the delegate hears ENOMEM on the next tick.
@safe
public final class Stream {
  /// Octets that are read ahead unless told otherwise: a DNS message with its length, and as much
  /// again.
  public static let defaultInputLimit = 2 * (65_535 + 2)
  /// How long a closed stream may take to send what is left.
  static let flushTimeout: UInt64 = 10_000

  /// Hears what happens; not kept alive.
  public weak var delegate: StreamDelegate?

  /// The other end; nil for a Unix socket.
  public let peer: Endpoint?

  private let loop: EventLoop
  private let inputLimit: Int
  /// Reading is off by the user's wish.
  private var isPaused = false
  /// Reading is off because the input reached its limit.
  ///
  /// libevent's high-water mark alone isn't enough: as long as that much is in the input and
  /// reading is on, it calls again and again.
  private var isFull = false
  /// The peer's end was read; there is nothing behind it.
  public private(set) var hasEnded = false
  /// Nil once closed.
  private var buffers: OpaquePointer?
  /// Self, while nobody else may keep it and there is something to send.
  private var flushing: Stream?
  /// Memory ran out for it; the delegate hears it soon.
  private var hasFailed = false
  /// A view of the input is lent out.
  private var isLending = false
  /// What it holds for its output.
  public let memory = StreamMemory()

  /// Starts to connect over TCP; `streamConnected` or `streamClosed` follows.
  ///
  /// Throws what is known at once, as ENETUNREACH.
  public convenience init(
    on loop: EventLoop, connectingTo address: Endpoint,
    inputLimit: Int = Stream.defaultInputLimit
  ) throws(SystemError) {
    try self.init(
      on: loop, owning: Descriptor.connecting(to: address), peer: address, isConnecting: true,
      inputLimit: inputLimit)
  }

  /// Starts to connect to a Unix socket; `streamConnected` follows.
  ///
  /// Throws when there is no such socket or nobody listens.
  public convenience init(
    on loop: EventLoop, connectingToUnixPath path: String,
    inputLimit: Int = Stream.defaultInputLimit
  ) throws(SystemError) {
    try self.init(
      on: loop, owning: Descriptor.connecting(unixPath: path), peer: nil, isConnecting: true,
      inputLimit: inputLimit)
  }

  init(
    on loop: EventLoop, owning descriptor: consuming Descriptor, peer: Endpoint?,
    isConnecting: Bool, inputLimit: Int
  ) throws(SystemError) {
    // UNREACHABLE: limits are constants.
    precondition(inputLimit > 0)
    self.loop = loop
    self.peer = peer
    self.inputLimit = inputLimit
    let number = descriptor.release()
    // SAFETY: the bufferevent owns the descriptor from here on.
    let options = Int32(BEV_OPT_CLOSE_ON_FREE.rawValue)
    guard let buffers = unsafe bufferevent_socket_new(loop.base, number, options) else {
      _ = Descriptor(owning: number)
      throw SystemError(call: "bufferevent_socket_new", purpose: "a stream", code: ENOMEM)
    }
    unsafe self.buffers = buffers
    if isConnecting, unsafe bufferevent_socket_connect(buffers, nil, 0) != 0 {
      throw SystemError(call: "epoll_ctl", purpose: "a stream", code: errno)
    }
    // SAFETY: the callbacks get self unretained; tearDown() removes them before self is gone. Each
    // retains self for its own duration, since the delegate may let go of it.
    unsafe bufferevent_setcb(
      buffers, streamBecameReadable, streamWasDrained, streamHadEvent,
      Unmanaged.passUnretained(self).toOpaque())
    unsafe bufferevent_setwatermark(buffers, Int16(EV_READ), 0, inputLimit)
    guard unsafe bufferevent_enable(buffers, Int16(EV_READ | EV_WRITE)) == 0 else {
      throw SystemError(call: "epoll_ctl", purpose: "a stream", code: errno)
    }
  }

  deinit {
    tearDown()
  }

  /// This end's address; nil for a Unix socket or once closed.
  public var local: Endpoint? {
    // SAFETY: the descriptor is open as long as `buffers` is there.
    guard let buffers = unsafe buffers else { return nil }
    return Endpoint(ofSocket: unsafe bufferevent_getfd(buffers))
  }

  /// Whether the stream hasn't been closed.
  public var isOpen: Bool { unsafe buffers != nil && flushing == nil && !hasFailed }

  /// Octets that wait to be read.
  public var readableBytes: Int {
    guard let buffers = unsafe openBuffers else { return 0 }
    // SAFETY: the input buffer lives as long as the bufferevent.
    return unsafe evbuffer_get_length(bufferevent_get_input(buffers))
  }

  /// Bytes that the input holds at most: libevent reads up to 4 KiB at a time to chunks of its own, and
  /// ``withInput(_:_:)`` puts them together in a larger one.
  public var inputBytes: Int {
    let count = readableBytes
    return count == 0 ? 0 : 2 * (count + Self.chunk)
  }

  private static let chunk = 4_096

  /// Octets that were written and that the kernel hasn't taken yet.
  public var pendingOutput: Int {
    // SAFETY: the output buffer lives as long as the bufferevent.
    guard let buffers = unsafe buffers else { return 0 }
    return unsafe evbuffer_get_length(bufferevent_get_output(buffers))
  }

  /// Lends the first `count` octets of the input, in one piece; they aren't consumed.
  ///
  /// `count` is at most `readableBytes`. `body` must not consume or close. Without memory for it `body`
  /// isn't called, nothing is returned, and the stream ends.
  public func withInput<R, E: Error>(
    _ count: Int, _ body: (Span<UInt8>) throws(E) -> R
  ) throws(E) -> R? {
    // UNREACHABLE: callers compare with readableBytes first.
    precondition(count >= 0 && count <= readableBytes, "more than there is to read")
    guard count > 0, let buffers = unsafe openBuffers else { return try body(Span()) }
    // SAFETY: pullup makes `count` octets contiguous; they stay in place while nothing is consumed.
    guard let octets = unsafe evbuffer_pullup(bufferevent_get_input(buffers), count) else {
      fail()
      return nil
    }
    let wasLending = isLending
    isLending = true
    defer { isLending = wasLending }
    return try body(unsafe Span(_unsafeStart: octets, count: count))
  }

  /// Takes `count` octets, at most `readableBytes`, off the input.
  public func consume(_ count: Int) {
    // UNREACHABLE: bodies of withInput(_:_:) only read.
    precondition(!isLending, "the input is lent out")
    // UNREACHABLE: callers compare with readableBytes first.
    precondition(count >= 0 && count <= readableBytes, "more than there is to read")
    guard let buffers = unsafe openBuffers else { return }
    // SAFETY: the input buffer lives as long as the bufferevent.
    _ = unsafe evbuffer_drain(bufferevent_get_input(buffers), count)
    if isFull, readableBytes < inputLimit {
      isFull = false
      updateReading()
    }
  }

  /// Copies octets to the output, and others behind them, to be sent from the loop; nothing on a closed
  /// stream.
  ///
  /// Where there is no memory for them, the stream ends.
  public func write(_ octets: Span<UInt8>, _ rest: Span<UInt8> = Span()) {
    guard let buffers = unsafe openBuffers, octets.count + rest.count > 0 else { return }
    guard let copy = unsafe memory.allocate(octets, rest) else { return fail() }
    let count = octets.count + rest.count
    let owner = unsafe memory.retained()
    // SAFETY: libevent calls back once it needs the copy no more, which frees it and lets go of the owner.
    guard
      unsafe evbuffer_add_reference(
        bufferevent_get_output(buffers), copy, count,
        { unsafe StreamMemory.free($0, $1, $2) }, owner) == 0
    else {
      unsafe StreamMemory.free(copy, count, owner)
      return fail()
    }
  }

  /// Ends the stream for want of memory: what follows would be wrong without what is missing.
  private func fail() {
    guard let buffers = unsafe openBuffers else { return }
    hasFailed = true
    errno = ENOMEM
    // SAFETY: the bufferevent is alive. Deferred: whoever reads or writes is not called in the middle of it.
    unsafe bufferevent_trigger_event(
      buffers, Int16(BEV_EVENT_ERROR), Int32(BEV_TRIG_DEFER_CALLBACKS.rawValue))
  }

  /// Tells the peer that no more comes; what it sends can still be read.
  ///
  /// What was written and is not sent yet is lost.
  public func endWriting() {
    guard let buffers = unsafe openBuffers else { return }
    // SAFETY: the descriptor is open as long as `buffers` is there.
    _ = shutdown(unsafe bufferevent_getfd(buffers), Int32(SHUT_WR))
  }

  /// Reads no more until `resumeReading()`; an end or a reset isn't noticed either.
  public func pauseReading() {
    isPaused = true
    updateReading()
  }

  /// Reads again; `streamReadable` is called on the next tick when there is something already.
  public func resumeReading() {
    isPaused = false
    updateReading()
    if readableBytes > 0, let buffers = unsafe openBuffers {
      // SAFETY: the bufferevent is alive.
      unsafe bufferevent_trigger(
        buffers, Int16(EV_READ), Int32(BEV_TRIG_DEFER_CALLBACKS.rawValue))
    }
  }

  private func updateReading() {
    guard let buffers = unsafe openBuffers else { return }
    // SAFETY: the bufferevent is alive.
    if isPaused || isFull || hasEnded {
      _ = unsafe bufferevent_disable(buffers, Int16(EV_READ))
    } else {
      _ = unsafe bufferevent_enable(buffers, Int16(EV_READ))
    }
  }

  /// Closes the stream, unsent output included; the delegate hears no more of it.
  public func close() {
    // UNREACHABLE: bodies of withInput(_:_:) only read.
    precondition(!isLending, "the input is lent out")
    if flushing == nil { tearDown() }
  }

  /// Closes the stream; what was written is still sent, for at most 10 seconds.
  ///
  /// The stream keeps itself and the loop for that long. The delegate hears no more of it.
  public func closeWhenSent() {
    guard flushing == nil, let buffers = unsafe buffers, !hasFailed, pendingOutput > 0 else {
      return close()
    }
    // UNREACHABLE: bodies of withInput(_:_:) only read.
    precondition(!isLending, "the input is lent out")
    flushing = self
    // SAFETY: the bufferevent is alive; libevent copies the duration.
    _ = unsafe bufferevent_disable(buffers, Int16(EV_READ))
    unsafe withUnsafePointer(to: timeval(milliseconds: Self.flushTimeout)) {
      _ = unsafe bufferevent_set_timeouts(buffers, nil, $0)
    }
  }

  private var openBuffers: OpaquePointer? { unsafe isOpen ? buffers : nil }

  private func tearDown() {
    guard let buffers = unsafe buffers else { return }
    unsafe self.buffers = nil
    // SAFETY: no callback comes after this; libevent itself keeps the memory until callbacks that
    // are running have returned, and closes the descriptor then.
    unsafe bufferevent_setcb(buffers, nil, nil, nil, nil)
    _ = unsafe bufferevent_disable(buffers, Int16(EV_READ | EV_WRITE))
    // What it holds is free at once, not after the present tick, in which thousands may be closed.
    let output = unsafe bufferevent_get_output(buffers)
    unsafe evbuffer_unfreeze(output, 1)
    _ = unsafe evbuffer_drain(output, evbuffer_get_length(output))
    let input = unsafe bufferevent_get_input(buffers)
    _ = unsafe evbuffer_drain(input, evbuffer_get_length(input))
    unsafe bufferevent_free(buffers)
    // Last: this may be the only reference.
    flushing = nil
  }

  fileprivate func becameReadable() {
    guard isOpen else { return }
    delegate?.streamReadable(self)
    if readableBytes >= inputLimit {
      isFull = true
      updateReading()
    }
  }

  fileprivate func wasDrained() {
    if flushing != nil {
      tearDown()
    } else if isOpen {
      delegate?.streamDrained(self)
    }
  }

  fileprivate func hadEvent(_ what: Int16, error: Int32) {
    guard flushing == nil else {
      // Whatever it is, the rest can't be sent.
      return tearDown()
    }
    if hasFailed {
      tearDown()
      delegate?.streamClosed(self, reason: .error(ENOMEM))
    } else if what & Int16(BEV_EVENT_CONNECTED) != 0 {
      delegate?.streamConnected(self)
    } else if what & Int16(BEV_EVENT_EOF) != 0, what & Int16(BEV_EVENT_READING) != 0 {
      hasEnded = true
      delegate?.streamClosed(self, reason: .endOfFile)
    } else {
      tearDown()
      delegate?.streamClosed(self, reason: .error(error))
    }
  }
}

private func streamBecameReadable(_: OpaquePointer?, _ context: UnsafeMutableRawPointer?) {
  guard let context = unsafe context else { return }
  // SAFETY: the context is the stream that owns the bufferevent.
  let stream = unsafe Unmanaged<Stream>.fromOpaque(context).takeUnretainedValue()
  withExtendedLifetime(stream) { stream.becameReadable() }
}

private func streamWasDrained(_: OpaquePointer?, _ context: UnsafeMutableRawPointer?) {
  guard let context = unsafe context else { return }
  // SAFETY: the context is the stream that owns the bufferevent.
  let stream = unsafe Unmanaged<Stream>.fromOpaque(context).takeUnretainedValue()
  withExtendedLifetime(stream) { stream.wasDrained() }
}

private func streamHadEvent(
  _: OpaquePointer?, _ what: Int16, _ context: UnsafeMutableRawPointer?
) {
  // First: anything else may change it.
  let error = errno
  guard let context = unsafe context else { return }
  // SAFETY: the context is the stream that owns the bufferevent.
  let stream = unsafe Unmanaged<Stream>.fromOpaque(context).takeUnretainedValue()
  withExtendedLifetime(stream) { stream.hadEvent(what, error: error) }
}
