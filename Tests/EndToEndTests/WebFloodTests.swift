import Foundation
import Randomness
import Testing

extension EndToEnd {
  @Suite("HTTP over TCP: slow, giant and malformed requests")
  struct WebFloodTests {
    let nsd: NSD
    let server: ServerProcess
    let web: WebClient

    init() throws {
      nsd = try NSD()
      let folder = try TemporaryFolder()
      server = try ServerProcess(
        upstreams: [nsd.endpoint], flags: ["--http", "127.0.0.1:0"] + folder.tokenFlags,
        folder: folder)
      web = try server.web()
      _ = try server.ask("www.example.net")
    }

    /// Descriptors that come and go beside HTTP: upstream sockets that are being replaced, a save.
    private static let others = 8

    private var head: String {
      "Host: \(web.endpoint)\r\nAuthorization: Bearer \(WebClient.usualToken)\r\n"
    }

    /// Whether a name is answered from the cache at once, and the page given.
    private func expectService(sourceLocation: SourceLocation = #_sourceLocation) throws {
      let stopwatch = Stopwatch(server)
      let reply = try server.ask("www.example.net")
      #expect(reply?.answers.count == 1, sourceLocation: sourceLocation)
      #expect(stopwatch.elapsed < .seconds(1), sourceLocation: sourceLocation)
      #expect(
        try web.request("GET", "/healthz")?.body == "ok\n", sourceLocation: sourceLocation)
      #expect(server.process.isRunning, "\(server.log)", sourceLocation: sourceLocation)
    }

    @Test func `hundreds of connections that trickle keep nobody out`() throws {
      let before = try server.settledDescriptorCount()
      var slow: [Socket] = []
      for round in 0..<300 {
        let socket = try Socket.connected(.stream, to: web.endpoint)
        socket.send(Array("GET / HTTP/1.1\r\nX-\(round): ".utf8))
        slow.append(socket)
        if round % 50 == 49 {
          for socket in slow { socket.send([UInt8(ascii: "x")]) }
          try expectService()
        }
      }
      #expect(try server.stat("http.connections") <= server.stat("http.limit"))
      #expect(try server.stat("http.limit_reached") > 200)
      // Those that are left trickle on, and go when their time is over.
      #expect(
        try eventually(within: .seconds(40), every: .milliseconds(200)) {
          for socket in slow { socket.send([UInt8(ascii: "x")]) }
          return try server.stat("http.connections") == 0
        })
      #expect(try server.stat("http.timed_out") > 50)
      #expect(eventually { server.descriptorCount <= before + Self.others })
      try expectService()
    }

    @Test func `a hundred megabytes cost a bounded buffer`() throws {
      let before = server.residentMemory
      let heads = [
        "POST /api/v1/cache/save HTTP/1.1\r\n\(head)Content-Length: 100000000\r\n\r\n",
        "POST /api/v1/cache/save HTTP/1.1\r\n\(head)Transfer-Encoding: chunked\r\n\r\n5f5e100\r\n",
        "POST /api/v1/cache/save HTTP/1.1\r\n\(head)Transfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\n\(head)X: ", "GET /", "",
      ]
      let piece = [UInt8](repeating: UInt8(ascii: "0"), count: 1 << 20)
      for head in heads {
        let socket = try Socket.connected(.stream, to: web.endpoint)
        socket.send(Array(head.utf8))
        socket.setSendTimeout(milliseconds: 50)
        for _ in 0..<100 where socket.send(piece) > 0 {}
        try expectService()
      }
      #expect(server.residentMemory < before + (4 << 20))
    }

    @Test func `many header fields, long lines and wrong lengths are refused`() throws {
      let long = String(repeating: "a", count: 20_000)
      let cases: [(text: String, statuses: Set<Int>)] = [
        (
          "GET / HTTP/1.1\r\n\(head)"
            + (0..<2_000).map { "X-\($0): 1\r\n" }.joined() + "\r\n", [431]
        ),
        ("GET /\(long) HTTP/1.1\r\n\(head)\r\n", [431]),
        ("GET / HTTP/1.1\r\n\(head)X: 1\r\n \(long)\r\n\r\n", [400, 431]),
        ("POST / HTTP/1.1\r\n\(head)Content-Length: 5000\r\n\r\n\(long)", [413]),
        ("POST / HTTP/1.1\r\n\(head)Content-Length: -1\r\n\r\n", [400]),
        ("POST / HTTP/1.1\r\n\(head)Content-Length: 99999999999999999999\r\n\r\n", [413]),
        ("POST / HTTP/1.1\r\n\(head)Transfer-Encoding: chunked\r\n\r\nzz\r\n", [400]),
        (
          "POST / HTTP/1.1\r\n\(head)Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
          [413]
        ),
        // What follows could be taken for a request of its own.
        (
          "POST /api/v1/cache/save HTTP/1.1\r\n\(head)Content-Type: application/json\r\n"
            + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", [400]
        ),
        (
          "POST /api/v1/cache/save HTTP/1.1\r\n\(head)Content-Type: application/json\r\n"
            + "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello", [400]
        ),
        (
          "POST /api/v1/cache/save HTTP/1.1\r\n\(head)Content-Type: application/json\r\n"
            + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]
        ),
        ("POST / HTTP/1.1\r\n\(head)Expect: miracles\r\nContent-Length: 5\r\n\r\n", [417]),
        ("GET  HTTP/1.1\r\n\(head)\r\n", [400]), ("GET / HTTP/3.0\r\n\(head)\r\n", [400]),
        ("CONNECT example.net:443 HTTP/1.1\r\n\(head)\r\n", [501]),
        ("TRACE / HTTP/1.1\r\n\(head)\r\n", [501]), ("BREW / HTTP/1.1\r\n\(head)\r\n", [501]),
        ("\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\r\n\r\n", [400]),
      ]
      for (text, statuses) in cases {
        let response = WebClient.Response(try web.exchange(text))
        // A reset may overtake the answer when more was sent than is read.
        if let response {
          #expect(statuses.contains(response.status), "\(text.prefix(200)): \(response.status)")
        }
        try expectService()
      }
      #expect(try server.stat("http.refused_form") >= 12)
    }

    @Test func `a client that never reads its answers is closed`() throws {
      let queries = server.folder.file("queries")
      try Dnsperf.writeQueries(20_000, zone: "wild.example.net", to: queries)
      _ = try Dnsperf.run(server.endpoint, queries: queries)
      let before = server.residentMemory
      let sockets = try (0..<80).map { _ in
        let socket = try Socket.connected(.stream, to: web.endpoint)
        socket.send(Array("GET /api/v1/cache/dump HTTP/1.1\r\n\(head)\r\n".utf8))
        return socket
      }
      try expectService()
      #expect(server.residentMemory < before + (32 << 20))
      #expect(
        try eventually(within: .seconds(50), every: .milliseconds(200)) {
          try server.stat("http.connections") == 0
        })
      try expectService()
      withExtendedLifetime(sockets) {}
    }

    /// Requests of all kinds, cut, doubled, changed and sent in pieces; each seed is repeatable.
    @Test(arguments: [1, 2, 3])
    func `whatever is sent, the server goes on`(seed: UInt64) throws {
      var random = SplitMix64(seed: seed)
      let before = try server.settledDescriptorCount()
      let seeds = [
        "GET / HTTP/1.1\r\n\(head)\r\n", "GET /healthz HTTP/1.0\r\n\r\n",
        "GET http://localhost/api/v1/stats HTTP/1.1\r\n\(head)\r\n",
        "GET /api/v1/cache/dump HTTP/1.1\r\n\(head)\r\n",
        "POST /api/v1/cache/flush?negative=1 HTTP/1.1\r\n\(head)Content-Type: application/json\r\n"
          + "Content-Length: 2\r\n\r\n{}",
        "POST /api/v1/cache/flush?name=net&tree=1 HTTP/1.1\r\n\(head)X-Requested-With: x\r\n"
          + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: 1\r\n\r\n",
        "POST /api/v1/cache/save HTTP/1.1\r\n\(head)X-Requested-With: x\r\nExpect: 100-continue\r\n"
          + "Content-Length: 4\r\n\r\nabcd",
        "HEAD / HTTP/1.1\r\n\(head)\r\n", "OPTIONS * HTTP/1.1\r\n\(head)\r\n",
        "GET http://[::1]:80@/ HTTP/1.1\r\n\(head)\r\n", "GET //a:b@[%]/ HTTP/1.1\r\n\r\n",
      ].map { Array($0.utf8) }
      for round in 0..<400 {
        var octets: [UInt8] = []
        for _ in 0...Int.random(in: 0...3, using: &random) {
          var request = seeds.randomElement(using: &random) ?? []
          for _ in 0..<[0, 0, 1, 3, 20][Int.random(in: 0..<5, using: &random)] {
            guard !request.isEmpty else { break }
            let place = Int.random(in: 0..<request.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: request[place] = .random(in: 0...255, using: &random)
            case 1: request.remove(at: place)
            case 2: request.insert(contentsOf: "\r\n".utf8, at: place)
            case 3: request.insert(contentsOf: request[place...].prefix(9), at: place)
            default: request.removeSubrange(place...)
            }
          }
          octets += request
        }
        let socket = try Socket.connected(.stream, to: web.endpoint)
        var rest = octets[...]
        while !rest.isEmpty {
          let piece = rest.prefix(Int.random(in: 1...200, using: &random))
          socket.send(Array(piece))
          rest = rest.dropFirst(piece.count)
          if Int.random(in: 0..<4, using: &random) == 0 {
            _ = socket.isReadable(before: Deadline(after: .milliseconds(1)))
          }
        }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: shutdown(socket.descriptor, Int32(SHUT_WR))
        case 1: try socket.set(SOL_SOCKET, SO_RCVBUF, 1)
        case 2:
          if socket.isReadable(before: Deadline(after: .milliseconds(5))) {
            _ = try? socket.receive()
          }
        default: break
        }
        if round % 40 == 0 { try expectService() }
      }
      try expectService()
      #expect(eventually { server.descriptorCount <= before + Self.others })
    }
  }
}
