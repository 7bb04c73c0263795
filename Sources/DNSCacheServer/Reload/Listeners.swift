import Configuration
import Control
import DNSWire
import EventLoop
import Glibc
import Logging
import Memory
import System

/// The addresses that are listened on, UDP and TCP.
///
/// One that is given up goes on for some seconds: what lies in its buffers is answered, and so are those who
/// wait for upstream. Its number among the worker's sockets is another's only after that.
final class Listeners {
  private let loop: EventLoop
  private let worker: Pinned<Worker>
  private let logger: Logger
  /// The sockets that were open at the start.
  private let passed: PassedSockets
  private var open: [Listener] = []
  /// Those given up, the first to close first.
  private var retired: [(listener: Listener, number: Retirements.Number)] = []
  private let retirements: Retirements
  /// Interfaces whose addresses are followed that have none at present.
  private var idle: [ListenInterface] = []
  /// Addresses of interfaces that could not be had, of which a line has told.
  private var refused: Set<Endpoint> = []
  /// How much less than ``receiveBuffer`` the kernel gave, as the log says once.
  private(set) var receiveBufferComplaint: String?
  /// How often interfaces had more addresses than are followed.
  private(set) var followedCut: UInt64 = 0

  /// Bytes that the kernel is asked to hold for each UDP socket while the loop is busy.
  private static let receiveBuffer = 4 << 20
  /// Ports tried when the kernel is to pick one that is free for UDP and for TCP.
  private static let portAttempts = 16

  /// One address.
  final class Listener {
    /// As it was asked for: with port 0 where the kernel was to choose.
    let address: Endpoint
    let number: Int
    fileprivate let receiver: ClientDatagrams
    fileprivate let datagrams: DatagramSocket
    /// Nothing where another listener has taken the place for TCP.
    fileprivate var streams: StreamListener?
    /// Whether this host has the address, as far as was seen.
    fileprivate var isHere = true

    fileprivate init(
      _ address: Endpoint, number: Int, _ receiver: ClientDatagrams,
      _ datagrams: DatagramSocket, _ streams: StreamListener
    ) {
      self.address = address
      self.number = number
      self.receiver = receiver
      self.datagrams = datagrams
      self.streams = streams
    }

    fileprivate func closeStreams() {
      streams?.close()
      streams = nil
    }

    fileprivate func close() {
      closeStreams()
      datagrams.close()
    }
  }

  init(
    on loop: EventLoop, worker: Pinned<Worker>, passed: PassedSockets, retirements: Retirements,
    logger: Logger
  ) {
    self.loop = loop
    self.worker = worker
    self.passed = passed
    self.retirements = retirements
    self.logger = logger
  }

  // MARK: Changes

  /// What a change of addresses does, made before anything is given up.
  struct Change {
    fileprivate var opened: [Listener] = []
    fileprivate var revived: [Listener] = []
    fileprivate var givenUp: [Listener] = []
    /// Those that take no more connections, since they were in the way of others.
    fileprivate var silenced: [Listener] = []
    /// Addresses of interfaces that can't be had, and why.
    fileprivate var refused: [(address: Endpoint, complaint: String)] = []

    /// Whether nothing changes.
    var isEmpty: Bool { opensNothing && givenUp.isEmpty }

    /// Whether nothing is listened on that was not before.
    fileprivate var opensNothing: Bool { opened.isEmpty && revived.isEmpty }
  }

  /// Opens what is new; those that stay are not touched.
  ///
  /// An address that this host doesn't have is bound all the same and answers once it comes: a router gets some
  /// late, and one that two servers share is at the other one most of the time. When an address that was named
  /// can't be had for another reason, everything is as before, and why is thrown; one that an interface has is told
  /// and left out, as when it comes later, unless nothing would be listened on at all.
  ///
  /// An old listener may be in the way of a new one, as `0.0.0.0` of any address with its port. Over UDP both are
  /// there for a while, and the one with the narrower address has what is for it; over TCP the old one ends before
  /// the new one begins.
  func prepare(_ settings: Settings, on host: HostAddresses) throws(StartupError) -> Change {
    var change = Change()
    var refusal: StartupError?
    let wanted = settings.listening(on: host).addresses
    change.givenUp = open.filter { !wanted.contains($0.address) }
    for address in wanted where !open.contains(where: { $0.address == address }) {
      guard settings.listen.contains(address) else {
        let error = follow(address, settings, &change)
        refusal = refusal ?? error
        continue
      }
      do {
        try take(address, mayBeMissing: settings.isListenExplicit || address.isIPv4, &change)
      } catch {
        // ::1 among the defaults is a wish: a host without IPv6 goes on without it.
        if !settings.isListenExplicit && !address.isIPv4
          && (error.code == EADDRNOTAVAIL || error.code == EAFNOSUPPORT)
        {
          logger.notice("no IPv6 here", metadata: ["address": "\(address)"])
          continue
        }
        cancel(change)
        throw Listeners.explain(error, address)
      }
    }
    // An interface without an address may get one that can be had.
    if let refusal, open.count == change.givenUp.count, change.opensNothing,
      !settings.listenInterfaces.contains(where: { $0.addresses(on: host).isEmpty })
    {
      cancel(change)
      throw refusal
    }
    return change
  }

  /// Opens a listener, or takes back one that was given up.
  private func take(
    _ address: Endpoint, mayBeMissing: Bool, _ change: inout Change
  ) throws(SystemError) {
    if let old = retired.first(where: { $0.listener.address == address })?.listener {
      try openStreams(of: old, &change)
      change.revived.append(old)
    } else {
      change.opened.append(try open(address, mayBeMissing: mayBeMissing, &change))
    }
  }

  /// Closes what a change has opened, and opens again what it has closed.
  func cancel(_ change: Change) {
    for listener in change.opened { listener.close() }
    for old in change.silenced {
      var none = Change()
      do {
        try openStreams(of: old, &none)
      } catch {
        logger.error(
          "an address that was given up can't be had again",
          metadata: ["address": "\(old.address)", "error": "\(error)"])
      }
    }
  }

  /// Takes a prepared change over.
  func apply(_ change: Change) {
    for (address, complaint) in change.refused where refused.insert(address).inserted {
      logger.warning(
        "an interface's address is not listened on",
        metadata: ["address": "\(address)", "error": "\(complaint)"])
    }
    for listener in change.givenUp {
      let number = retirements.add { [unowned self] in
        listener.close()
        retired.removeAll { $0.listener === listener }
      }
      retired.append((listener, number))
      logger.info("listening no more", metadata: ["address": "\(listener.datagrams.localAddress)"])
    }
    open.removeAll { old in change.givenUp.contains { $0 === old } }
    retired.removeAll { old in
      guard change.revived.contains(where: { $0 === old.listener }) else { return false }
      retirements.cancel(old.number)
      return true
    }
    for listener in change.opened { noteReceiveBuffer(of: listener.datagrams) }
    for listener in change.opened + change.revived {
      open.append(listener)
      logger.info("listening", metadata: ["address": "\(listener.datagrams.localAddress)"])
    }
  }

  /// Says once what the kernel doesn't give.
  private func noteReceiveBuffer(of socket: DatagramSocket) {
    let given = socket.receiveBuffer
    guard receiveBufferComplaint == nil, given < Listeners.receiveBuffer else { return }
    let complaint =
      "\(Quantity.size.text(given)) instead of \(Quantity.size.text(Listeners.receiveBuffer))"
    receiveBufferComplaint = complaint
    logger.notice(
      """
      the kernel holds fewer queries than asked for while the server is busy; to change that: \
      sysctl -w net.core.rmem_max=\(Listeners.receiveBuffer)
      """, metadata: ["receive_buffer": "\(complaint)"])
  }

  // MARK: Addresses that come and go

  /// Opens and gives up listeners as the addresses of interfaces come and go, and says which addresses are missing.
  ///
  /// What can't be had is told and left out, for there is nobody to take an error.
  func follow(_ settings: Settings, on host: HostAddresses) {
    if !settings.listenInterfaces.isEmpty {
      let addresses = settings.listening(on: host).addresses
      var change = Change()
      change.givenUp = open.filter { !addresses.contains($0.address) }
      refused.formIntersection(addresses)
      for address in addresses where !open.contains(where: { $0.address == address }) {
        follow(address, settings, &change)
      }
      apply(change)
    }
    lookForMissing(settings, on: host)
  }

  /// Opens a listener on an address that an interface has.
  ///
  /// - Returns: why it can't be had.
  @discardableResult
  private func follow(
    _ address: Endpoint, _ settings: Settings, _ change: inout Change
  ) -> StartupError? {
    let complaint: String
    let refusal: StartupError
    if settings.servers.contains(where: { $0.address == address }) {
      complaint = "it is an upstream's, and the server would ask itself"
      refusal = StartupError(.unavailable, "cannot listen on \(address): \(complaint)")
    } else {
      do throws(SystemError) {
        try take(address, mayBeMissing: true, &change)
        refused.remove(address)
        return nil
      } catch {
        complaint = "\(error)"
        refusal = Listeners.explain(error, address)
      }
    }
    change.refused.append((address, complaint))
    return refusal
  }

  /// Looks which addresses this host has not, and says what has changed.
  func lookForMissing(_ settings: Settings, on host: HostAddresses) {
    for listener in open {
      let isHere = host.has(listener.address)
      guard isHere != listener.isHere else { continue }
      listener.isHere = isHere
      let metadata: Logger.Metadata = ["address": "\(listener.datagrams.localAddress)"]
      if isHere {
        logger.notice("this host has an address to listen on now", metadata: metadata)
      } else {
        logger.warning(
          "this host does not have an address to listen on; it is answered as soon as it comes",
          metadata: metadata)
      }
    }
    let idle = settings.listenInterfaces.filter { $0.addresses(on: host).isEmpty }
    for interface in idle where !self.idle.contains(interface) {
      logger.warning(
        "an interface to listen on has no address; those that it gets are answered",
        metadata: ["interface": "\(interface.name)"])
    }
    self.idle = idle
    if settings.listening(on: host).isCut {
      followedCut += 1
      logger.warning(
        "interfaces have more addresses than are listened on",
        metadata: ["limit": "\(Settings.mostFollowed)"])
    }
  }

  /// Takes no more connections: for the end.
  func close() {
    for listener in open { listener.closeStreams() }
    for (listener, _) in retired { listener.closeStreams() }
  }

  /// Where clients are answered.
  var addresses: [Endpoint] { open.map(\.datagrams.localAddress) }

  /// Those of them that this host doesn't have at present, and interfaces without an address.
  var missing: [String] {
    open.filter { !$0.isHere }.map { "\($0.datagrams.localAddress)" } + idle.map(\.description)
  }

  // MARK: Opening

  private func open(
    _ address: Endpoint, mayBeMissing: Bool, _ change: inout Change
  ) throws(SystemError) -> Listener {
    let number = worker.value.freeDatagramPlace
    let receiver = ClientDatagrams(worker, number: UInt32(number))
    // With port 0, TCP may have no use for the port that was free for UDP. Kept, so that the kernel
    // picks another.
    var useless: [DatagramSocket] = []
    while true {
      let socket = try openDatagrams(on: address, mayBeMissing: mayBeMissing, receiver, change)
      do {
        let streams = try openStreams(
          on: socket.localAddress, mayBeMissing: mayBeMissing, &change)
        worker.value.putDatagrams(socket, at: number)
        return Listener(address, number: number, receiver, socket, streams)
      } catch {
        guard address.port == 0, error.code == EADDRINUSE, useless.count < Listeners.portAttempts
        else {
          socket.close()
          throw error
        }
        useless.append(socket)
      }
    }
  }

  /// Opens a UDP socket, beside those that go and are in the way.
  private func openDatagrams(
    on address: Endpoint, mayBeMissing: Bool, _ receiver: ClientDatagrams, _ change: Change
  ) throws(SystemError) -> DatagramSocket {
    var options = DatagramSocket.Options()
    options.receiveBuffer = Listeners.receiveBuffer
    options.mayBeMissing = mayBeMissing
    if let socket = passed.socket(.udp, at: address) {
      return try DatagramSocket(on: loop, adopting: socket, options: options, receiver: receiver)
    }
    do {
      return try DatagramSocket(on: loop, boundTo: address, options: options, receiver: receiver)
    } catch  where error.code == EADDRINUSE {
      let old = leaving(change, inTheWayOf: address)
      guard !old.isEmpty else { throw error }
      // Only for this one moment: else other programs could take the address from us.
      options.reuseAddress = true
      for listener in old { listener.datagrams.setReuseAddress(true) }
      defer { for listener in old { listener.datagrams.setReuseAddress(false) } }
      let socket = try DatagramSocket(
        on: loop, boundTo: address, options: options, receiver: receiver)
      socket.setReuseAddress(false)
      return socket
    }
  }

  /// Listens for TCP; those that go and are in the way take no more connections.
  private func openStreams(
    on address: Endpoint, mayBeMissing: Bool, _ change: inout Change
  ) throws(SystemError) -> StreamListener {
    do {
      return try openStreams(on: address, mayBeMissing: mayBeMissing)
    } catch  where error.code == EADDRINUSE {
      let old = leaving(change, inTheWayOf: address).filter { $0.streams != nil }
      guard !old.isEmpty else { throw error }
      for listener in old { listener.closeStreams() }
      change.silenced += old
      return try openStreams(on: address, mayBeMissing: mayBeMissing)
    }
  }

  /// Has a listener take connections again that gave way to another.
  private func openStreams(of listener: Listener, _ change: inout Change) throws(SystemError) {
    guard listener.streams == nil else { return }
    // Its address may have gone since.
    listener.streams = try openStreams(
      on: listener.datagrams.localAddress, mayBeMissing: true, &change)
  }

  private func openStreams(
    on address: Endpoint, mayBeMissing: Bool
  ) throws(SystemError) -> StreamListener {
    // UNREACHABLE: the server makes streams before listeners.
    guard let streams = worker.value.streams else { preconditionFailure("streams come first") }
    var options = StreamListener.Options()
    options.inputLimit = ClientStreams.inputLimit
    options.mayBeMissing = mayBeMissing
    if let socket = passed.socket(.tcp, at: address) {
      return try StreamListener(on: loop, adopting: socket, options: options) { streams.accept($0) }
    }
    return try StreamListener(on: loop, boundTo: address, options: options) { streams.accept($0) }
  }

  /// Listeners that are given up, and can't be there together with one on an address.
  private func leaving(_ change: Change, inTheWayOf address: Endpoint) -> [Listener] {
    (change.givenUp + retired.map(\.listener)).filter {
      $0.datagrams.localAddress.overlaps(address)
    }
  }

  /// Says what to do about an address that can't be had.
  private static func explain(_ error: SystemError, _ address: Endpoint) -> StartupError {
    switch error.code {
    case EACCES, EPERM:
      StartupError(
        .unavailable,
        "cannot listen on \(address): permission denied; start as root, or give the program CAP_NET_BIND_SERVICE, or choose a port from 1024 up with --listen"
      )
    case EADDRINUSE:
      StartupError(
        .unavailable,
        "cannot listen on \(address): already in use by another program; stop that one, or choose another address or port with --listen"
      )
    default:
      StartupError(.unavailable, "cannot listen on \(address): \(error)")
    }
  }
}

extension Endpoint {
  /// Whether one socket on each can't be there at a time, though they are not the same.
  fileprivate func overlaps(_ other: Endpoint) -> Bool {
    port == other.port && isIPv4 == other.isIPv4
      && (address.isUnspecified || other.address.isUnspecified)
  }
}
