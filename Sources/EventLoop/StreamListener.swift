import CEvent
import DNSWire
import Glibc
import System

/// Accepts connections over TCP or a Unix socket.
@safe
public final class StreamListener {
  /// Connections accepted in one tick of the loop unless told otherwise, so that datagrams don't wait for a
  /// flood.
  public static let defaultAcceptsPerTick = 64

  /// How a listener is set up.
  public struct Options: Sendable {
    /// Connections that may wait to be accepted.
    public var backlog: Int32 = 511
    /// Octets of each stream's input that are read ahead.
    public var inputLimit = Stream.defaultInputLimit
    /// Connections accepted in one tick of the loop.
    public var acceptsPerTick = StreamListener.defaultAcceptsPerTick
    /// Whether the address may be one that this host gets later (IP_FREEBIND).
    public var mayBeMissing = false

    /// The defaults above, good for clients.
    public init() {}
  }

  /// Milliseconds without accepting after descriptors or memory ran out.
  static let exhaustionPause: UInt64 = 100

  /// The address and port; nil for a Unix socket.
  public let localAddress: Endpoint?
  /// Connections accepted.
  public private(set) var accepted: UInt64 = 0
  /// How often descriptors or memory ran out (EMFILE, ENFILE, ENOBUFS, ENOMEM).
  public private(set) var exhausted: UInt64 = 0

  private let loop: EventLoop
  private let accept: (Stream) -> Void
  private let options: Options
  private let event: LoopEvent
  private var descriptor: Int32
  private var file: UnixSocketFile?
  private var isPaused = false
  private var retry: Timer?

  /// Listens for TCP on an address; port 0 lets the kernel pick one.
  ///
  /// `accept` has to keep the streams that it gets. An IPv6 wildcard doesn't include IPv4. Throws
  /// when the address is not to be had.
  public convenience init(
    on loop: EventLoop, boundTo address: Endpoint, options: Options = Options(),
    accept: @escaping (Stream) -> Void
  ) throws(SystemError) {
    let descriptor = try Descriptor.listening(
      on: address, backlog: options.backlog, mayBeMissing: options.mayBeMissing)
    try self.init(on: loop, owning: descriptor, options: options, accept: accept)
  }

  /// Listens on a socket that was open when the program started; of kind `tcp`.
  public convenience init(
    on loop: EventLoop, adopting inherited: InheritedSocket, options: Options = Options(),
    accept: @escaping (Stream) -> Void
  ) throws(SystemError) {
    let descriptor = try Descriptor.listening(adopting: inherited, backlog: options.backlog)
    try self.init(on: loop, owning: descriptor, options: options, accept: accept)
  }

  /// Listens on a Unix socket; the file goes away with the listener.
  ///
  /// A file that a program left behind is replaced. Throws EADDRINUSE when somebody listens there.
  public convenience init(
    on loop: EventLoop, unixPath path: String, mode: UInt32 = 0o660, options: Options = Options(),
    accept: @escaping (Stream) -> Void
  ) throws(SystemError) {
    var file: UnixSocketFile?
    let descriptor = try Descriptor.listening(
      unixPath: path, mode: mode, backlog: options.backlog, file: &file)
    try self.init(on: loop, owning: descriptor, options: options, accept: accept)
    self.file = file
  }

  private init(
    on loop: EventLoop, owning descriptor: consuming Descriptor, options: Options,
    accept: @escaping (Stream) -> Void
  ) throws(SystemError) {
    self.options = options
    self.loop = loop
    self.accept = accept
    let number = descriptor.release()
    self.descriptor = number
    localAddress = Endpoint(ofSocket: number)
    event = LoopEvent(on: loop)
    // SAFETY: the callback gets self, of the type that it says.
    unsafe event.assign(EV_READ | EV_PERSIST, of: number, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (listener: StreamListener) in listener.acceptPending() }
    }
    try event.add(for: "a listener")
  }

  deinit { close() }

  /// Stops to accept until `resumeAccepting()`; connections wait in the backlog.
  public func pauseAccepting() {
    isPaused = true
    event.remove()
  }

  /// Accepts again.
  public func resumeAccepting() {
    isPaused = false
    startListening()
  }

  /// Closes the socket and unlinks its file; streams that were accepted live on.
  public func close() {
    guard descriptor >= 0 else { return }
    event.remove()
    retry = nil
    _ = Descriptor(owning: descriptor)
    descriptor = -1
    file = nil
  }

  private func startListening() {
    if descriptor >= 0, !isPaused, !event.add() { pauseForExhaustion() }
  }

  private func acceptPending() {
    for _ in 0..<options.acceptsPerTick {
      guard descriptor >= 0, !isPaused else { return }
      var peer: Endpoint?
      let number = descriptor
      let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
      let result = CallResult(retrying: {
        var accepted: Int32 = -1
        // SAFETY: the kernel writes no more than the length that it is given.
        peer = unsafe KernelAddress.read { name, length in
          unsafe accepted = accept4(number, name, length, flags)
          return accepted < 0 ? -1 : 0
        }
        return Int(accepted)
      })
      switch result {
      case .done(let number):
        deliver(Descriptor(owning: Int32(number)), peer: peer)
      case .wouldBlock:
        return
      case .failed(EMFILE), .failed(ENFILE), .failed(ENOBUFS), .failed(ENOMEM):
        return pauseForExhaustion()
      case .failed:
        // That connection failed before it was accepted (accept(2) lists network errors): next.
        continue
      }
    }
  }

  private func deliver(_ descriptor: consuming Descriptor, peer: Endpoint?) {
    do {
      let stream = try Stream(
        on: loop, owning: descriptor, peer: peer, isConnecting: false,
        inputLimit: options.inputLimit)
      accepted += 1
      accept(stream)
    } catch {
      pauseForExhaustion()
    }
  }

  /// Waits: the connection stays in the backlog, and would keep the loop spinning.
  private func pauseForExhaustion() {
    exhausted += 1
    event.remove()
    let timer = Timer(on: loop) { [unowned self] in
      retry = nil
      startListening()
    }
    timer.schedule(after: Self.exhaustionPause)
    retry = timer
  }
}
