import Foundation
import Testing

extension EndToEnd {
  @Suite("TCP (RFC 7766)")
  struct StreamsTests {
    /// Longest time that the server keeps a connection on which nothing whole arrives.
    static let idleLimit = Duration.seconds(40)
    /// Connections of which the server refuses or closes some.
    static let tooManyConnections = 1_500

    let upstream: ScriptedUpstream
    let server: ServerProcess

    /// The upstream is slow about `slow.example.net`, and has a large RRset at `big.example.net`.
    init() throws {
      upstream = try ScriptedUpstream { query in
        let message = query.message
        let name = message.question?.name ?? ""
        switch query.name {
        case "slow.example.net":
          let reply = DNSMessage.reply(to: message, answers: [.a(name, "192.0.2.2")])
          return [.replyAfter(milliseconds: 400, reply)]
        case "big.example.net":
          var reply = DNSMessage.reply(
            to: message, answers: (0..<1_000).map { .a(name, "10.0.\($0 >> 8).\($0 & 0xff)") })
          if query.transport == .udp {
            reply.answers = []
            reply.flags |= DNSMessage.Flag.truncated
          }
          return [.reply(reply)]
        default:
          return [.reply(.reply(to: message, answers: [.a(name, "192.0.2.1")]))]
        }
      }
      server = try ServerProcess(upstreams: [upstream.endpoint])
    }

    @Test func `many questions sent at once are all answered`() throws {
      let stream = try StreamClient(server.endpoint)
      let questions = (0..<50).map { DNSMessage.query(DNSName("n\($0 % 25).example.net")) }
      stream.socket.send(questions.flatMap { StreamClient.framed($0.encoded()) })
      var open = Dictionary(
        uniqueKeysWithValues: questions.enumerated().map { ($0.offset, $0.element) })
      while !open.isEmpty, let bytes = stream.receive() {
        let reply = try DNSMessage(parsing: bytes)
        let match = try #require(
          open.first { $0.value.id == reply.id && $0.value.questions == reply.questions })
        #expect(reply.answers.count == 1)
        open[match.key] = nil
      }
      #expect(open.isEmpty, "\(open.count) questions were not answered")
    }

    @Test func `a quick answer does not wait behind a slow one`() throws {
      _ = try server.ask("quick.example.net")
      let stream = try StreamClient(server.endpoint)
      let slow = DNSMessage.query("slow.example.net")
      let quick = DNSMessage.query("quick.example.net")
      // At once, for the slow one doesn't wait until a busy machine sends the other.
      stream.socket.send([slow, quick].flatMap { StreamClient.framed($0.encoded()) })
      let first = try DNSMessage(parsing: try #require(stream.receive()))
      let second = try DNSMessage(parsing: try #require(stream.receive()))
      #expect(first.id == quick.id)
      #expect(second.id == slow.id)
      #expect(second.answers.count == 1)
    }

    @Test func `a message in pieces is put together`() throws {
      let stream = try StreamClient(server.endpoint)
      try stream.socket.set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
      let question = DNSMessage.query("www.example.net")
      for octet in StreamClient.framed(question.encoded()) {
        stream.socket.send([octet])
        usleep(1_000)
      }
      #expect(try DNSMessage(parsing: try #require(stream.receive())).id == question.id)
      // The connection goes on.
      #expect(try stream.ask(.query("www.example.net"))?.answers.count == 1)
    }

    @Test func `a client that has said all gets what it asked for`() throws {
      let stream = try StreamClient(server.endpoint)
      stream.send(.query("slow.example.net"))
      shutdown(stream.socket.descriptor, Int32(SHUT_WR))
      let reply = try DNSMessage(parsing: try #require(stream.receive()))
      #expect(reply.answers.count == 1)
      #expect(stream.isClosedByServer(within: Self.idleLimit))
    }

    @Test func `a connection cut in the middle of a message costs nothing`() throws {
      _ = try server.ask("www.example.net")
      let before = try server.settledDescriptorCount()
      for length in [0, 1, 2, 3, 20] {
        let stream = try StreamClient(server.endpoint)
        let question = StreamClient.framed(DNSMessage.query("www.example.net").encoded())
        stream.socket.send(Array(question.prefix(length)))
        stream.socket.close()
      }
      // Gone before its answer is there.
      let stream = try StreamClient(server.endpoint)
      stream.send(.query("slow.example.net"))
      stream.socket.close()
      #expect(try server.ask("slow.example.net")?.answers.count == 1)
      #expect(eventually { server.descriptorCount <= before })
    }

    @Test func `idle, trickling and never reading connections are closed in the end`() throws {
      let idle = try StreamClient(server.endpoint)
      let used = try StreamClient(server.endpoint)
      #expect(try used.ask(.query("www.example.net"))?.answers.count == 1)
      let trickling = try StreamClient(server.endpoint)
      // Replies of 16 KiB each, none of them read.
      let deaf = try StreamClient(server.endpoint)
      try deaf.socket.set(SOL_SOCKET, SO_RCVBUF, 4_096)
      _ = fcntl(deaf.socket.descriptor, F_SETFL, O_NONBLOCK)
      let question = StreamClient.framed(DNSMessage.query("big.example.net").encoded())
      for _ in 0..<2_000 { deaf.socket.send(question) }

      // An octet now and then is no sign of life: the message must be whole in time.
      let deadline = Deadline(after: Self.idleLimit)
      var slowestHit = Duration.zero
      while !trickling.isAtEnd, !deadline.hasPassed {
        trickling.socket.send([0])
        let hit = Stopwatch(server)
        #expect(try server.ask("www.example.net")?.answers.count == 1)
        slowestHit = max(slowestHit, hit.elapsed)
        _ = trickling.isClosedByServer(within: .milliseconds(500))
      }
      #expect(trickling.isAtEnd)
      #expect(idle.isClosedByServer(within: Self.idleLimit))
      #expect(used.isClosedByServer(within: Self.idleLimit))
      #expect(slowestHit < .seconds(1))
      // Whoever doesn't read is found by its connection, which is gone from the server's table.
      let port = deaf.socket.localEndpoint.port
      #expect(
        eventually(within: Self.idleLimit, every: .milliseconds(250)) {
          !isConnected(clientPort: port)
        })
      #expect(server.residentMemory < 200 << 20)
    }

    /// Opens connections that ask for large answers that have to wait, each so many at once, and read
    /// none.
    private func deafClients(
      _ count: Int, asking questions: Int, names: Int
    ) throws -> (
      upstream: ScriptedUpstream, server: ServerProcess, clients: [StreamClient],
      stopwatch: Stopwatch
    ) {
      // Some 60,000 octets each, a second later.
      let text = [UInt8](repeating: 0x78, count: 254)
      let upstream = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        var reply = DNSMessage.reply(
          to: query.message,
          answers: (0..<225).map { .txt(name, [UInt8($0)] + text) })
        if query.transport == .udp {
          reply.answers = []
          reply.flags |= DNSMessage.Flag.truncated
          return [.reply(reply)]
        }
        return [.replyAfter(milliseconds: 1_000, reply)]
      }
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--cache-size", "64MiB"])
      let stopwatch = Stopwatch(server)
      let clients = try (0..<count).map { index in
        let client = try StreamClient(server.endpoint)
        try client.socket.set(SOL_SOCKET, SO_RCVBUF, 4_096)
        let question = DNSMessage.query(DNSName("big\(index % names).example.net"), RecordType.txt)
        for _ in 0..<questions { client.socket.send(StreamClient.framed(question.encoded())) }
        return client
      }
      return (upstream, server, clients, stopwatch)
    }

    /// Whether their questions were answered.
    ///
    /// Each has two seconds over TCP, of which upstream takes one: where the machine took the other, they tell nothing.
    private func areAnswered(_ server: ServerProcess, _ stopwatch: Stopwatch) throws -> Bool {
      let isAnswered = try server.stat("upstream.failed") == 0
      #expect(isAnswered || stopwatch.lost > .milliseconds(300))
      return isAnswered
    }

    @Test func `a client that leaves two mebibytes of answers unread is closed`() throws {
      let (upstream, server, clients, stopwatch) = try deafClients(20, asking: 90, names: 4)
      #expect(
        try eventually(within: .seconds(40), every: .milliseconds(100)) {
          let figures = try server.stats("tcp.unread_limit_reached", "upstream.failed")
          return figures[0] == 20 || figures[1] > 0
        })
      guard try areAnswered(server, stopwatch) else { return }
      #expect(clients.allSatisfy { $0.isClosedByServer(within: .seconds(20)) })
      // 20 times 90 answers of 60,000 octets are 108 MB; 20 times 2 MiB are within what all may hold.
      #expect(server.peakResidentMemory < 160 << 20, "\(server.peakResidentMemory >> 20) MiB")
      let client = try StreamClient(server.endpoint)
      let reply = try client.ask(.query("big9.example.net", RecordType.txt))
      guard try areAnswered(server, stopwatch) else { return }
      #expect(reply?.answers.count == 225)
      upstream.stop()
    }

    @Test func `all clients together leave so much unread at most, and who reads is served`() throws
    {
      // Fifteen answers a client are less than each may leave unread; 200 of them are 180 MB.
      let (upstream, server, clients, stopwatch) = try deafClients(200, asking: 15, names: 4)
      #expect(
        try eventually(within: .seconds(40), every: .milliseconds(100)) {
          let figures = try server.stats(
            "tcp.buffer_limit_reached", "inflight.waiting", "upstream.failed")
          return figures[0] > 0 && figures[1] == 0 || figures[2] > 0
        })
      guard try areAnswered(server, stopwatch) else { return }
      #expect(try server.stat("tcp.buffer_bytes") <= server.stat("tcp.buffer_limit_bytes"))
      #expect(try server.stat("tcp.unread_limit_reached") == 0)
      #expect(server.peakResidentMemory < 200 << 20, "\(server.peakResidentMemory >> 20) MiB")
      let client = try StreamClient(server.endpoint)
      let reply = try client.ask(.query("big0.example.net", RecordType.txt))
      guard try areAnswered(server, stopwatch) else { return }
      #expect(reply?.answers.count == 225)
      #expect(clients.contains { !$0.isAtEnd })
      upstream.stop()
    }

    /// Whether the server's end of a connection is established, by the system's table.
    private func isConnected(clientPort: UInt16) -> Bool {
      let local = String(format: "0100007F:%04X", server.endpoint.port)
      let remote = String(format: "0100007F:%04X", clientPort)
      return Tool.text(of: "/proc/net/tcp").split(separator: "\n").contains { line in
        let fields = line.split(separator: " ")
        return fields.count > 3 && fields[1] == local && fields[2] == remote && fields[3] == "01"
      }
    }

    @Test func `the number of connections has a limit, and UDP goes on above it`() throws {
      _ = try server.ask("www.example.net")
      let before = try server.settledDescriptorCount()
      var streams: [StreamClient] = []
      for _ in 0..<Self.tooManyConnections {
        // Refused or accepted and closed at once: both are a limit.
        if let stream = try? StreamClient(server.endpoint) { streams.append(stream) }
      }
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      #expect(eventually { server.descriptorCount - before < Self.tooManyConnections - 100 })
      // Among them are some that work.
      #expect(
        streams.contains {
          (try? $0.ask(.query("www.example.net"), within: .seconds(5)))??.answers.count == 1
        })
      streams.removeAll()
      // And all that were taken are free again.
      #expect(eventually { server.descriptorCount <= before + 4 })
      let stream = try StreamClient(server.endpoint)
      #expect(try stream.ask(.query("www.example.net"))?.answers.count == 1)
    }
  }
}
