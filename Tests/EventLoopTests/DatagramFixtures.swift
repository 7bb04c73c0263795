import DNSWire
import EventLoop
import System

/// Sends each datagram back, in reverse.
final class Echo: DatagramReceiver {
  var peers: [Peer] = []
  var calls = 0

  override func datagramsReady(_ socket: DatagramSocket) {
    calls += 1
    let count = socket.receiveBatch()
    for index in 0..<count {
      let datagram = socket.received(index)
      peers.append(socket.peer(index))
      socket.withReply(toReceived: index) { reply in
        for offset in datagram.indices {
          reply[offset] = datagram[datagram.count - 1 - offset]
        }
        return datagram.count
      }
    }
    socket.flush()
  }
}

/// Keeps what comes in at clients.
final class Inbox: DatagramGroupReceiver {
  struct Failure: Equatable {
    let error: Int32
    let payload: [UInt8]
  }

  /// Octets of a datagram that are kept.
  var capacity = 4_096
  var messages: [[UInt8]] = []
  var truncated: [Bool] = []
  var failures: [Failure] = []
  var calls = 0
  var onFailure: (() -> Void)?

  override func datagramReady(
    _ member: DatagramGroup.Member, number: Int, in group: DatagramGroup
  ) {
    calls += 1
    var buffer = [UInt8](repeating: 0, count: capacity)
    var octets = buffer.mutableSpan
    guard let length = group.receiveOne(from: member, into: &octets, at: 0, capacity: capacity)
    else { return }
    messages.append(Array(buffer[..<min(length, capacity)]))
    truncated.append(length > capacity)
  }

  override func socketFailed(_ number: Int, error: Int32, payload: Span<UInt8>) {
    failures.append(Failure(error: error, payload: Array(payload)))
    onFailure?()
  }
}

/// Keeps what comes in at a server.
final class Letterbox: DatagramReceiver {
  var messages: [[UInt8]] = []
  var truncated: [Bool] = []
  var onMessage: ((DatagramSocket) -> Void)?

  override func datagramsReady(_ socket: DatagramSocket) {
    let count = socket.receiveBatch()
    for index in 0..<count {
      messages.append(Array(socket.received(index)))
      truncated.append(socket.isTruncated(index))
    }
    if count > 0 { onMessage?(socket) }
  }
}

/// A client's socket: a group of one.
final class Client {
  let localAddress: Endpoint
  private let group: DatagramGroup
  private let member: DatagramGroup.Member

  init(
    on loop: EventLoop, connectedTo address: Endpoint, localPort: UInt16 = 0,
    receiver: DatagramGroupReceiver
  ) throws {
    group = try DatagramGroup(on: loop, capacity: 1, receiver: receiver)
    member = try group.open(connectedTo: address, localPort: localPort, number: 0)
    guard let local = group.localAddress(of: member) else { throw Missing() }
    localAddress = local
  }

  private struct Missing: Error {}

  func send(_ octets: Span<UInt8>) -> SendResult { group.send(octets, from: member) }

  func close() { group.close(member) }
}
