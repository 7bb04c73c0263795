import CEvent
import DNSWire
import EventLoop
import Glibc
import HTTP
import LoopFixtures
import Synchronization
import System
import Testing

/// The thread whose requests for memory libevent finds refused; no thread is 0.
private let starving = Atomic<UInt>(0)

/// Whether the thread gets no memory: as malloc says it, by errno too.
private func isRefused() -> Bool {
  guard starving.load(ordering: .relaxed) == pthread_self() else { return false }
  errno = ENOMEM
  return true
}

@Suite("When memory runs out (malloc fails)", .serialized)
struct MemoryShortageTests {
  let loop: EventLoop
  let client = End()
  let server = End()
  let listener: StreamListener

  init() throws {
    // SAFETY: these are the C library's own, but for what a test has refused; so what was given out before is
    // freed as before.
    unsafe event_set_mem_functions(
      { isRefused() ? nil : unsafe malloc($0) }, { isRefused() ? nil : unsafe realloc($0, $1) },
      { unsafe free($0) })
    loop = try EventLoop()
    let address = Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)
    listener = try StreamListener(on: loop, boundTo: address) {
      [server] in server.take($0)
    }
  }

  /// Does something while libevent gets no memory.
  private func starved<R>(_ body: () throws -> R) rethrows -> R {
    starving.store(pthread_self(), ordering: .relaxed)
    defer { starving.store(0, ordering: .relaxed) }
    return try body()
  }

  private func connect() throws {
    client.take(try Stream(on: loop, connectingTo: try #require(listener.localAddress)))
    #expect(try loop.turn { client.connections == 1 && server.stream != nil })
  }

  private let large = [UInt8](repeating: 7, count: 100_000)

  @Test func `a stream that can't be written to ends, and no other`() throws {
    try connect()
    let stream = try #require(server.stream)
    stream.write([1].span)
    starved { stream.write(large.span) }
    // What is missing must not be followed by anything.
    #expect(!stream.isOpen)
    stream.write([2].span)
    #expect(try loop.turn { server.ends == [.error(ENOMEM)] && client.ends == [.endOfFile] })
    #expect(!client.octets.contains(2))
    server.stream = nil
    client.take(try Stream(on: loop, connectingTo: try #require(listener.localAddress)))
    #expect(try loop.turn { server.stream != nil })
    server.stream?.write(large.span)
    #expect(try loop.turn { client.octets.suffix(large.count) == large[...] })
  }

  @Test func `a stream whose input can't be joined ends`() throws {
    try connect()
    server.consumes = false
    client.stream?.write(large.span)
    let stream = try #require(server.stream)
    #expect(try loop.turn { stream.readableBytes == large.count })
    #expect(starved { stream.withInput(large.count) { $0.count } } == nil)
    #expect(!stream.isOpen)
    #expect(try loop.turn { server.ends == [.error(ENOMEM)] })
  }

  @Test func `a stream that is closed meanwhile is closed`() throws {
    try connect()
    let stream = try #require(server.stream)
    starved { stream.write(large.span) }
    stream.closeWhenSent()
    #expect(try loop.turn { client.ends == [.endOfFile] })
    try loop.spin(2)
    #expect(server.ends == [])
  }

  @Test func `a connection that there is no memory for is taken later`() throws {
    client.take(try Stream(on: loop, connectingTo: try #require(listener.localAddress)))
    try starved { try loop.spin(3) }
    #expect(listener.exhausted > 0 && listener.accepted == 0)
    client.take(try Stream(on: loop, connectingTo: try #require(listener.localAddress)))
    #expect(try loop.turn { server.stream != nil })
  }

  @Test func `thousands of timers need no memory, and what is more fires at once`() throws {
    let fired = Count()
    let timers = (0..<5_000).map { _ in Timer(on: loop) { fired.value += 1 } }
    starved { for timer in timers.prefix(4_000) { timer.schedule(after: 3_600_000) } }
    try loop.spin(2)
    #expect(fired.value == 0)
    starved { for timer in timers.suffix(1_000) { timer.schedule(after: 3_600_000) } }
    #expect(try loop.turn { fired.value > 0 })
    // They can be set again when there is memory.
    let early = fired.value
    for timer in timers { timer.schedule(after: 3_600_000) }
    try loop.spin(2)
    #expect(fired.value == early)
  }

  // MARK: HTTP

  /// A server whose answers are given by a closure, and how many requests have come.
  private func web(
    _ answer: @escaping (HTTPResponder) -> Void
  ) throws -> (server: HTTPServer, address: Endpoint) {
    let server = HTTPServer(on: loop) { _, responder in answer(responder) }
    return (server, try server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
  }

  private func ask(_ end: End, _ address: Endpoint) throws {
    end.take(try Stream(on: loop, connectingTo: address))
    end.stream?.write(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8).span)
  }

  /// Whether a server answers who asks next.
  private func answers(_ address: Endpoint) throws -> Bool {
    let other = End()
    try ask(other, address)
    return try loop.turn { String(decoding: other.octets, as: UTF8.self).hasSuffix("\r\n\r\nwell") }
  }

  /// How a test has an answer come while there is no memory.
  enum Shortage: CaseIterable {
    case answer
    case part
    case noAnswer
  }

  @Test(arguments: Shortage.allCases)
  func `an HTTP connection that can't be answered ends, and no other`(shortage: Shortage) throws {
    var held: [HTTPResponder] = []
    let isShort = Count()
    isShort.value = 1
    let (server, address) = try web { responder in
      if isShort.value == 0 {
        responder.send(status: 200, contentType: "text/plain", body: "well")
      } else {
        held.append(responder)
      }
    }
    try ask(client, address)
    #expect(try loop.turn { held.count == 1 })
    switch shortage {
    case .answer:
      starved { held[0].send(status: 200, contentType: "text/plain", body: large) }
    case .part:
      held[0].begin(status: 200, contentType: "text/plain")
      starved { held[0].write(large) {} }
    case .noAnswer: starved { held = [] }
    }
    #expect(try loop.turn { client.ends.count == 1 })
    #expect(!String(decoding: client.octets, as: UTF8.self).hasSuffix("0\r\n\r\n"))
    held = []
    isShort.value = 0
    #expect(try answers(address))
    server.close()
  }

  @Test func `an HTTP connection that there is no memory for is closed, and the next is served`()
    throws
  {
    let (server, address) = try web {
      $0.send(status: 200, contentType: "text/plain", body: "well")
    }
    client.take(try Stream(on: loop, connectingTo: address))
    try starved { try loop.spin(3) }
    #expect(try loop.turn { client.ends.count == 1 })
    #expect(try answers(address))
    server.close()
  }
}
