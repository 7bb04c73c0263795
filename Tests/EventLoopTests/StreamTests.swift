import DNSWire
import EventLoop
import Glibc
import LoopFixtures
import System
import Testing

@Suite("Streams")
struct StreamTests {
  let loop: EventLoop
  let client = End()
  let server = End()
  let loopback = Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)

  init() throws {
    loop = try EventLoop()
  }

  func listener(inputLimit: Int = Stream.defaultInputLimit) throws -> StreamListener {
    var options = StreamListener.Options()
    options.inputLimit = inputLimit
    return try StreamListener(on: loop, boundTo: loopback, options: options) { [server] in
      server.take($0)
    }
  }

  /// Two connected ends.
  func connect(inputLimit: Int = Stream.defaultInputLimit) throws -> StreamListener {
    let listener = try listener(inputLimit: inputLimit)
    client.take(try Stream(on: loop, connectingTo: try #require(listener.localAddress)))
    #expect(try loop.turn { client.connections == 1 && server.stream != nil })
    return listener
  }

  @Test(arguments: ["127.0.0.1", "::1"])
  func `octets go both ways`(address: String) throws {
    guard hasIPv6 || !address.contains(":") else { return }
    let address = try #require(Endpoint(address, defaultPort: 0))
    let listener = try StreamListener(on: loop, boundTo: address) { [server] in server.take($0) }
    server.onReadable = { $0.write([4, 5].span) }
    client.onConnected = { $0.write([1, 2, 3].span) }
    client.take(try Stream(on: loop, connectingTo: try #require(listener.localAddress)))
    #expect(try loop.turn { client.octets == [4, 5] })
    #expect(server.octets == [1, 2, 3])
    #expect(client.drains == 1)
    #expect(server.stream?.peer == client.stream?.local)
    #expect(server.stream?.local == client.stream?.peer)
    #expect(listener.accepted == 1)
  }

  @Test func `a stream can be written before it is connected`() throws {
    let listener = try listener()
    let stream = try Stream(on: loop, connectingTo: try #require(listener.localAddress))
    client.take(stream)
    stream.write([1].span)
    #expect(stream.pendingOutput == 1)
    #expect(try loop.turn { server.octets == [1] })
    #expect(stream.pendingOutput == 0)
  }

  @Test func `what isn't consumed stays in front`() throws {
    let listener = try connect()
    server.consumes = false
    client.stream?.write([1, 2, 3].span)
    #expect(try loop.turn { server.stream?.readableBytes == 3 })
    client.stream?.write([4, 5].span)
    #expect(try loop.turn { server.stream?.readableBytes == 5 })
    let stream = try #require(server.stream)
    #expect(stream.withInput(4) { Array($0) } == [1, 2, 3, 4])
    stream.consume(2)
    #expect(stream.withInput(3) { Array($0) } == [3, 4, 5])
    #expect(stream.withInput(0) { $0.count } == 0)
    withExtendedLifetime(listener) {}
  }

  @Test func `the input is bounded, and reading goes on when there is room again`() throws {
    let limit = 10_000
    let listener = try connect(inputLimit: limit)
    server.consumes = false
    let total = 4_000_000
    client.stream?.write([UInt8](repeating: 7, count: total).span)
    #expect(try loop.turn { server.stream?.readableBytes == limit })
    #expect(try !loop.turn(within: 50) { (server.stream?.readableBytes ?? 0) > limit })
    #expect((client.stream?.pendingOutput ?? 0) > 0)
    let stream = try #require(server.stream)
    server.consumes = true
    server.drain(stream)
    #expect(try loop.turn { server.octets.count == total })
    withExtendedLifetime(listener) {}
  }

  @Test func `a paused stream reads nothing, and tells what is there when resumed`() throws {
    let listener = try connect()
    let stream = try #require(server.stream)
    server.consumes = false
    client.stream?.write([1].span)
    #expect(try loop.turn { server.reads == 1 })
    stream.pauseReading()
    client.stream?.write([2].span)
    #expect(try !loop.turn(within: 50) { stream.readableBytes > 1 })
    stream.resumeReading()
    #expect(try loop.turn { stream.readableBytes == 2 && server.reads >= 2 })
    stream.pauseReading()
    let reads = server.reads
    stream.resumeReading()
    // Nothing new comes from the peer.
    #expect(try loop.turn { server.reads > reads })
    withExtendedLifetime(listener) {}
  }

  @Test func `after the peer's end the rest can be read and an answer be written`() throws {
    let listener = try listener()
    let descriptor = try RawPeer.connect(to: try #require(listener.localAddress))
    defer { close(descriptor) }
    #expect(unsafe send(descriptor, "abc", 3, 0) == 3)
    shutdown(descriptor, Int32(SHUT_WR))
    server.consumes = false
    server.onClosed = { [unowned server] stream in
      // The end is told once.
      stream.pauseReading()
      stream.resumeReading()
      server.drain(stream)
      stream.write(Array("xyz".utf8).span)
      stream.closeWhenSent()
    }
    #expect(try loop.turn { server.ends == [.endOfFile] })
    #expect(try loop.turn { RawPeer.read(descriptor) == "xyz" })
    #expect(server.octets == Array("abc".utf8))
    #expect(server.ends == [.endOfFile])
    #expect(server.stream?.isOpen == false)
  }

  @Test func `a connection that is refused is an error`() throws {
    let holder = try listener()
    let address = try #require(holder.localAddress)
    holder.close()
    client.take(try Stream(on: loop, connectingTo: address))
    #expect(try loop.turn { !client.ends.isEmpty })
    #expect(client.ends == [.error(ECONNREFUSED)])
    #expect(client.stream?.isOpen == false)
    #expect(client.stream?.readableBytes == 0 && client.stream?.pendingOutput == 0)
    client.stream?.write([1].span)
    client.stream?.closeWhenSent()
  }

  @Test func `a reset is an error`() throws {
    let listener = try listener()
    let descriptor = try RawPeer.connect(to: try #require(listener.localAddress))
    #expect(try loop.turn { server.stream != nil })
    RawPeer.reset(descriptor)
    #expect(try loop.turn { server.ends == [.error(ECONNRESET)] })
  }

  @Test func `closing with flushing sends all of a large answer`() throws {
    let listener = try connect()
    let total = 5_000_000
    server.stream?.write([UInt8](repeating: 3, count: total).span)
    server.stream?.closeWhenSent()
    #expect(server.stream?.isOpen == false)
    server.stream = nil
    #expect(try loop.turn { client.ends == [.endOfFile] })
    #expect(client.octets.count == total)
    #expect(server.ends.isEmpty)
    withExtendedLifetime(listener) {}
  }

  @Test func `closing without flushing drops the rest`() throws {
    let listener = try connect()
    server.stream?.write([UInt8](repeating: 3, count: 5_000_000).span)
    server.stream?.close()
    #expect(try loop.turn { !client.ends.isEmpty })
    #expect(client.octets.count < 5_000_000)
    withExtendedLifetime(listener) {}
  }

  @Test(arguments: ["connected", "readable", "drained", "closed"], [true, false])
  func `a delegate may close its stream or let go of it in any call`(
    call: String, closes: Bool
  ) throws {
    let listener = try listener()
    let happened = Count()
    let act: (Stream) -> Void = { [unowned client] stream in
      happened.value += 1
      if closes { stream.close() }
      client.stream = nil
    }
    switch call {
    case "connected": client.onConnected = act
    case "readable": client.onReadable = act
    case "drained": client.onDrained = act
    default: client.onClosed = act
    }
    server.onReadable = { stream in
      stream.write([2].span)
      stream.closeWhenSent()
    }
    for _ in 0..<20 {
      server.stream = nil
      let count = happened.value
      let stream = try Stream(on: loop, connectingTo: try #require(listener.localAddress))
      stream.write([1].span)
      client.take(stream)
      #expect(try loop.turn { happened.value == count + 1 })
      #expect(client.stream == nil)
    }
  }

  @Test func `no way of closing leaks a descriptor`() throws {
    let listener = try listener()
    let address = try #require(listener.localAddress)
    let before = openDescriptors()
    for round in 0..<300 {
      client.connections = 0
      server.stream = nil
      server.ends = []
      client.take(try Stream(on: loop, connectingTo: address))
      // Let go while connecting.
      if round % 6 == 5 {
        client.stream = nil
        #expect(try loop.turn { server.ends == [.endOfFile] })
        continue
      }
      #expect(try loop.turn { client.connections == 1 && server.stream != nil })
      client.stream?.write([1].span)
      switch round % 6 {
      case 0: client.stream?.closeWhenSent()
      case 1: client.stream?.close()
      case 2: client.stream = nil
      case 3: server.stream = nil
      default:
        server.stream?.write([UInt8](repeating: 1, count: 1_000_000).span)
        server.stream?.closeWhenSent()
        // It can't get rid of that.
        client.stream?.close()
      }
      client.stream = nil
    }
    server.stream = nil
    try loop.spin(10)
    #expect(try loop.turn { openDescriptors() < before + 100 })
  }

  @Test func `a listener that is paused leaves connections waiting`() throws {
    let listener = try listener()
    listener.pauseAccepting()
    client.take(try Stream(on: loop, connectingTo: try #require(listener.localAddress)))
    #expect(try loop.turn { client.connections == 1 })
    try loop.spin(10)
    #expect(server.stream == nil)
    listener.resumeAccepting()
    #expect(try loop.turn { server.stream != nil })
  }

  @Test func `a listener may be closed or let go while it accepts`() throws {
    var listener: StreamListener?
    let count = Count()
    listener = try StreamListener(on: loop, boundTo: loopback) { _ in
      count.value += 1
      listener?.close()
      listener = nil
    }
    let address = try #require(listener?.localAddress)
    let streams = try (0..<3).map { _ in try Stream(on: loop, connectingTo: address) }
    #expect(try loop.turn { count.value > 0 })
    try loop.spin(10)
    #expect(count.value == 1)
    withExtendedLifetime(streams) {}
  }
}

/// The other end of a connection, by hand.
enum RawPeer {
  static func connect(to address: Endpoint) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = address.port.bigEndian
    name.sin_addr.s_addr = UInt32(address.address.low).bigEndian
    // SAFETY: the kernel copies the address before the call returns.
    let result = unsafe withUnsafePointer(to: &name) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw SystemError(call: "connect", purpose: "a test", code: errno) }
    return descriptor
  }

  /// What can be read now.
  static func read(_ descriptor: Int32) -> String {
    var octets = [UInt8](repeating: 0, count: 65_536)
    // SAFETY: the kernel writes at most as many octets as the array has.
    let count = unsafe recv(descriptor, &octets, octets.count, Int32(MSG_DONTWAIT))
    return String(decoding: octets.prefix(max(count, 0)), as: UTF8.self)
  }

  /// Closes with a reset instead of an end.
  static func reset(_ descriptor: Int32) {
    var option = linger(l_onoff: 1, l_linger: 0)
    // SAFETY: the kernel copies the option.
    unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    close(descriptor)
  }
}
