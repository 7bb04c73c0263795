import Foundation
import Synchronization
import Testing

extension EndToEnd {
  @Suite("TCP to upstreams (RFC 7766)")
  struct UpstreamStreamsTests {
    /// What the server keeps open at most for one upstream.
    static let connectionLimit = 8
    /// All questions share a connection.
    static let oneConnection = ["--resolver-tcp-connections", "1"]

    /// An upstream that truncates all over UDP, and over TCP does as told.
    private func upstream(
      _ script:
        @escaping @Sendable (ScriptedUpstream.Query, DNSMessage) -> [ScriptedUpstream.Action]
    ) throws -> ScriptedUpstream {
      try ScriptedUpstream { query in
        var reply = DNSMessage.reply(
          to: query.message, answers: [.a(query.message.question?.name ?? "", "192.0.2.1")])
        guard query.transport == .udp else { return script(query, reply) }
        reply.answers = []
        reply.flags |= DNSMessage.Flag.truncated
        return [.reply(reply)]
      }
    }

    private func streamQueries(_ upstream: ScriptedUpstream) -> [ScriptedUpstream.Query] {
      upstream.queries.filter { $0.transport == .tcp }
    }

    /// Whether no connection was silent for a second.
    ///
    /// It may have been because this upstream's thread did not get to run; what is under way on it is asked on another
    /// then, too.
    private func isPrompt(_ server: ServerProcess, _ stopwatch: Stopwatch) throws -> Bool {
      let isPrompt = try server.stat("upstream.tcp_silent") == 0
      #expect(isPrompt || stopwatch.lost > .milliseconds(300))
      return isPrompt
    }

    /// Asks for names that nobody asked for before, all at once, and tells whether all were answered.
    ///
    /// A question has two seconds over TCP: where the machine took a part of them, SERVFAIL tells nothing.
    private func areAnswered(
      _ server: ServerProcess, _ count: Int, prefix: String = "name",
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Bool {
      let client = try Client(server.endpoint)
      server.whileStopped {
        for index in 0..<count { client.send(.query(DNSName("\(prefix)\(index).example.net"))) }
      }
      let stopwatch = Stopwatch(server)
      var codes: [UInt16: Int] = [:]
      while codes.values.reduce(0, +) < count, let bytes = try client.receive() {
        codes[try DNSMessage(parsing: bytes).code, default: 0] += 1
      }
      let failed = stopwatch.lost > .milliseconds(300) ? codes[2] ?? 0 : 0
      #expect((codes[0] ?? 0) + failed == count, "\(codes)", sourceLocation: sourceLocation)
      return codes == [0: count]
    }

    @Test func `one connection serves one question after the other, and closes when idle`() throws {
      let upstream = try upstream { _, reply in [.reply(reply)] }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let stopwatch = Stopwatch(server)
      for index in 0..<20 {
        #expect(try server.ask(DNSName("name\(index).example.net"))?.answers.count == 1)
      }
      guard try isPrompt(server, stopwatch) else { return }
      #expect(streamQueries(upstream).map(\.connection) == Array(repeating: 1, count: 20))
      #expect(try server.stat("upstream.tcp_connected") == 1)
      #expect(try server.stat("upstream.tcp_reused") == 19)
      let rows = try #require(try server.ctlJSON("upstreams") as? [[String: Any]])
      #expect(rows[0]["tcp"] as? Int == 20 && rows[0]["tcp_connections"] as? Int == 1)
      // No ID comes twice.
      #expect(Set(streamQueries(upstream).map(\.message.id)).count == 20)
      #expect(
        try eventually(within: .seconds(40), every: .milliseconds(250)) {
          try server.stat("upstream.tcp_connections") == 0
        })
    }

    @Test func `a connection takes so many questions and no more`() throws {
      let upstream = try upstream { _, reply in [.reply(reply)] }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let stopwatch = Stopwatch(server)
      for index in 0..<205 {
        #expect(try server.ask(DNSName("name\(index).example.net"))?.answers.count == 1)
      }
      guard try isPrompt(server, stopwatch) else { return }
      let perConnection = Dictionary(grouping: streamQueries(upstream)) { $0.connection }
      #expect(perConnection.mapValues(\.count) == [1: 200, 2: 5])
    }

    @Test func `many questions are under way at once on few connections`() throws {
      let upstream = try upstream { _, reply in [.replyAfter(milliseconds: 300, reply)] }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let stopwatch = Stopwatch(server)
      guard try areAnswered(server, 200) else { return }
      // Each was asked once: 200 of them at 300 ms each on eight connections, one after the other, would take 7.5 s.
      let queries = streamQueries(upstream)
      #expect(try queries.count == 200 || !isPrompt(server, stopwatch))
      let connections = Set(queries.map(\.connection))
      #expect(connections.count <= Self.connectionLimit)
      for connection in connections {
        let ids = queries.filter { $0.connection == connection }.map(\.message.id)
        #expect(Set(ids).count == ids.count)
      }
    }

    @Test
    func `no question is behind another at an upstream that answers each connection in order`()
      throws
    {
      // Each question takes 300 ms, and is begun when the one before it on the connection is done.
      let ends = Mutex<[Int: ContinuousClock.Instant]>([:])
      let upstream = try upstream { query, reply in
        let now = ContinuousClock.now
        let end = ends.withLock { ends in
          let end = max(now, ends[query.connection ?? 0] ?? now) + .milliseconds(300)
          ends[query.connection ?? 0] = end
          return end
        }
        return [.replyAfter(milliseconds: Int((end - now) / .milliseconds(1)), reply)]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let stopwatch = Stopwatch(server)
      guard try areAnswered(server, Self.connectionLimit) else { return }
      let connections = streamQueries(upstream).map(\.connection)
      guard try isPrompt(server, stopwatch) else { return }
      #expect(connections.count == Self.connectionLimit)
      #expect(Set(connections).count == Self.connectionLimit)
      #expect(try server.stat("upstream.tcp_shared") == 0)
      // Twice as many: two on each, and none is asked a second time.
      guard try areAnswered(server, 16, prefix: "more"), try isPrompt(server, stopwatch) else {
        return
      }
      #expect(streamQueries(upstream).count == Self.connectionLimit + 16)
      #expect(try server.stat("upstream.tcp_shared") == 8)
      #expect(try server.stat("upstream.tcp_connected") == Self.connectionLimit)
    }

    @Test func `replies in any order find their questions`() throws {
      // When all have come, the last is answered first, each with an address of its own.
      let open = Mutex<[ScriptedUpstream.Action]>([])
      let upstream = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        let host = Int(query.name.description.filter(\.isNumber)) ?? 0
        var reply = DNSMessage.reply(to: query.message, answers: [.a(name, "192.0.2.\(host)")])
        guard query.transport == .udp else {
          return open.withLock { open in
            open.append(.reply(reply))
            return open.count == 10 ? open.reversed() : []
          }
        }
        reply.answers = []
        reply.flags |= DNSMessage.Flag.truncated
        return [.reply(reply)]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint], flags: Self.oneConnection)
      let stopwatch = Stopwatch(server)
      let client = try Client(server.endpoint)
      server.whileStopped {
        for host in 0..<10 { client.send(.query(DNSName("name\(host).example.net"))) }
      }
      var replies: [DNSMessage] = []
      while replies.count < 10, let bytes = try client.receive() {
        replies.append(try DNSMessage(parsing: bytes))
      }
      #expect(replies.count == 10)
      guard try isPrompt(server, stopwatch) else { return }
      let order = try replies.map { reply in
        let host = try #require(
          Int(reply.question?.name.lowercased.description.filter(\.isNumber) ?? ""))
        #expect(reply.answers == [.a(reply.question?.name ?? "", "192.0.2.\(host)")])
        return host
      }
      let asked = streamQueries(upstream).map { Int($0.name.description.filter(\.isNumber)) }
      #expect(order == asked.reversed())
      #expect(Set(streamQueries(upstream).map(\.connection)) == [1])
    }

    @Test func `an upstream that closes after each reply answers all`() throws {
      let upstream = try upstream { _, reply in [.reply(reply), .close] }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      for index in 0..<10 {
        #expect(try server.ask(DNSName("single\(index).example.net"))?.answers.count == 1)
      }
      _ = try areAnswered(server, 60)
      #expect(try server.stat("upstream.unreachable") == 0)
    }

    @Test func `questions left over when a connection closes are asked once more`() throws {
      // The first connection takes five and answers none of them.
      let taken = Mutex(0)
      let upstream = try upstream { query, reply in
        guard query.connection == 1 else { return [.reply(reply)] }
        let isLast = taken.withLock { taken in
          taken += 1
          return taken == 5
        }
        return isLast ? [.close] : []
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint], flags: Self.oneConnection)
      let stopwatch = Stopwatch(server)
      guard try areAnswered(server, 5), try isPrompt(server, stopwatch) else { return }
      let queries = streamQueries(upstream)
      #expect(queries.filter { $0.connection == 1 }.count == 5)
      #expect(queries.filter { $0.connection == 2 }.count == 5)
      #expect(try server.stat("upstream.tcp_repeated") == 5)
      #expect(try server.stat("upstream.unreachable") == 0)
    }

    @Test func `an upstream that only closes connections has failed after the second`() throws {
      let upstream = try upstream { _, _ in [.close] }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let watch = Stopwatch(server)
      #expect(try server.ask("www.example.net")?.code == 2)
      #expect(watch.elapsed < .seconds(4))
      let attempts = Dictionary(grouping: streamQueries(upstream)) { $0.connection }
      #expect(attempts.mapValues(\.count) == [1: 1, 2: 1])
    }

    @Test func `half a reply is none, and a reply in pieces is one`() throws {
      let upstream = try upstream { query, reply in
        let octets = StreamClient.framed(reply.encoded())
        let middle = octets.count / 2
        if query.name == "pieces.example.net" {
          return [.raw(Array(octets[..<1]))]
            + [.rawAfter(milliseconds: 50, Array(octets[1..<middle]))]
            + [.rawAfter(milliseconds: 100, Array(octets[middle...]))]
        }
        if query.connection == 2 { return [.raw(Array(octets[..<middle])), .close] }
        return query.name == "close.example.net" ? [.reply(reply), .close] : [.reply(reply)]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let stopwatch = Stopwatch(server)
      #expect(try server.ask("pieces.example.net")?.answers.count == 1)
      #expect(try server.ask("close.example.net")?.answers.count == 1)
      #expect(try server.ask("half.example.net")?.answers.count == 1)
      guard try isPrompt(server, stopwatch) else { return }
      #expect(streamQueries(upstream).map(\.connection) == [1, 1, 2, 3])
    }

    @Test func `a reply that trickles holds up others for a second at most`() throws {
      // What is behind the trickling reply on its connection has to wait: octets of two replies can't mix.
      let upstream = try upstream { query, reply in
        guard query.name == "trickle.example.net" else {
          return query.connection == 1 ? [] : [.reply(reply)]
        }
        let octets = StreamClient.framed(reply.encoded())
        return octets.enumerated().map { .rawAfter(milliseconds: 300 * $0.offset, [$0.element]) }
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint], flags: Self.oneConnection)
      let stopwatch = Stopwatch(server)
      let trickling = try Client(server.endpoint)
      trickling.send(.query("trickle.example.net"))
      #expect(eventually { streamQueries(upstream).count == 1 })
      let client = try Client(server.endpoint)
      for index in 0..<5 { client.send(.query(DNSName("name\(index).example.net"))) }
      var answered = 0
      for _ in 0..<5 {
        answered += try DNSMessage(parsing: try #require(try client.receive())).answers.count
      }
      #expect(try DNSMessage(parsing: try #require(try trickling.receive())).code == 2)
      // After two seconds over TCP they would have failed, of which the first is over.
      guard answered == 5 else {
        #expect(stopwatch.lost > .milliseconds(300))
        return
      }
      let queries = streamQueries(upstream)
      #expect(Set(queries.map(\.connection)) == [1, 2])
      let held = queries.filter { $0.connection == 1 && $0.name != "trickle.example.net" }
      #expect(held.count == 5)
      #expect(try server.stat("upstream.tcp_repeated") == held.count)
      // Both by its silence and by the end of the question that it owed: one connection.
      #expect(try server.stat("upstream.tcp_silent") == 1)
    }

    @Test func `messages that answer nothing are not believed, and end the connection`() throws {
      let upstream = try upstream { query, reply in
        guard query.connection == 1 else { return [.reply(reply)] }
        var forged = reply
        forged.answers = [.a(reply.question?.name ?? "", "203.0.113.66")]
        return (1...20).map { offset in
          forged.id = reply.id &+ UInt16(offset)
          return .reply(forged)
        }
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let reply = try #require(try server.ask("www.example.net"))
      #expect(reply.answers == [.a("www.example.net", "192.0.2.1")])
      #expect(try server.stat("upstream.tcp_unexpected") == 16)
    }

    @Test func `a datagram of more than was offered counts as truncated`() throws {
      let upstream = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        return [
          .reply(
            .reply(
              to: query.message, answers: (0..<200).map { .a(name, "192.0.2.\($0)") }))
        ]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let stopwatch = Stopwatch(server)
      let client = try StreamClient(server.endpoint)
      #expect(try client.ask(.query("www.example.net"))?.answers.count == 200)
      #expect(try streamQueries(upstream).count == 1 || !isPrompt(server, stopwatch))
      #expect(try server.stat("upstream.oversized") >= 1)
    }

    @Test func `a question beyond the connections' room waits for some, and fails nobody`() throws {
      // Eight connections with 64 questions each are 512 at a time.
      let upstream = try upstream { _, reply in [.replyAfter(milliseconds: 400, reply)] }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let stopwatch = Stopwatch(server)
      // No socket of these has more replies at once than the kernel has room for.
      let clients = try (0..<7).map { _ in try Client(server.endpoint) }
      for index in 0..<700 {
        clients[index % 7].send(.query(DNSName("name\(index).example.net")))
        if index % 50 == 49 { usleep(5_000) }
      }
      var codes: [UInt16: Int] = [:]
      for index in 0..<700 {
        let bytes = try #require(try clients[index % 7].receive())
        codes[try DNSMessage(parsing: bytes).code, default: 0] += 1
      }
      guard codes == [0: 700] else {
        #expect((codes[0] ?? 0) + (codes[2] ?? 0) == 700, "\(codes)")
        #expect(stopwatch.lost > .milliseconds(300), "\(codes)")
        return
      }
      #expect(try server.stat("upstream.tcp_limit_reached") > 0)
      #expect(try server.stat("upstream.tcp_connected") <= 2 * Self.connectionLimit)
      #expect(try server.stat("upstream.unreachable") == 0)
    }
  }
}
