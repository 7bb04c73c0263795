import DNSWire
import EventLoop
import Glibc
import LoopFixtures
import System
import Testing

@testable import HTTP

@Suite("HTTP")
struct HTTPTests {
  let loop: EventLoop
  let client = End()
  let directory: TemporaryDirectory

  init() throws {
    loop = try EventLoop()
    directory = try TemporaryDirectory()
  }

  func connect(_ end: End? = nil, to address: Endpoint) throws {
    (end ?? client).take(try Stream(on: loop, connectingTo: address))
  }

  func send(_ text: String) {
    client.stream?.write(Array(text.utf8).span)
  }

  var received: String { String(decoding: client.octets, as: UTF8.self) }

  /// The body of the only response that came.
  var body: String {
    let text = received
    guard let range = text.firstRange(of: "\r\n\r\n") else { return "" }
    return String(text[range.upperBound...])
  }

  @Test func `a request is taken apart and answered`() throws {
    var requests: [HTTPRequest] = []
    let server = HTTPServer(on: loop) { request, responder in
      requests.append(request)
      responder.addHeader("X-Answer", "42")
      responder.send(status: 200, contentType: "application/json", body: "{}\n")
    }
    let address = try server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0))
    try connect(to: address)
    send(
      "POST /api/v1/cache%20x/a%2fb?name=ex%61mple.net&type=A+B&bare&x=1%3d2&&%zz=%4 HTTP/1.1\r\n"
        + "Host: localhost\r\nX-Thing: one\r\nContent-Length: 5\r\n\r\nhello")
    #expect(try loop.turn { received.hasSuffix("{}\n") })
    #expect(received.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(received.contains("\r\nContent-Type: application/json\r\n"))
    #expect(received.contains("\r\nX-Answer: 42\r\n"))
    #expect(received.contains("\r\nContent-Length: 3\r\n"))
    let request = try #require(requests.first)
    #expect(request.method == .post)
    #expect(request.path == "/api/v1/cache x/a/b")
    #expect(request.query.map(\.name) == ["name", "type", "bare", "x", "%zz"])
    #expect(request.query.map(\.value) == ["example.net", "A B", "", "1=2", "%4"])
    #expect(request.queryValue("type") == "A B" && request.queryValue("none") == nil)
    #expect(request.header("x-thing") == "one" && request.header("x") == nil)
    #expect(request.body == Array("hello".utf8))
    #expect(request.peer == client.stream?.local)
  }

  @Test func `several requests go over one connection`() throws {
    let server = HTTPServer(on: loop) { request, responder in
      responder.send(status: 200, contentType: "text/plain", body: "<\(request.path)>")
    }
    try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    // Pipelined.
    for path in ["/1", "/2", "/3"] { send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n") }
    #expect(try loop.turn { received.hasSuffix("</3>") })
    #expect(received.contains("</1>") && received.contains("</2>"))
    send("GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    #expect(try loop.turn { client.ends == [.endOfFile] })
    #expect(received.hasSuffix("</4>"))
    #expect(server.counters.accepted == 1)
  }

  @Test func `a Unix socket has its mode, is replaced when stale and goes at close`() throws {
    let path = "\(directory.path)/control.sock"
    let stale = try StreamListener(on: loop, unixPath: "\(path).old") { _ in }
    #expect(unsafe rename("\(path).old", path) == 0)
    stale.close()
    let server = HTTPServer(on: loop) { request, responder in
      #expect(request.peer == nil)
      responder.send(status: 200, contentType: "text/plain", body: "unix")
    }
    try server.listen(unixPath: path)
    var status = stat()
    #expect(unsafe lstat(path, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o660)
    let error = #expect(throws: SystemError.self) { try server.listen(unixPath: path) }
    #expect(error?.code == EADDRINUSE)
    client.take(try Stream(on: loop, connectingToUnixPath: path))
    send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try loop.turn { body == "unix" })
    server.close()
    #expect(directory.names == [])
    #expect(try loop.turn { client.ends == [.endOfFile] })
  }

  @Test func `an answer can come later`() throws {
    var waiting: HTTPResponder?
    let server = HTTPServer(on: loop) { _, responder in waiting = responder }
    try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try loop.turn { waiting != nil })
    #expect(waiting?.isOpen == true)
    try loop.spin(5)
    waiting?.send(status: 404, contentType: "text/plain", body: "late")
    #expect(waiting?.isOpen == false)
    waiting?.send(status: 200, contentType: "text/plain", body: "twice")
    #expect(try loop.turn { body == "late" })
    #expect(received.hasPrefix("HTTP/1.1 404 Not Found\r\n"))
  }

  @Test func `a client that half-closes its connection after the request gets its answer`() throws {
    var waiting: HTTPResponder?
    let server = HTTPServer(on: loop) { _, responder in waiting = responder }
    let path = "\(directory.path)/half.sock"
    try server.listen(unixPath: path)
    let half = try HalfClosed(path, sending: "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try loop.turn { waiting != nil })
    try loop.spin(5)
    waiting?.send(status: 200, contentType: "text/plain", body: "x")
    #expect(try loop.turn { server.connectionCount == 0 })
    #expect(half.received().hasSuffix("\r\n\r\nx"))
  }

  @Test func `HTTP 1.0 is spoken to those who speak it`() throws {
    let server = HTTPServer(on: loop) { request, responder in
      guard request.path == "/parts" else {
        return responder.send(status: 200, contentType: "text/plain", body: "x")
      }
      responder.begin(status: 200, contentType: "text/plain")
      responder.write(Array("one".utf8)) { responder.write(Array("two".utf8), then: responder.end) }
    }
    let address = try server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0))
    try connect(to: address)
    send("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
    #expect(try loop.turn { body == "x" })
    #expect(received.contains("\r\nConnection: keep-alive\r\n") && client.ends.isEmpty)
    client.octets = []
    send("GET /parts HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    #expect(try loop.turn { client.ends == [.endOfFile] })
    // Without chunks, its end is that of the connection.
    #expect(body == "onetwo" && !received.contains("Transfer-Encoding"))
    client.octets = []
    client.ends = []
    try connect(to: address)
    send("GET / HTTP/1.0\r\n\r\n")
    #expect(try loop.turn { client.ends == [.endOfFile] })
    #expect(body == "x" && received.contains("\r\nConnection: close\r\n"))
  }

  @Test func `an answer that is never taken ends its connection`() throws {
    var limits = HTTPServer.Limits()
    limits.timeout = 300
    let gone = Count()
    let server = HTTPServer(on: loop, limits: limits) { _, responder in
      responder.onClientGone = { gone.value += 1 }
      responder.begin(status: 200, contentType: "text/plain")
      responder.write([UInt8](repeating: 1, count: 8_000_000)) {}
    }
    try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    client.consumes = false
    send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try loop.turn { gone.value == 1 })
    #expect(server.counters.timedOut == 1 && server.connectionCount == 0)
  }

  @Test func `an answer has a date`() throws {
    let server = HTTPServer(on: loop) { _, responder in responder.sendNothing() }
    try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try loop.turn { received.hasSuffix("\r\n\r\n") })
    #expect(received.hasPrefix("HTTP/1.1 204 No Content\r\n"))
    #expect(
      received.contains(/\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n/))
    #expect(!received.contains("Content-Length"))
  }

  @Test func `a responder that is let go answers 500`() throws {
    let server = HTTPServer(on: loop) { _, _ in }
    try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try loop.turn { received.hasPrefix("HTTP/1.1 500 ") })
  }

  @Test func `a long response is written at the pace of its reader`() throws {
    let part = [UInt8](repeating: UInt8(ascii: "Z"), count: 100_000)
    let parts = 80
    let lastChunk = Array("0\r\n\r\n".utf8)
    let written = Count()
    let server = HTTPServer(on: loop) { _, responder in
      responder.begin(status: 200, contentType: "text/plain")
      func next() {
        guard written.value < parts else { return responder.end() }
        written.value += 1
        responder.write(part, then: next)
      }
      next()
    }
    try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    client.consumes = false
    send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    let stream = try #require(client.stream)
    #expect(try loop.turn { stream.readableBytes == Stream.defaultInputLimit })
    // The client doesn't read, and the server doesn't go on.
    #expect(try !loop.turn(within: 100) { written.value == parts })
    client.consumes = true
    client.drain(stream)
    #expect(try loop.turn { client.octets.suffix(5) == lastChunk[...] })
    #expect(written.value == parts)
    #expect(client.octets.reduce(0) { $0 + ($1 == part[0] ? 1 : 0) } == parts * part.count)
    // The connection is good for another request.
    client.octets = []
    written.value = parts
    send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try loop.turn { client.octets.suffix(5) == lastChunk[...] })
  }

  @Test(arguments: [true, false])
  func `a client that goes away is noticed once, and nothing is called after that`(
    isMidStream: Bool
  ) throws {
    var waiting: HTTPResponder?
    let gone = Count()
    let flushed = Count()
    let server = HTTPServer(on: loop) { _, responder in
      waiting = responder
      responder.onClientGone = { gone.value += 1 }
      if isMidStream {
        responder.begin(status: 200, contentType: "text/plain")
        responder.write([UInt8](repeating: 1, count: 8_000_000)) { flushed.value += 1 }
      }
    }
    let address = try server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0))
    for round in 1...20 {
      waiting = nil
      try connect(to: address)
      client.consumes = false
      send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try loop.turn { waiting != nil })
      client.stream?.close()
      if !isMidStream {
        // Nobody reads the connection while the answer is awaited; writing finds out.
        waiting?.begin(status: 200, contentType: "text/plain")
        func goOn() { waiting?.write([1], then: goOn) }
        goOn()
      }
      #expect(try loop.turn { gone.value == round })
      #expect(waiting?.isOpen == false)
      waiting?.write([1]) { flushed.value += 1 }
      waiting?.end()
    }
    try loop.spin(5)
    #expect(gone.value == 20)
    #expect(flushed.value == 0)
  }

  @Test func `a server may be closed while responses are under way`() throws {
    var server: HTTPServer?
    let gone = Count()
    var waiting: [HTTPResponder] = []
    server = HTTPServer(on: loop) { request, responder in
      responder.onClientGone = { gone.value += 1 }
      waiting.append(responder)
      if request.path == "/stream" { responder.begin(status: 200, contentType: "text/plain") }
      if waiting.count == 3 {
        server?.close()
        server = nil
      }
    }
    let address = try #require(
      try server?.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    let ends = [End(), End(), End()]
    for (end, path) in zip(ends, ["/stream", "/wait", "/stream"]) {
      try connect(end, to: address)
      end.stream?.write(Array("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n".utf8).span)
    }
    #expect(try loop.turn { gone.value == 3 })
    #expect(try loop.turn { ends.allSatisfy { $0.ends.count == 1 } })
    #expect(waiting.allSatisfy { !$0.isOpen })
    waiting = []
  }

  @Test(
    arguments: [
      ("GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 10_000))\r\n\r\n", 431),
      ("POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n", 413),
      ("PATCH / HTTP/1.1\r\nHost: x\r\n\r\n", 501), ("GET / HTTP/9.9\r\n\r\n", 400),
      ("POST / HTTP/1.1\r\nExpect: miracles\r\nContent-Length: 1\r\n\r\n", 417),
      ("\u{0}\u{1}\u{2}\r\n\r\n", 400),
    ])
  func `what goes over the limits or isn't HTTP never reaches the handler`(
    request: String, status: Int
  ) throws {
    let count = Count()
    let server = HTTPServer(on: loop) { _, _ in count.value += 1 }
    try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    send(request)
    #expect(try loop.turn { !client.ends.isEmpty })
    #expect(client.ends == [.endOfFile] && received.hasPrefix("HTTP/1.1 \(status) "))
    #expect(server.counters.refused == 1 && count.value == 0)
    client.stream?.close()
    #expect(try loop.turn { server.connectionCount == 0 })
  }

  @Test(arguments: ["Content-Length: 4000000\r\n\r\n", "X: "])
  func `a client that goes on sending what is refused can read why`(head: String) throws {
    let server = HTTPServer(on: loop) { _, _ in }
    try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    send("POST / HTTP/1.1\r\n\(head)")
    // A reset would end the client's stream with an error.
    for _ in 0..<20 {
      send(String(repeating: "x", count: 200_000))
      #expect(try loop.turn { client.stream?.pendingOutput == 0 })
    }
    #expect(try loop.turn { client.ends == [.endOfFile] })
    #expect(received.hasPrefix(head == "X: " ? "HTTP/1.1 431 " : "HTTP/1.1 413 "))
    #expect(server.counters.refused == 1 && server.connectionCount == 1)
    // It doesn't close: in the end the server does.
    #expect(try loop.turn { server.connectionCount == 0 })
    #expect(server.counters.timedOut == 0)
  }

  @Test func `a client that does nothing is closed after the timeout`() throws {
    var limits = HTTPServer.Limits()
    limits.timeout = 30
    let server = HTTPServer(on: loop, limits: limits) { _, responder in
      responder.send(status: 200, contentType: "text/plain", body: "x")
    }
    let address = try server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0))
    try connect(to: address)
    #expect(try loop.turn { client.ends == [.endOfFile] })
    // Also after an answer.
    client.ends = []
    try connect(to: address)
    send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try loop.turn { client.ends == [.endOfFile] })
    #expect(body == "x")
    #expect(try loop.turn { server.connectionCount == 0 })
  }

  @Test func `a response may take longer than the timeout as long as it is read`() throws {
    var limits = HTTPServer.Limits()
    limits.timeout = 40
    var waiting: HTTPResponder?
    let parts = Count()
    let ticker = Timer(on: loop) {
      parts.value += 1
      waiting?.write([UInt8(ascii: "x")]) {}
      if parts.value == 20 { waiting?.end() }
    }
    let server = HTTPServer(on: loop, limits: limits) { _, responder in
      waiting = responder
      responder.begin(status: 200, contentType: "text/plain")
      ticker.schedule(every: 10)
    }
    try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try loop.turn { received.hasSuffix("0\r\n\r\n") })
  }

  @Test func `when all places are taken the one who has waited for longest gives way`() throws {
    var limits = HTTPServer.Limits()
    limits.connections = 2
    var waiting: [HTTPResponder] = []
    let server = HTTPServer(on: loop, limits: limits) { request, responder in
      if request.path == "/later" { return waiting.append(responder) }
      responder.send(status: 200, contentType: "text/plain", body: request.path)
    }
    let address = try server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0))
    // One whose answer takes its time, and one after the other that say nothing.
    let busy = End()
    try connect(busy, to: address)
    busy.stream?.write(Array("GET /later HTTP/1.1\r\nHost: x\r\n\r\n".utf8).span)
    #expect(try loop.turn { waiting.count == 1 })
    let silent = (0..<5).map { _ in End() }
    for (index, end) in silent.enumerated() {
      try connect(end, to: address)
      #expect(try loop.turn { server.counters.accepted == UInt64(index) + 2 })
    }
    #expect(try loop.turn { silent.dropLast().allSatisfy { $0.ends.count == 1 } })
    #expect(silent.last?.ends == [] && busy.ends == [])
    try connect(to: address)
    send("GET /answer HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(try loop.turn { body == "/answer" })
    waiting.first?.send(status: 200, contentType: "text/plain", body: "at last")
    #expect(try loop.turn { String(decoding: busy.octets, as: UTF8.self).hasSuffix("at last") })
    #expect(server.counters.displaced == 5)
    #expect(server.connectionCount == 2)
  }

  @Test func `who holds all places with unanswered requests gives way, too`() throws {
    var limits = HTTPServer.Limits()
    limits.connections = 2
    var waiting: [HTTPResponder] = []
    let gone = Count()
    let server = HTTPServer(on: loop, limits: limits) { request, responder in
      if request.path == "/answer" {
        return responder.send(status: 200, contentType: "text/plain", body: "x")
      }
      responder.onClientGone = { gone.value += 1 }
      waiting.append(responder)
      if request.path == "/begun" { responder.begin(status: 200, contentType: "text/plain") }
    }
    let address = try server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0))
    let ends = [End(), End()]
    for (end, path) in zip(ends, ["/later", "/begun"]) {
      try connect(end, to: address)
      end.stream?.write(Array("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n".utf8).span)
    }
    #expect(try loop.turn { waiting.count == 2 })
    for round in 1...2 {
      client.octets = []
      try connect(to: address)
      send("GET /answer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      #expect(try loop.turn { body == "x" })
      #expect(gone.value == 1)
      #expect(waiting.count { !$0.isOpen } == 1, "round \(round)")
    }
  }

  @Test func `a flood of connections is taken in turns`() throws {
    var limits = HTTPServer.Limits()
    limits.backlog = 512
    limits.connections = 8
    let server = HTTPServer(on: loop, limits: limits) { _, responder in
      responder.send(status: 200, contentType: "text/plain", body: "x")
    }
    let address = try server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0))
    let flood = try (0..<200).map { _ in try Stream(on: loop, connectingTo: address) }
    var last: UInt64 = 0
    for _ in 0..<100_000 where server.counters.accepted < 200 {
      try loop.runOnce(blocking: true)
      #expect(server.counters.accepted - last <= UInt64(HTTPServer.acceptsPerTick))
      #expect(server.connectionCount <= 8)
      last = server.counters.accepted
    }
    #expect(server.counters.accepted == 200)
    #expect(server.counters.displaced == 192)
    flood.forEach { $0.close() }
  }

  @Test(arguments: [
    // One octet after the other, each of them progress.
    ("GET / HTTP/1.1\r\nX-Slow: ", "x"),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", "x"),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
  ])
  func `a request that does not end in time is given up`(head: String, drop: String) throws {
    var limits = HTTPServer.Limits()
    limits.timeout = 300
    let count = Count()
    let server = HTTPServer(on: loop, limits: limits) { _, _ in count.value += 1 }
    try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    send(head)
    let ticker = Timer(on: loop) { [client] in client.stream?.write(Array(drop.utf8).span) }
    ticker.schedule(every: 20)
    #expect(try loop.turn { !client.ends.isEmpty })
    #expect(server.counters.timedOut == 1)
    #expect(server.connectionCount == 0)
    #expect(count.value == 0)
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
  ])
  func `what comes while an answer is awaited waits for its turn`(request: String) throws {
    var waiting: [HTTPResponder] = []
    let server = HTTPServer(on: loop) { _, responder in waiting.append(responder) }
    try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    for _ in 0..<3 { send(request) }
    #expect(try loop.turn { waiting.count == 1 })
    send(request)
    try loop.spin(20)
    #expect(waiting.count == 1)
    for number in 1...4 {
      #expect(try loop.turn { waiting.count == number })
      try loop.spin(5)
      waiting.last?.send(status: 200, contentType: "text/plain", body: "<\(number)>")
    }
    #expect(try loop.turn { received.hasSuffix("<4>") })
    #expect(server.counters.requests == 4)
    #expect(server.counters.accepted == 1)
  }

  @Test(arguments: [true, false])
  func `a client that waits for 100 Continue gets it, and the answer later`(isPressed: Bool) throws
  {
    var waiting: HTTPResponder?
    var requests: [HTTPRequest] = []
    let server = HTTPServer(on: loop) { request, responder in
      requests.append(request)
      waiting = responder
    }
    try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
    send("POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    #expect(try loop.turn { received.hasPrefix("HTTP/1.1 100 Continue\r\n\r\n") })
    send("hello" + (isPressed ? "GET /y HTTP/1.1\r\nHost: x\r\n\r\n" : ""))
    #expect(try loop.turn { waiting != nil })
    #expect(requests.first?.body == Array("hello".utf8))
    try loop.spin(20)
    waiting?.send(status: 200, contentType: "text/plain", body: "<x>")
    #expect(try loop.turn { received.hasSuffix("<x>") })
    if isPressed {
      #expect(try loop.turn { requests.count == 2 })
      waiting?.send(status: 200, contentType: "text/plain", body: "<y>")
      #expect(try loop.turn { received.hasSuffix("<y>") })
    }
  }

  @Test(arguments: [
    ("/path", nil), ("http://example.net/path", "example.net"),
    ("HTTPS://[2001:db8::1]:8053/path", "[2001:db8::1]:8053"),
    ("http://user@example.net:1/path", "example.net:1"), ("http:///path", ""),
  ])
  func `a whole URI tells its host`(target: String, authority: String?) throws {
    var requests: [HTTPRequest] = []
    let server = HTTPServer(on: loop) { request, responder in
      requests.append(request)
      responder.send(status: 200, contentType: "text/plain", body: "x")
    }
    let address = try server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0))
    try connect(to: address)
    send("GET \(target) HTTP/1.1\r\nHost: other\r\nX: 1\r\nx: 2\r\n\r\n")
    #expect(try loop.turn { body == "x" })
    let request = try #require(requests.first)
    #expect(request.authority == authority)
    #expect(request.path == "/path")
    #expect(
      request.headerCount("HOST") == 1 && request.headerCount("X") == 2
        && request.headerCount("origin") == 0)
    #expect(request.local == address)
  }

  @Test func `nothing leaks over many connections and servers`() throws {
    let before = openDescriptors()
    for round in 0..<200 {
      let server = HTTPServer(on: loop) { _, responder in
        responder.send(status: 200, contentType: "text/plain", body: "x")
      }
      client.octets = []
      try connect(to: server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0)))
      if round % 2 == 0 {
        send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try loop.turn { body == "x" })
      } else {
        #expect(try loop.turn { server.counters.accepted == 1 })
      }
      if round % 3 == 0 { server.close() }
    }
    client.stream = nil
    try loop.spin(10)
    #expect(try loop.turn { openDescriptors() < before + 100 })
  }

  @Test func `an address that is taken is an error`() throws {
    let server = HTTPServer(on: loop) { _, _ in }
    let address = try server.listen(on: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0))
    let error = #expect(throws: SystemError.self) { try server.listen(on: address) }
    #expect(error?.code == EADDRINUSE)
  }
}

/// A client of a Unix socket that says at once that it will say no more.
private struct HalfClosed: ~Copyable {
  private let descriptor: Int32

  init(_ path: String, sending text: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // SAFETY: the path is shorter than the room for it, and each call gets its own lengths.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe Glibc.connect(descriptor, $0, size)
      }
    }
    try #require(status == 0)
    #expect(unsafe Glibc.send(descriptor, text, text.utf8.count, 0) == text.utf8.count)
    shutdown(descriptor, Int32(SHUT_WR))
  }

  deinit { Glibc.close(descriptor) }

  /// All that comes until the other end closes.
  func received() -> String {
    var bytes = [UInt8](repeating: 0, count: 4_096)
    // SAFETY: the call gets the array's length.
    let count = unsafe recv(descriptor, &bytes, bytes.count, Int32(MSG_WAITALL))
    return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
  }
}
