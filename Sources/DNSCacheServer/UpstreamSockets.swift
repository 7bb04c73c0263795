import EventLoop
import Memory

/// The sockets that queries leave from: for each upstream a pool, each on a random port of its own.
///
/// Sockets are connected, so that the kernel drops what comes from elsewhere and reports an upstream
/// that can't be reached. One after the other is renewed, so that a port that was found out is of no
/// use for long; a renewed socket listens on for replies under way.
final class UpstreamSockets {
  /// Sockets for each upstream.
  static let perUpstream = 256
  /// Milliseconds between two renewals; a pool of 256 is renewed in about ten minutes.
  private static let renewalInterval: UInt64 = 2_500
  /// Renewals for which a socket that was replaced still takes replies: longer than any question
  /// lasts.
  private static let retirement = 3
  /// Ports below are left to services (RFC 6335 §6).
  private static let lowestPort: UInt16 = 1_024
  /// Random ports tried before the kernel is asked to choose.
  private static let portAttempts = 8

  private let loop: EventLoop
  private let core: Pinned<Core>
  private let upstreams: [SocketAddress]
  private var members: [Member] = []
  private var retired: [Member] = []
  private var renewal: Timer?
  private var nextRenewal = 0

  /// A socket and who takes what comes in on it.
  private struct Member {
    let socket: DatagramSocket
    let receiver: UpstreamDatagrams
  }

  init(
    on loop: EventLoop, upstreams: [SocketAddress], core: Pinned<Core>
  ) throws(SystemError) {
    self.loop = loop
    self.core = core
    self.upstreams = upstreams
    for number in 0..<upstreams.count * UpstreamSockets.perUpstream {
      members.append(try open(number))
    }
    let timer = Timer(on: loop) { [weak self] in self?.renewNext() }
    timer.schedule(every: UpstreamSockets.renewalInterval / UInt64(upstreams.count))
    renewal = timer
  }

  /// Sends a query; false when it can't be sent.
  func send(_ query: Span<UInt8>, from number: Int) -> Bool {
    switch members[number].socket.send(query) {
    case .sent: true
    // The kernel's buffer is full: as good as lost on the way; the next attempt comes by itself.
    case .wouldBlock: true
    case .failed: false
    }
  }

  private func open(_ number: Int) throws(SystemError) -> Member {
    let receiver = UpstreamDatagrams(core, number: number)
    let upstream = upstreams[number / UpstreamSockets.perUpstream]
    var options = DatagramSocket.Options()
    options.packetInfo = false
    options.reportErrors = true
    options.batchSize = 8
    options.receiveCapacity = 2_048
    options.replyCapacity = 0
    for _ in 0..<UpstreamSockets.portAttempts {
      let port = UInt16.random(in: UpstreamSockets.lowestPort...UInt16.max)
      if let socket = try? DatagramSocket(
        on: loop, connectedTo: upstream, localPort: port, options: options, receiver: receiver)
      {
        return Member(socket: socket, receiver: receiver)
      }
    }
    let socket = try DatagramSocket(
      on: loop, connectedTo: upstream, options: options, receiver: receiver)
    return Member(socket: socket, receiver: receiver)
  }

  private func renewNext() {
    if retired.count >= UpstreamSockets.retirement * upstreams.count { retired.removeFirst() }
    guard let fresh = try? open(nextRenewal) else { return }
    retired.append(members[nextRenewal])
    members[nextRenewal] = fresh
    nextRenewal = (nextRenewal + 1) % members.count
  }
}

/// Hands upstreams' datagrams to the core.
final class UpstreamDatagrams: DatagramReceiver {
  private let core: Pinned<Core>
  private let number: Int

  init(_ core: Pinned<Core>, number: Int) {
    self.core = core
    self.number = number
    super.init()
  }

  override func datagramsReady(_ socket: DatagramSocket) {
    core.value.receive(socket, number: number)
  }

  override func socketFailed(_ socket: DatagramSocket, error: Int32, payload: Span<UInt8>) {
    core.value.upstreamFailed(number)
  }
}
