import Foundation
import Testing

extension EndToEnd {
  @Suite("TCP clients that ask without end, or never read, and those beside them")
  struct StreamFairnessTests {
    private let upstream: ScriptedUpstream

    /// An answer of 15 KiB for `big`, a small one else.
    init() throws {
      let text = [UInt8](repeating: 0x78, count: 254)
      upstream = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        guard query.name.description.hasPrefix("big") else {
          return [.reply(.reply(to: query.message, answers: [.a(name, "192.0.2.1")]))]
        }
        var reply = DNSMessage.reply(
          to: query.message, answers: (0..<57).map { .txt(name, [UInt8($0)] + text) })
        if query.transport == .udp {
          reply.answers = []
          reply.flags |= DNSMessage.Flag.truncated
        }
        return [.reply(reply)]
      }
    }

    /// The server is stopped while all ask, so that it finds all of it at once; who is answered when,
    /// the log of queries tells.
    @Test func `a query over UDP does not wait for all that came over TCP`() throws {
      let server = try ServerProcess(
        upstreams: [upstream.endpoint],
        flags: ["--log-queries", "--tcp-connections-per-client", "1024"])
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      #expect(try server.ask("datagram.example.net")?.answers.count == 1)
      let connections = 40
      let queries = 40
      let clients = try (0..<connections).map { _ in try StreamClient(server.endpoint) }
      #expect(try eventually { try server.stat("tcp.connections") == connections })
      let datagrams = try Client(server.endpoint)
      let burst = (0..<queries).flatMap { _ in
        StreamClient.framed(DNSMessage.query("www.example.net").encoded())
      }
      let wasStopped = server.whileStopped {
        for client in clients { client.socket.send(burst) }
        datagrams.send(.query("datagram.example.net"))
      }
      guard wasStopped else { return }
      for client in clients {
        for _ in 0..<queries { #expect(client.receive() != nil) }
      }
      #expect(eventually { server.logLines(containing: "proto=").count > connections * queries })
      let lines = server.logLines(containing: "proto=")
      // The first was to have the answer known. There are 1,600 over TCP.
      let places = lines.indices.filter { lines[$0].contains("name=datagram") }
      #expect(places.count == 2 && places.last ?? .max < 300, "\(places)")
      #expect(try server.stat("tcp.most_messages_in_a_turn") <= 135)
      #expect(try server.stat("tcp.turn_limit_reached") >= 8)
    }

    /// Upstream's replies all come while the server is stopped: the one that the test asks for itself is the last.
    @Test func `a tick takes in a bounded number of replies over TCP`() throws {
      let slow = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        let reply = DNSMessage.reply(to: query.message, answers: [.a(name, "192.0.2.1")])
        return [.replyAfter(milliseconds: 200, reply)]
      }
      let server = try ServerProcess(
        upstreams: [], flags: ["--upstream", "tcp://\(slow.endpoint)"])
      let stopwatch = Stopwatch()
      let questions = 200
      let client = try Client(server.endpoint)
      for index in 0..<questions { client.send(.query(DNSName("n\(index).example.net"))) }
      #expect(eventually { slow.queries.count >= questions })
      let wasStopped = try server.whileStopped {
        let last = try Client.ask(
          slow.endpoint, .query("last.example.net"), within: .seconds(10))
        #expect(last?.answers.count == 1)
      }
      guard wasStopped else { return }
      for _ in 0..<questions { #expect(try client.receive(within: .seconds(10)) != nil) }
      #expect(try server.stat("tcp.turn_limit_reached") >= 1)
      #expect(try server.stat("tcp.most_messages_in_a_turn") <= 135)
      // Some are asked on a second connection, too, when the first was silent for a second.
      #expect(slow.queries.count == questions + 1 || stopwatch.lost > .milliseconds(300))
    }

    @Test func `a tick answers a bounded number of HTTP requests`() throws {
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--http", "127.0.0.1:0"])
      let web = try server.web()
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      let count = 40
      let clients = try (0..<count).map { _ in try Socket.connected(.stream, to: web.endpoint) }
      #expect(try eventually { try server.stat("http.connections") == count })
      let request = Array("GET /healthz HTTP/1.1\r\nHost: \(web.endpoint)\r\n\r\n".utf8)
      let wasStopped = server.whileStopped {
        for client in clients { client.send(request) }
      }
      guard wasStopped else { return }
      for client in clients {
        let isReadable = client.isReadable(before: Deadline(after: .seconds(10)))
        let answer = isReadable ? try client.receive() : []
        #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 200"))
      }
      // Four in each tick.
      #expect(try server.stat("tcp.turn_limit_reached") >= count / 4 - 1)
      #expect(try server.stat("tcp.most_messages_in_a_turn") <= 159)
    }

    /// Asks for 15 KiB again and again, and reads nothing.
    @Test func `clients that never read cost no more memory than they may`() throws {
      let server = try ServerProcess(
        upstreams: [upstream.endpoint],
        flags: [
          "--cache-size", "16MiB", "--tcp-connections-per-client", "1024", "--tcp-buffers", "16MiB",
        ])
      let reader = try StreamClient(server.endpoint)
      let query = DNSMessage.query("big.example.net", RecordType.txt)
      #expect(try reader.ask(query)?.answers.count == 57)
      let before = server.peakResidentMemory
      let burst = (0..<400).flatMap { _ in StreamClient.framed(query.encoded()) }
      let clients = try (0..<600).map { _ in
        let client = try StreamClient(server.endpoint)
        try client.socket.set(SOL_SOCKET, SO_RCVBUF, 4_096)
        client.socket.send(burst)
        return client
      }
      // When they have tried, and nothing moves any more.
      var bytes = -1
      var buffered = 0
      #expect(
        try eventually(within: .seconds(40), every: .milliseconds(300)) {
          let last = bytes
          bytes = try server.stat("queries.tcp")
          buffered = max(buffered, try server.stat("tcp.buffer_bytes"))
          return bytes == last && buffered > 8 << 20
        }, "\(buffered >> 20) MiB")
      let grown = server.peakResidentMemory - before
      print("600 clients that never read: \(grown >> 20) MiB more")
      #expect(grown < 24 << 20, "\(grown >> 20) MiB")
      #expect(try server.stat("tcp.buffer_bytes") <= 16 << 20)
      // Who reads is served.
      #expect(try StreamClient(server.endpoint).ask(query)?.answers.count == 57)
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      withExtendedLifetime(clients) {}
    }
  }
}
