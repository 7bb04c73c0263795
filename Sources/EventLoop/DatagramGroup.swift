import CEvent
import DNSWire
import Glibc
import Memory
import System

/// What became of a datagram that was to be sent at once.
public enum SendResult: Equatable, Sendable {
  /// The kernel took it.
  case sent
  /// The kernel's buffer is full; nothing was sent and nothing is kept.
  case wouldBlock
  /// It can't be sent: an `errno`, as ENETUNREACH.
  case failed(Int32)
}

/// Connected UDP sockets that are announced together: hundreds of them, each with seldom more than one
/// datagram.
///
/// An epoll of the group's own watches them, and the loop watches that as one descriptor. So a tick of the
/// loop costs libevent one event however many sockets are ready. A socket is a descriptor and what follows
/// here in ``Place``; elsewhere it is known by ``Member``.
@safe
public final class DatagramGroup {
  /// A socket of the group, until it is closed.
  public struct Member: BitwiseCopyable, Equatable, Sendable {
    fileprivate let place: UInt32
    /// Tells it from others that had the same place.
    fileprivate let generation: UInt32
  }

  // Not private: the compiler cannot lay out a generic over it from another module then.
  struct Place: BitwiseCopyable {
    let number: Int
    let generation: UInt32
    let descriptor: Int32
    let isIPv4: Bool
    /// The error queue may hold something.
    var hasPendingErrors = false
    /// Something was read since the socket was announced.
    var hasReadSomething = false
  }

  /// Sockets that are called in one tick of the loop; the rest is announced again.
  static let callsPerTick = 64

  private let receiver: DatagramGroupReceiver
  private let epoll: Descriptor
  private let event: LoopEvent
  private let ready: UnsafeMutablePointer<epoll_event>
  let places: Pinned<Slab<Place>>
  private var generation: UInt32 = 0

  /// Makes a group without sockets.
  ///
  /// - Parameters:
  ///   - capacity: sockets at most.
  ///   - receiver: what is called when a socket has something.
  public init(
    on loop: EventLoop, capacity: Int, receiver: DatagramGroupReceiver
  ) throws(SystemError) {
    self.receiver = receiver
    let epoll = try Descriptor("epoll_create1", for: "a group of UDP sockets") {
      epoll_create1(Int32(EPOLL_CLOEXEC))
    }
    let number = epoll.number
    self.epoll = epoll
    places = Pinned(Slab(capacity: capacity))
    unsafe ready = .allocate(capacity: Self.callsPerTick)
    event = LoopEvent(on: loop)
    // SAFETY: the callback gets self, of the type that it says.
    unsafe event.assign(EV_READ | EV_PERSIST, of: number, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (group: DatagramGroup) in group.becameReadable() }
    }
    try event.add(for: "a group of UDP sockets")
  }

  deinit {
    event.remove()
    for place in 0..<places.value.end where places.value.contains(place) {
      _ = Descriptor(owning: places.value[place].descriptor)
    }
    places.destroy()
    // SAFETY: nothing is read to it any more.
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
    connectedTo address: Endpoint, localPort: UInt16 = 0, number: Int
  ) throws(SystemError) -> Member {
    guard let place = places.value.nextFree else {
      throw SystemError(call: "epoll_ctl", purpose: "one more UDP socket", code: ENOBUFS)
    }
    let socket = try Descriptor.datagrams(connectedTo: address, localPort: localPort)
    generation &+= 1
    let member = Member(place: UInt32(place), generation: generation)
    // SAFETY: the kernel copies the event; of the union only the number is used.
    var interest = unsafe epoll_event()
    unsafe interest.events = EPOLLIN.rawValue
    unsafe interest.data.u64 = member.token
    guard unsafe epoll_ctl(epoll.number, EPOLL_CTL_ADD, socket.number, &interest) == 0 else {
      throw SystemError(call: "epoll_ctl", purpose: "UDP to \(address)", code: errno)
    }
    _ = places.value.insert(
      Place(
        number: number, generation: generation, descriptor: socket.release(),
        isIPv4: address.isIPv4))
    return member
  }

  /// Closes a socket; the receiver hears no more of it.
  ///
  /// Does nothing when it is closed already.
  public func close(_ member: Member) {
    guard let place = find(member) else { return }
    // The last copy of the descriptor: so it leaves the epoll, too (epoll(7)).
    _ = Descriptor(owning: places.value[place].descriptor)
    places.value.remove(place)
  }

  /// The address and port of a socket's own end; nothing once it is closed.
  public func localAddress(of member: Member) -> Endpoint? {
    find(member).flatMap { Endpoint(ofSocket: places.value[$0].descriptor) }
  }

  /// The place of a socket that is open.
  @inline(__always)
  func find(_ member: Member) -> Int? {
    let place = Int(member.place)
    guard places.value.contains(place), places.value[place].generation == member.generation
    else { return nil }
    return place
  }

  // MARK: Datagrams

  /// Sends one datagram now.
  ///
  /// An ICMP error that waits to be reported doesn't count against this datagram.
  ///
  /// - Returns: `.failed(EBADF)` for a socket that was closed.
  public func send(_ octets: Span<UInt8>, from member: Member) -> SendResult {
    guard let place = find(member) else { return .failed(EBADF) }
    let number = places.value[place].descriptor
    var error: Int32 = 0
    // A pending ICMP error takes the place of one send.
    for _ in 0..<2 {
      // SAFETY: the kernel copies the octets.
      let result = unsafe octets.withUnsafeBufferPointer { octets in
        CallResult(retrying: {
          unsafe Glibc.send(
            number, octets.baseAddress, octets.count,
            Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
        })
      }
      switch result {
      case .done: return .sent
      // ENOBUFS: the interface's queue is full, which passes as well (send(2)).
      case .wouldBlock, .failed(ENOBUFS): return .wouldBlock
      case .failed(let code):
        error = code
        places.value[place].hasPendingErrors = true
      }
    }
    return .failed(error)
  }

  /// Reads one datagram into the caller's memory: the cheapest way when seldom more than one waits.
  ///
  /// The loop announces the socket again while there is another.
  ///
  /// - Parameters:
  ///   - offset: where in `buffer` it begins.
  ///   - capacity: octets of it that are kept at most.
  /// - Returns: the octets that it had, more than `capacity` when it was cut; nothing when none waits.
  public func receiveOne(
    from member: Member, into buffer: inout MutableSpan<UInt8>, at offset: Int, capacity: Int
  ) -> Int? {
    // UNREACHABLE: a bound: offset and capacity are the inbox's constants.
    precondition(offset >= 0 && capacity > 0 && offset + capacity <= buffer.count)
    guard let place = find(member) else { return nil }
    let number = places.value[place].descriptor
    // A pending ICMP error takes the place of one read.
    for _ in 0..<2 {
      // With MSG_TRUNC the kernel tells the datagram's length also when it is longer (recv(2)).
      let result = unsafe buffer.withUnsafeMutableBytes { octets in
        // SAFETY: as many octets follow on `offset`, as just checked.
        CallResult(retrying: {
          unsafe recv(
            number, octets.baseAddress.map { unsafe $0 + offset }, capacity,
            Int32(MSG_DONTWAIT | MSG_TRUNC))
        })
      }
      switch result {
      case .done(let length):
        places.value[place].hasReadSomething = true
        return length
      case .wouldBlock: return nil
      case .failed: places.value[place].hasPendingErrors = true
      }
    }
    return nil
  }

  private func becameReadable() {
    // SAFETY: the kernel writes at most as many events as there is room for.
    let result = CallResult(retrying: {
      unsafe Int(epoll_wait(epoll.number, ready, Int32(Self.callsPerTick), 0))
    })
    guard case .done(let count) = result else { return }
    for index in 0..<count {
      // SAFETY: the kernel wrote `count` events.
      let member = unsafe Member(token: ready[index].data.u64)
      // It may have been closed since, in the call for another.
      guard let place = find(member) else { continue }
      places.value[place].hasReadSomething = false
      receiver.datagramReady(member, number: places.value[place].number, in: self)
      // A send may have met the pending error first, so that the read didn't. The queue alone keeps
      // the socket announced, hence the look into it when there was nothing to read.
      if let place = find(member),
        places.value[place].hasPendingErrors || !places.value[place].hasReadSomething
      {
        reportErrors(of: member, to: receiver)
      }
    }
  }
}

/// Takes what comes in on the sockets of a ``DatagramGroup``: subclass it and override.
///
/// The calls may close any member.
open class DatagramGroupReceiver {
  /// Makes a receiver.
  public init() {}

  /// A datagram waits: take it with ``DatagramGroup/receiveOne(from:into:at:capacity:)``.
  ///
  /// What isn't read now is announced again on the loop's next tick.
  ///
  /// - Parameter number: what the socket was opened with.
  open func datagramReady(
    _ member: DatagramGroup.Member, number: Int, in group: DatagramGroup
  ) {}

  /// An error was reported for something that a socket sent.
  ///
  /// Called once for each error. `error` is an `errno`, as ECONNREFUSED or EHOSTUNREACH; `payload`
  /// is the beginning of the datagram that failed, empty when the kernel doesn't tell. The network
  /// can lie about both.
  ///
  /// - Parameter number: what the socket was opened with.
  open func socketFailed(_ number: Int, error: Int32, payload: Span<UInt8>) {}
}

extension DatagramGroup.Member {
  /// What the kernel keeps for the socket.
  fileprivate var token: UInt64 { UInt64(generation) << 32 | UInt64(place) }

  fileprivate init(token: UInt64) {
    place = UInt32(truncatingIfNeeded: token)
    generation = UInt32(token >> 32)
  }
}
