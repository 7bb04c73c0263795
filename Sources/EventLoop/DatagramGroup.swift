import CEvent
import Glibc
import Memory
import System

/// Connected UDP sockets that are announced together: hundreds of them, each with seldom more than one
/// datagram.
///
/// An epoll of the group's own watches them, and the loop watches that as one descriptor. So a turn of the
/// loop costs libevent one event however many sockets are ready. The group owns its sockets; elsewhere
/// they are known by ``Member``, so that nothing on the way of a packet counts references. All that such
/// a packet needs of its socket lies in 32 octets.
@safe
public final class DatagramGroup {
  /// A socket of the group, until it is closed.
  public struct Member: BitwiseCopyable, Equatable, Sendable {
    fileprivate let place: UInt32
    /// Tells it from others that had the same place.
    fileprivate let generation: UInt32
  }

  // Not private: the compiler cannot lay out a generic over it from another module then.
  @safe
  struct Place: BitwiseCopyable {
    let socket: Unmanaged<DatagramSocket>
    let number: Int
    let generation: UInt32
    let descriptor: Int32
    /// The error queue may hold something.
    var hasPendingErrors = false
    /// Something was read since the socket was announced.
    var hasReadSomething = false
  }

  /// Sockets that are called in one turn of the loop; the rest is announced again.
  static let callsPerTurn = 64

  private let loop: EventLoop
  private let options: DatagramSocket.Options
  private let buffers: ReceiveBuffers
  private let receiver: DatagramGroupReceiver
  private let epoll: Descriptor
  private let event: LoopEvent
  private let ready: UnsafeMutablePointer<epoll_event>
  private let places: Pinned<Slab<Place>>
  private var generation: UInt32 = 0

  /// Makes a group without sockets.
  ///
  /// - Parameters:
  ///   - capacity: sockets at most.
  ///   - options: how each socket is set up, but for sizes.
  ///   - buffers: where batches are read to.
  ///   - receiver: what is called when a socket has something.
  public init(
    on loop: EventLoop, capacity: Int, options: DatagramSocket.Options,
    sharing buffers: ReceiveBuffers,
    receiver: DatagramGroupReceiver
  ) throws(SystemError) {
    self.loop = loop
    self.options = options
    self.buffers = buffers
    self.receiver = receiver
    let epoll = try Descriptor("epoll_create1", for: "a group of UDP sockets") {
      epoll_create1(Int32(EPOLL_CLOEXEC))
    }
    let number = epoll.number
    self.epoll = epoll
    places = Pinned(Slab(capacity: capacity))
    unsafe ready = .allocate(capacity: Self.callsPerTurn)
    event = LoopEvent(on: loop)
    // SAFETY: the callback gets self, of the type that it says.
    unsafe event.assign(EV_READ | EV_PERSIST, of: number, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (group: DatagramGroup) in group.becameReadable() }
    }
    try event.add(for: "a group of UDP sockets")
  }

  deinit {
    event.remove()
    // SAFETY: nothing is read to `ready` any more; what the places hold was retained by `open`.
    for place in 0..<places.value.end where places.value.contains(place) {
      unsafe places.value[place].socket.release()
    }
    places.destroy()
    unsafe ready.deallocate()
  }

  /// How many sockets there are.
  public var count: Int { places.value.count }

  // MARK: Members

  /// Opens a socket that exchanges datagrams with one address only.
  ///
  /// - Parameters:
  ///   - localPort: the port that it leaves from; 0 for one of the kernel's choice.
  ///   - number: what the receiver knows it by.
  /// - Throws: when the port is taken (EADDRINUSE), there is no route, or the group is full (ENOBUFS).
  public func open(
    connectedTo address: SocketAddress, localPort: UInt16 = 0, number: Int
  ) throws(SystemError) -> Member {
    guard let place = places.value.nextFree else {
      throw SystemError(call: "epoll_ctl", purpose: "one more UDP socket", code: ENOBUFS)
    }
    let socket = try DatagramSocket(
      on: loop, groupedTo: address, localPort: localPort, options: options, sharing: buffers,
      number: number, receiver: receiver)
    generation &+= 1
    let member = Member(place: UInt32(place), generation: generation)
    // SAFETY: the kernel copies the event; of the union only the number is used.
    var interest = unsafe epoll_event()
    unsafe interest.events = EPOLLIN.rawValue
    unsafe interest.data.u64 = member.token
    guard unsafe epoll_ctl(epoll.number, EPOLL_CTL_ADD, socket.descriptor, &interest) == 0 else {
      throw SystemError(call: "epoll_ctl", purpose: "UDP to \(address)", code: errno)
    }
    _ = unsafe places.value.insert(
      Place(
        socket: Unmanaged.passRetained(socket), number: number, generation: generation,
        descriptor: socket.descriptor))
    return member
  }

  /// Closes a socket; the receiver hears no more of it.
  ///
  /// Does nothing when it is closed already.
  public func close(_ member: Member) {
    guard let place = find(member) else { return }
    // SAFETY: takes over the reference of `open`; the place is given back.
    let socket = unsafe places.value[place].socket.takeRetainedValue()
    places.value.remove(place)
    // The last copy of the descriptor: so it leaves the epoll, too (epoll(7)).
    socket.close()
  }

  /// The address and port of a socket's own end; nothing once it is closed.
  public func localAddress(of member: Member) -> SocketAddress? {
    guard let place = find(member) else { return nil }
    // SAFETY: the group keeps the socket until it is closed.
    return unsafe places.value[place].socket.takeUnretainedValue().localAddress
  }

  /// The place of a socket that is open.
  @inline(__always)
  private func find(_ member: Member) -> Int? {
    let place = Int(member.place)
    guard places.value.contains(place), places.value[place].generation == member.generation
    else { return nil }
    return place
  }

  // MARK: Datagrams

  /// Sends one datagram now; see ``DatagramSocket/send(_:)``.
  ///
  /// - Returns: `.failed(EBADF)` for a socket that was closed.
  public func send(_ octets: Span<UInt8>, from member: Member) -> SendResult {
    guard let place = find(member) else { return .failed(EBADF) }
    return DatagramSocket.send(
      octets, on: places.value[place].descriptor, &places.value[place].hasPendingErrors)
  }

  /// Reads one datagram; see ``DatagramSocket/receiveOne(into:at:capacity:)``.
  public func receiveOne(
    from member: Member, into buffer: inout MutableSpan<UInt8>, at offset: Int, capacity: Int
  ) -> Int? {
    guard let place = find(member) else { return nil }
    let length = DatagramSocket.receiveOne(
      on: places.value[place].descriptor, into: &buffer, at: offset, capacity: capacity,
      &places.value[place].hasPendingErrors)
    if length != nil { places.value[place].hasReadSomething = true }
    return length
  }

  private func becameReadable() {
    // SAFETY: the kernel writes at most as many events as there is room for.
    let result = CallResult(retrying: {
      unsafe Int(epoll_wait(epoll.number, ready, Int32(Self.callsPerTurn), 0))
    })
    guard case .done(let count) = result else { return }
    for index in 0..<count {
      // SAFETY: the kernel wrote `count` events.
      let member = unsafe Member(token: ready[index].data.u64)
      // It may have been closed since, in the call for another.
      guard let place = find(member) else { continue }
      places.value[place].hasReadSomething = false
      receiver.datagramReady(member, number: places.value[place].number, in: self)
      if options.reportErrors { reportErrors(of: member) }
    }
  }

  /// Empties a socket's error queue, if there may be something in it; see
  /// ``DatagramSocket/becameReadable()``.
  @inline(__always)
  private func reportErrors(of member: Member) {
    guard let place = find(member),
      places.value[place].hasPendingErrors || !places.value[place].hasReadSomething
    else { return }
    // SAFETY: the group keeps the socket until it is closed, and this call from now on.
    let socket = unsafe places.value[place].socket.takeUnretainedValue()
    let isEmpty = socket.reportErrors()
    if find(member) != nil { places.value[place].hasPendingErrors = !isEmpty }
  }
}

/// Takes what comes in on the sockets of a ``DatagramGroup``: subclass it and override.
open class DatagramGroupReceiver: DatagramReceiver {
  /// A datagram waits: take it with ``DatagramGroup/receiveOne(from:into:at:capacity:)``.
  ///
  /// What isn't read now is announced again on the loop's next turn. The call may close any member.
  ///
  /// - Parameter number: what the socket was opened with.
  open func datagramReady(
    _ member: DatagramGroup.Member, number: Int, in group: DatagramGroup
  ) {}
}

extension DatagramGroup.Member {
  /// What the kernel keeps for the socket.
  fileprivate var token: UInt64 { UInt64(generation) << 32 | UInt64(place) }

  fileprivate init(token: UInt64) {
    place = UInt32(truncatingIfNeeded: token)
    generation = UInt32(token >> 32)
  }
}
