import CEvent
import Glibc

/// A UDP socket that reads and writes in batches.
///
/// Nothing on the way of a packet allocates or counts references: the buffers are made once, and
/// what changes lives in memory of the socket's own rather than in stored properties.
///
/// Datagrams and the buffers lent for replies belong to the socket, or to those that share its
/// `ReceiveBuffers`. A closed socket reads nothing and sends nothing.
@safe
public final class DatagramSocket {
  let loop: EventLoop
  let receiver: DatagramReceiver
  /// What the receiver of a ``DatagramGroup`` knows the socket by.
  public let number: Int
  /// Who is at the other end, for a connected socket.
  let connection: Peer?
  let hasErrorQueue: Bool
  /// Datagrams that one `receiveBatch()` reads at most.
  public let batchSize: Int
  let incoming: ReceiveBuffers
  let outgoing: MessageBatch
  private let readEvent: UnsafeMutablePointer<event>
  private let writeEvent: UnsafeMutablePointer<event>

  /// The address and port of this end; a wildcard address stays one.
  public let localAddress: SocketAddress

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
    on loop: EventLoop, boundTo address: SocketAddress, options: Options = Options(),
    receiver: DatagramReceiver
  ) throws(SystemError) {
    let descriptor = try Self.open(boundTo: address, options: options)
    try self.init(
      on: loop, owning: descriptor, connection: nil, options: options, buffers: nil,
      receiver: receiver)
    try watch()
  }

  /// Serves clients on a socket that was open when the program started; of kind `udp`.
  public convenience init(
    on loop: EventLoop, adopting inherited: InheritedSocket, options: Options = Options(),
    receiver: DatagramReceiver
  ) throws(SystemError) {
    let descriptor = try Self.adopt(inherited, options: options)
    try self.init(
      on: loop, owning: descriptor, connection: nil, options: options, buffers: nil,
      receiver: receiver)
    try watch()
  }

  /// Opens a socket that exchanges datagrams with one address only.
  ///
  /// It leaves from `localPort`, or from a port of the kernel's choice for 0. `buffers` take the place
  /// of the options' sizes. Throws when the port is taken (EADDRINUSE) or there is no route.
  public convenience init(
    on loop: EventLoop, connectedTo address: SocketAddress, localPort: UInt16 = 0,
    options: Options = Options(), sharing buffers: ReceiveBuffers? = nil,
    receiver: DatagramReceiver
  ) throws(SystemError) {
    let descriptor = try Self.open(connectedTo: address, localPort: localPort, options: options)
    try self.init(
      on: loop, owning: descriptor, connection: address, options: options, buffers: buffers,
      receiver: receiver)
    try watch()
  }

  /// Opens a connected socket for a group, which watches it instead of the loop.
  convenience init(
    on loop: EventLoop, groupedTo address: SocketAddress, localPort: UInt16, options: Options,
    sharing buffers: ReceiveBuffers, number: Int, receiver: DatagramReceiver
  ) throws(SystemError) {
    let descriptor = try Self.open(connectedTo: address, localPort: localPort, options: options)
    try self.init(
      on: loop, owning: descriptor, connection: address, options: options, buffers: buffers,
      number: number, receiver: receiver)
  }

  private init(
    on loop: EventLoop, owning descriptor: consuming Descriptor, connection: SocketAddress?,
    options: Options, buffers: ReceiveBuffers?, number: Int = 0, receiver: DatagramReceiver
  ) throws(SystemError) {
    precondition(options.batchSize > 0 && options.receiveCapacity > 0)
    let file = descriptor.number
    guard let local = unsafe KernelAddress.read({ unsafe getsockname(file, $0, $1) }) else {
      throw SystemError(call: "getsockname", purpose: "UDP", code: errno)
    }
    self.loop = loop
    self.receiver = receiver
    self.number = number
    self.connection = connection.map { Peer(address: $0, local: local) }
    hasErrorQueue = options.reportErrors
    localAddress = local
    let tellsDestination = options.tellsDestination(local, isConnected: connection != nil)
    let controlCapacity = tellsDestination ? ControlMessage.capacity : 0
    incoming =
      buffers
      ?? ReceiveBuffers(
        batchSize: options.batchSize, capacity: options.receiveCapacity,
        controlCapacity: controlCapacity, named: connection == nil)
    batchSize = incoming.batch.slots
    outgoing = MessageBatch(
      slots: options.replyCapacity > 0 ? max(options.replySlots, options.batchSize) : 0,
      capacity: options.replyCapacity, controlCapacity: controlCapacity,
      named: connection == nil)
    // SAFETY: allocated here, freed in deinit; the octets belong to the batches and live as long.
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: DatagramState(descriptor: descriptor.release()))
    unsafe datagrams = incoming.datagrams
    unsafe receivedOctets = incoming.batch.octets
    unsafe replyOctets = outgoing.octets
    receiveCapacity = incoming.batch.capacity
    replyCapacity = outgoing.capacity
    unsafe readEvent = .allocate(capacity: 1)
    unsafe readEvent.initialize(to: event())
    unsafe writeEvent = .allocate(capacity: 1)
    unsafe writeEvent.initialize(to: event())
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    // SAFETY: the callbacks get self unretained; deinit removes both events before self is gone.
    unsafe event_assign(
      readEvent, loop.base, file, Int16(EV_READ | EV_PERSIST), datagramSocketReadable, context)
    unsafe event_assign(
      writeEvent, loop.base, file, Int16(EV_WRITE), datagramSocketWritable, context)
  }

  /// Has the loop announce what comes in.
  private func watch() throws(SystemError) {
    // SAFETY: the event was assigned in init.
    guard unsafe event_add(readEvent, nil) == 0 else {
      throw SystemError(call: "epoll_ctl", purpose: "UDP on \(localAddress)", code: errno)
    }
  }

  deinit {
    close()
    // SAFETY: close() took the events out of the loop; nothing else refers to this memory.
    unsafe readEvent.deallocate()
    unsafe writeEvent.deallocate()
    unsafe state.deallocate()
  }

  /// Closes the socket, unsent replies included; the receiver hears no more of it.
  public func close() {
    // SAFETY: state and events live as long as self.
    let number = unsafe state.pointee.descriptor
    guard number >= 0 else { return }
    unsafe event_del(readEvent)
    unsafe event_del(writeEvent)
    unsafe state.pointee.close()
    _ = Descriptor(owning: number)
  }

  /// The open file, for who watches it; -1 once closed.
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
    // SAFETY: state and events live as long as self.
    guard unsafe !state.pointee.isAwaitingRoom else { return }
    unsafe state.pointee.isAwaitingRoom = unsafe event_add(writeEvent, nil) == 0
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
  /// The error queue may hold something.
  var hasPendingErrors = false
  /// Something was read since the loop announced the socket.
  var hasReadSomething = false

  init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  mutating func close() {
    descriptor = -1
    receivedCount = 0
    firstReply = 0
    endReply = 0
    isAwaitingRoom = false
    hasPendingErrors = false
  }
}

// Both callbacks retain the socket for their own duration, since the receiver may let go of it:
// once for a batch, not for each packet.

private func datagramSocketReadable(
  _: Int32, _: Int16, _ context: UnsafeMutableRawPointer?
) {
  guard let context = unsafe context else { return }
  // SAFETY: the context is the socket that owns the event.
  let socket = unsafe Unmanaged<DatagramSocket>.fromOpaque(context).takeUnretainedValue()
  withExtendedLifetime(socket) { socket.becameReadable() }
}

private func datagramSocketWritable(
  _: Int32, _: Int16, _ context: UnsafeMutableRawPointer?
) {
  guard let context = unsafe context else { return }
  // SAFETY: the context is the socket that owns the event.
  let socket = unsafe Unmanaged<DatagramSocket>.fromOpaque(context).takeUnretainedValue()
  withExtendedLifetime(socket) { socket.becameWritable() }
}
