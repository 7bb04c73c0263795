import CEvent
import DNSWire
import Glibc
import System

/// A UDP socket that clients send to: it reads and writes in batches.
///
/// Nothing on the way of a packet allocates or counts references: the buffers are made once, and
/// what changes lives in memory of the socket's own rather than in stored properties.
///
/// Datagrams and the buffers lent for replies belong to the socket. A closed socket reads nothing and sends
/// nothing.
@safe
public final class DatagramSocket {
  private let receiver: DatagramReceiver
  /// Datagrams that one `receiveBatch()` reads at most.
  public let batchSize: Int
  let incoming: MessageBatch
  let outgoing: MessageBatch
  private let readEvent: LoopEvent
  private let writeEvent: LoopEvent

  /// The address and port of this end; a wildcard address stays one.
  public let localAddress: Endpoint

  // What the inlined accessors below need.
  @usableFromInline let state: UnsafeMutablePointer<DatagramState>
  @usableFromInline let datagrams: UnsafeMutablePointer<ReceivedDatagram>
  @usableFromInline let receivedOctets: UnsafeMutablePointer<UInt8>
  @usableFromInline let receiveCapacity: Int
  @usableFromInline let replyOctets: UnsafeMutablePointer<UInt8>
  @usableFromInline let replyCapacity: Int

  /// Opens a socket for clients on an address; port 0 lets the kernel pick one.
  ///
  /// An IPv6 wildcard doesn't include IPv4. Throws when the address is not to be had.
  public convenience init(
    on loop: EventLoop, boundTo address: Endpoint, options: Options = Options(),
    receiver: DatagramReceiver
  ) throws(SystemError) {
    let descriptor = try Self.open(boundTo: address, options: options)
    try self.init(on: loop, owning: descriptor, options: options, receiver: receiver)
  }

  /// Serves clients on a socket that was open when the program started; of kind `udp`.
  public convenience init(
    on loop: EventLoop, adopting inherited: InheritedSocket, options: Options = Options(),
    receiver: DatagramReceiver
  ) throws(SystemError) {
    let descriptor = try Self.adopt(inherited, options: options)
    try self.init(on: loop, owning: descriptor, options: options, receiver: receiver)
  }

  private init(
    on loop: EventLoop, owning descriptor: consuming Descriptor, options: Options,
    receiver: DatagramReceiver
  ) throws(SystemError) {
    // UNREACHABLE: sizes are constants.
    precondition(options.batchSize > 0 && options.receiveCapacity > 0)
    let file = descriptor.number
    guard let local = Endpoint(ofSocket: file) else {
      throw SystemError(call: "getsockname", purpose: "UDP", code: errno)
    }
    self.receiver = receiver
    localAddress = local
    batchSize = options.batchSize
    let controlCapacity = options.tellsDestination(local) ? ControlMessage.capacity : 0
    incoming = try MessageBatch(
      slots: batchSize, capacity: options.receiveCapacity, controlCapacity: controlCapacity)
    outgoing = try MessageBatch(
      slots: max(options.replySlots, batchSize), capacity: options.replyCapacity,
      controlCapacity: controlCapacity)
    // SAFETY: allocated here, freed in deinit; the octets belong to the batches and live as long. A
    // datagram's element is initialised before it is read.
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: DatagramState(descriptor: descriptor.release()))
    unsafe datagrams = .allocate(capacity: batchSize)
    unsafe receivedOctets = incoming.octets
    unsafe replyOctets = outgoing.octets
    receiveCapacity = incoming.capacity
    replyCapacity = outgoing.capacity
    readEvent = LoopEvent(on: loop)
    writeEvent = LoopEvent(on: loop)
    // The socket is retained once for a batch, not for each packet.
    // SAFETY: the callback gets self, of the type that it says.
    unsafe readEvent.assign(EV_READ | EV_PERSIST, of: file, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (socket: DatagramSocket) in
        socket.receiver.datagramsReady(socket)
      }
    }
    // SAFETY: the callback gets self, of the type that it says.
    unsafe writeEvent.assign(EV_WRITE, of: file, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (socket: DatagramSocket) in socket.becameWritable() }
    }
    try readEvent.add(for: "UDP on \(local)")
  }

  deinit {
    close()
    // SAFETY: after close() nothing refers to this memory.
    unsafe state.deallocate()
    unsafe datagrams.deallocate()
  }

  /// Closes the socket, unsent replies included; the receiver hears no more of it.
  public func close() {
    // SAFETY: state lives as long as self.
    let number = unsafe state.pointee.descriptor
    guard number >= 0 else { return }
    readEvent.remove()
    writeEvent.remove()
    unsafe state.pointee.close()
    _ = Descriptor(owning: number)
  }

  /// The open file; -1 once closed.
  var descriptor: Int32 {
    // SAFETY: state lives as long as self.
    unsafe state.pointee.descriptor
  }

  /// Whether the socket hasn't been closed.
  public var isOpen: Bool {
    // SAFETY: state lives as long as self.
    unsafe state.pointee.descriptor >= 0
  }

  /// Replies that wait for room in the kernel, or for `flush()`.
  public var unsentReplies: Int {
    // SAFETY: state lives as long as self.
    unsafe state.pointee.endReply - state.pointee.firstReply
  }

  /// What the socket did so far.
  public var counters: DatagramCounters {
    // SAFETY: state lives as long as self.
    unsafe state.pointee.counters
  }

  /// Asks the loop to flush once the kernel has room again.
  func awaitWritability() {
    // SAFETY: state lives as long as self.
    guard unsafe !state.pointee.isAwaitingRoom else { return }
    unsafe state.pointee.isAwaitingRoom = writeEvent.add()
  }
}

/// What changes while a socket works, reached by pointer.
@usableFromInline
struct DatagramState {
  /// -1 once closed.
  var descriptor: Int32
  var counters = DatagramCounters()
  /// Datagrams in the current batch.
  @usableFromInline var receivedCount = 0
  /// Replies wait in slots `firstReply..<endReply`.
  var firstReply = 0
  var endReply = 0
  var isComposing = false
  var isAwaitingRoom = false

  init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  mutating func close() {
    descriptor = -1
    receivedCount = 0
    firstReply = 0
    endReply = 0
    isAwaitingRoom = false
  }
}

/// What a datagram socket did since it was made.
public struct DatagramCounters: Equatable, Sendable {
  /// Datagrams read.
  public var received: UInt64 = 0
  /// Datagrams that the kernel took for sending.
  public var sent: UInt64 = 0
  /// Replies given up because the kernel's buffer and then the socket's own were full.
  public var dropped: UInt64 = 0
  /// Datagrams that the kernel refused to send, and errors met while reading.
  public var errors: UInt64 = 0

  /// Nothing yet.
  public init() {}
}

/// Takes what comes in on datagram sockets: subclass it and override.
///
/// A class rather than a closure: one call through a table for each batch. A socket keeps its receiver;
/// one that keeps its sockets has to close them.
open class DatagramReceiver {
  /// Makes a receiver; one may serve many sockets.
  public init() {}

  /// Datagrams can be read: call `receiveBatch()` on the socket, once or until it returns 0.
  ///
  /// What isn't read now is announced again on the loop's next tick. The call may close the socket
  /// or let go of it.
  open func datagramsReady(_ socket: DatagramSocket) {}
}
