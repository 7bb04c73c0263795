import CEvent
import Glibc
import System

/// A UDP socket that reads and writes in batches.
///
/// Nothing on the way of a packet allocates or counts references: the buffers are made once, and
/// what changes lives in memory of the socket's own rather than in stored properties.
///
/// Datagrams and the buffers lent for replies belong to the socket, or to those that share its
/// `ReceiveBuffers`. A closed socket reads nothing and sends nothing.
@safe
public final class DatagramSocket {
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
  private let readEvent: LoopEvent
  private let writeEvent: LoopEvent

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
  }

  /// Opens a connected socket for a group, which watches it instead of the loop.
  convenience init(
    on loop: EventLoop, groupedTo address: SocketAddress, localPort: UInt16, options: Options,
    sharing buffers: ReceiveBuffers, number: Int, receiver: DatagramReceiver
  ) throws(SystemError) {
    let descriptor = try Self.open(connectedTo: address, localPort: localPort, options: options)
    try self.init(
      on: loop, owning: descriptor, connection: address, options: options, buffers: buffers,
      groupedAs: number, receiver: receiver)
  }

  /// - Parameter number: what a group knows the socket by, which watches it; otherwise the loop does.
  private init(
    on loop: EventLoop, owning descriptor: consuming Descriptor, connection: SocketAddress?,
    options: Options, buffers: ReceiveBuffers?, groupedAs number: Int? = nil,
    receiver: DatagramReceiver
  ) throws(SystemError) {
    // UNREACHABLE: sizes are constants.
    precondition(options.batchSize > 0 && options.receiveCapacity > 0)
    let file = descriptor.number
    guard let local = SocketAddress(ofSocket: file) else {
      throw SystemError(call: "getsockname", purpose: "UDP", code: errno)
    }
    self.receiver = receiver
    self.number = number ?? 0
    self.connection = connection.map { Peer(address: $0, local: local) }
    hasErrorQueue = options.reportErrors
    localAddress = local
    let tellsDestination = options.tellsDestination(local, isConnected: connection != nil)
    let controlCapacity = tellsDestination ? ControlMessage.capacity : 0
    incoming =
      if let buffers { buffers } else {
        try ReceiveBuffers(
          batchSize: options.batchSize, capacity: options.receiveCapacity,
          controlCapacity: controlCapacity, named: connection == nil)
      }
    batchSize = incoming.batch.slots
    outgoing = try MessageBatch(
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
    readEvent = LoopEvent(on: loop)
    writeEvent = LoopEvent(on: loop)
    // The socket is retained once for a batch, not for each packet.
    // SAFETY: the callback gets self, of the type that it says.
    unsafe readEvent.assign(EV_READ | EV_PERSIST, of: file, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (socket: DatagramSocket) in socket.becameReadable() }
    }
    // SAFETY: the callback gets self, of the type that it says.
    unsafe writeEvent.assign(EV_WRITE, of: file, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (socket: DatagramSocket) in socket.becameWritable() }
    }
    if number == nil { try readEvent.add(for: "UDP on \(local)") }
  }

  deinit {
    close()
    // SAFETY: after close() nothing refers to this memory.
    unsafe state.deallocate()
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
