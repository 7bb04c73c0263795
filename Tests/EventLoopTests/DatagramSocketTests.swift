import DNSWire
import Glibc
import LoopFixtures
import System
import Testing

@testable import EventLoop

@Suite("Datagram sockets")
struct DatagramSocketTests {
  let loop: EventLoop
  let echo = Echo()
  let inbox = Inbox()
  let letterbox = Letterbox()
  let loopback = Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)

  init() throws {
    loop = try EventLoop()
  }

  @Test(
    arguments: [
      ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("0.0.0.0", "127.0.0.2"),
      ("::1", "::1"), ("::", "::1"),
    ])
  func `a reply leaves from the address that was asked`(bound: String, asked: String) throws {
    guard hasIPv6 || !bound.contains(":") else { return }
    let server = try DatagramSocket(
      on: loop, boundTo: try #require(Endpoint(bound, defaultPort: 0)), receiver: echo)
    let port = server.localAddress.port
    let address = try #require(Endpoint(asked, defaultPort: port))
    // Connected: a reply from elsewhere wouldn't arrive.
    let client = try Client(
      on: loop, connectedTo: address, receiver: inbox)
    #expect(client.send([1, 2, 3].span) == .sent)
    #expect(try loop.turn { inbox.messages.count == 1 })
    #expect(inbox.messages == [[3, 2, 1]])
    #expect(echo.peers.first?.local == address)
    #expect(echo.peers.first?.address.port == client.localAddress.port)
  }

  @Test(.enabled(if: linkLocalAddress() != nil))
  func `a reply from a link-local address finds its interface`() throws {
    let server = try DatagramSocket(
      on: loop, boundTo: Endpoint(IPAddress(v6High: 0, low: 0), port: 0), receiver: echo)
    let text = try #require(linkLocalAddress())
    let address = try #require(Endpoint(text, defaultPort: server.localAddress.port))
    let client = try Client(
      on: loop, connectedTo: address, receiver: inbox)
    #expect(client.send([1, 2].span) == .sent)
    #expect(try loop.turn { inbox.messages == [[2, 1]] })
    let peer = try #require(echo.peers.first)
    #expect(peer.local.address == address.address)
    #expect(peer.interface != 0 && peer.local.scope == peer.interface)
  }

  /// News of smaller paths comes in packets that anybody can forge; a socket that believes them sends
  /// fragments (RFC 9715 §3.1).
  @Test(arguments: ["127.0.0.1", "::1"])
  func `no socket believes what it is told of the path's packet size`(address: String) throws {
    guard hasIPv6 || !address.contains(":") else { return }
    let bound = try DatagramSocket(
      on: loop, boundTo: try #require(Endpoint(address, defaultPort: 0)), receiver: echo)
    let connected = try Descriptor.datagrams(connectedTo: bound.localAddress, localPort: 0)
    for number in [bound.descriptor, connected.number] {
      var value: Int32 = -1
      var length = socklen_t(MemoryLayout<Int32>.size)
      // SAFETY: the kernel writes four octets.
      let result = unsafe getsockopt(
        number,
        Int32(bound.localAddress.isIPv4 ? IPPROTO_IP : IPPROTO_IPV6),
        bound.localAddress.isIPv4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &value, &length)
      #expect(result == 0)
      #expect(value == (bound.localAddress.isIPv4 ? IP_PMTUDISC_OMIT : IPV6_PMTUDISC_OMIT))
    }
  }

  @Test func `a peer can be kept for a later reply`() throws {
    let server = try DatagramSocket(
      on: loop, boundTo: Endpoint(IPAddress(v4: 0), port: 0), receiver: echo)
    let client = try Client(
      on: loop, connectedTo: Endpoint(IPAddress(v4: 0x7f00_0003), port: server.localAddress.port),
      receiver: inbox)
    #expect(client.send([7].span) == .sent)
    #expect(try loop.turn { inbox.messages.count == 1 })
    let peer = try #require(echo.peers.first)
    #expect(
      server.withReply(to: peer) { reply in
        reply[0] = 8
        return 1
      })
    server.flush()
    #expect(try loop.turn { inbox.messages.count == 2 })
    #expect(inbox.messages == [[7], [8]])
  }

  @Test func `datagrams are read and answered in batches`() throws {
    var options = DatagramSocket.Options()
    options.batchSize = 8
    let server = try DatagramSocket(
      on: loop, boundTo: loopback, options: options, receiver: echo)
    let client = try Client(
      on: loop, connectedTo: server.localAddress, receiver: inbox)
    for octet in 0..<100 { #expect(client.send([UInt8(octet), 0].span) == .sent) }
    #expect(try loop.turn { inbox.messages.count == 100 })
    #expect(inbox.messages == (0..<100).map { [0, UInt8($0)] })
    // The last batch has four.
    #expect(echo.calls == 13)
    #expect(server.counters.received == 100)
    #expect(server.counters.sent == 100)
    #expect(server.counters.dropped == 0 && server.counters.errors == 0)
  }

  @Test func `a datagram that is too long is cut and marked`() throws {
    var options = DatagramSocket.Options()
    options.receiveCapacity = 16
    let server = try DatagramSocket(
      on: loop, boundTo: loopback, options: options, receiver: letterbox)
    let client = try Client(
      on: loop, connectedTo: server.localAddress, receiver: Inbox())
    #expect(client.send(Array(repeating: 9, count: 17).span) == .sent)
    #expect(client.send(Array(repeating: 8, count: 16).span) == .sent)
    #expect(client.send(Span()) == .sent)
    #expect(try loop.turn { letterbox.messages.count == 3 })
    #expect(letterbox.truncated == [true, false, false])
    #expect(letterbox.messages.map(\.count) == [16, 16, 0])
  }

  @Test func `datagrams read one a call all come, cut and marked where too long`() throws {
    let server = try DatagramSocket(on: loop, boundTo: loopback, receiver: echo)
    inbox.capacity = 16
    let clients = try (0..<3).map { _ in
      try Client(on: loop, connectedTo: server.localAddress, receiver: inbox)
    }
    for size in [17, 16, 2, 1] {
      for client in clients {
        #expect(client.send(Array(repeating: UInt8(size), count: size).span) == .sent)
      }
    }
    #expect(try loop.turn { inbox.messages.count == 12 })
    try loop.spin(3)
    #expect(inbox.messages.map(\.count).sorted() == [1, 1, 1, 2, 2, 2, 16, 16, 16, 16, 16, 16])
    #expect(inbox.truncated.count { $0 } == 3)
    #expect(inbox.messages.allSatisfy { Set($0).count < 2 })
    #expect(inbox.calls == 12)
  }

  @Test func `an ICMP error before a datagram costs neither`() throws {
    let home = Endpoint(IPAddress(v4: 0x7f00_0008), port: 0)
    var server: DatagramSocket? = try DatagramSocket(on: loop, boundTo: home, receiver: echo)
    let address = try #require(server?.localAddress)
    let client = try Client(
      on: loop, connectedTo: address, receiver: inbox)
    server = nil
    #expect(client.send([1, 2].span) == .sent)
    server = try DatagramSocket(on: loop, boundTo: address, receiver: echo)
    #expect(client.send([3, 4].span) == .sent)
    #expect(try loop.turn { inbox.messages == [[4, 3]] })
    withExtendedLifetime(server) {}
  }

  @Test func `nothing is sent for a reply of no octets`() throws {
    let server = try DatagramSocket(on: loop, boundTo: loopback, receiver: echo)
    let peer = Peer(address: server.localAddress, local: server.localAddress)
    server.withReply(to: peer) { _ in 0 }
    server.flush()
    #expect(server.counters.sent == 0)
  }

  @Test func `one bad destination doesn't hold up the others`() throws {
    let server = try DatagramSocket(on: loop, boundTo: loopback, receiver: echo)
    let client = try Client(
      on: loop, connectedTo: server.localAddress, receiver: inbox)
    // Bound to loopback, there is no way to 192.0.2.1; port 0 is never valid.
    let bad = [
      Endpoint(IPAddress(v4: 0xc000_0201), port: 53), Endpoint(IPAddress(v4: 0x7f00_0001), port: 0),
    ]
    for destination in [bad[0], client.localAddress, bad[1], bad[0], client.localAddress, bad[1]] {
      server.withReply(to: Peer(address: destination, local: server.localAddress)) { reply in
        reply[0] = 5
        return 1
      }
    }
    server.flush()
    #expect(server.counters.sent == 2)
    #expect(server.counters.errors == 4)
    #expect(try loop.turn { inbox.messages == [[5], [5]] })
  }

  @Test func `replies wait for room up to a limit, then they are dropped and counted`() throws {
    var options = DatagramSocket.Options()
    options.batchSize = 4
    options.replySlots = 10
    let server = try DatagramSocket(
      on: loop, boundTo: loopback, options: options, receiver: echo)
    let client = try Client(
      on: loop, connectedTo: server.localAddress, receiver: inbox)
    let peer = Peer(address: client.localAddress, local: server.localAddress)
    // As after EAGAIN, which the loopback interface never gives.
    server.awaitWritability()
    for octet in 0..<12 {
      let accepted = server.withReply(to: peer) { reply in
        reply[0] = UInt8(octet)
        return 1
      }
      #expect(accepted == (octet < 10))
    }
    #expect(server.counters.sent == 0)
    #expect(server.counters.dropped == 2)
    #expect(try loop.turn { inbox.messages.count == 10 })
    #expect(inbox.messages == (0..<10).map { [UInt8($0)] })
    // And there is room again.
    #expect(server.withReply(to: peer) { _ in 1 })
  }

  @Test func `a closed port is reported once for each datagram, with its payload`() throws {
    let port = try ClosedPort(on: loop)
    let client = try Client(
      on: loop, connectedTo: port.address, receiver: inbox)
    // The second send meets the error of the first.
    for octet in 1...5 { #expect(client.send([UInt8(octet), 42].span) == .sent) }
    #expect(try loop.turn { inbox.failures.count == 5 })
    #expect(inbox.failures.allSatisfy { $0.error == ECONNREFUSED })
    #expect(inbox.failures.map(\.payload) == (1...5).map { [UInt8($0), 42] })
    // Nothing is left that would keep the loop awake.
    let calls = inbox.calls
    try loop.spin(50)
    #expect(inbox.failures.count == 5)
    #expect(inbox.calls == calls)
  }

  @Test func `replies still arrive while errors are pending`() throws {
    // A server that goes away and comes back on its port.
    let home = Endpoint(IPAddress(v4: 0x7f00_0007), port: 0)
    var server: DatagramSocket? = try DatagramSocket(on: loop, boundTo: home, receiver: echo)
    let address = try #require(server?.localAddress)
    let client = try Client(
      on: loop, connectedTo: address, receiver: inbox)
    server = nil
    for _ in 0..<3 { #expect(client.send([1, 2].span) == .sent) }
    server = try DatagramSocket(on: loop, boundTo: address, receiver: echo)
    #expect(client.send([3, 4].span) == .sent)
    #expect(try loop.turn { inbox.messages == [[4, 3]] && inbox.failures.count == 3 })
    withExtendedLifetime(server) {}
  }

  @Test func `a receiver may close its socket from within a call`() throws {
    let server = try DatagramSocket(on: loop, boundTo: loopback, receiver: letterbox)
    letterbox.onMessage = { $0.close() }
    let client = try Client(
      on: loop, connectedTo: server.localAddress, receiver: Inbox())
    #expect(client.send([1].span) == .sent)
    #expect(try loop.turn { !server.isOpen })
    #expect(server.receiveBatch() == 0)
    #expect(!server.withReply(to: Peer(address: loopback, local: loopback)) { _ in 1 })
    server.flush()
    server.close()
  }

  @Test func `a receiver may let go of its socket from within a call`() throws {
    let port = try ClosedPort(on: loop)
    let descriptors = openDescriptors()
    for _ in 0..<200 {
      inbox.failures = []
      var client: Client? = try Client(
        on: loop, connectedTo: port.address, receiver: inbox)
      inbox.onFailure = { client = nil }
      #expect(client?.send([1].span) == .sent)
      #expect(client?.send([2].span) == .sent)
      #expect(try loop.turn { client == nil })
      // Let go, it may still report the rest of this round.
      #expect((1...2).contains(inbox.failures.count))
    }
    #expect(try loop.turn { openDescriptors() < descriptors + 100 })
  }

  @Test func `a port that is taken is an error that tells which`() throws {
    let server = try DatagramSocket(on: loop, boundTo: loopback, receiver: letterbox)
    let error = #expect(throws: SystemError.self) {
      _ = try DatagramSocket(on: loop, boundTo: server.localAddress, receiver: letterbox)
    }
    #expect(error?.code == EADDRINUSE)
    #expect(error?.description.contains("bind for UDP on \(server.localAddress)") == true)
    #expect(throws: SystemError.self) {
      _ = try Client(
        on: loop, connectedTo: server.localAddress, localPort: server.localAddress.port,
        receiver: inbox)
    }
  }

  @Test func `an upstream socket leaves from the port that was chosen`() throws {
    let server = try DatagramSocket(on: loop, boundTo: loopback, receiver: echo)
    // A port that was free a moment ago.
    let port = try ClosedPort(on: loop).address.port
    let client = try Client(
      on: loop, connectedTo: server.localAddress, localPort: port, receiver: inbox)
    #expect(client.localAddress.port == port)
    #expect(client.send([1].span) == .sent)
    #expect(try loop.turn { inbox.messages.count == 1 })
    #expect(echo.peers.first?.address.port == port)
  }
}
