import Foundation
import Testing

extension EndToEnd {
  @Suite("Signals, and the end")
  struct ShutdownTests {
    let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
    }

    @Test(arguments: ["SIGTERM", "ctl stop"])
    func `clients that wait at the end get SERVFAIL`(stop: String) throws {
      let upstream = try ScriptedUpstream { _ in [] }
      let server = try ServerProcess(upstreams: [upstream.endpoint], folder: folder)
      let stopwatch = Stopwatch()
      let stream = try StreamClient(server.endpoint)
      let questions = (0..<20).map {
        DNSMessage.query(DNSName("name\($0).example.net"), edns: 1_232)
      }
      for question in questions { stream.send(question) }
      let clients = try questions.map { question in
        let client = try Client(server.endpoint)
        client.send(question)
        return client
      }
      // Their time is over after 4.5 s, should the machine take so much of it.
      #expect(
        try eventually {
          try server.stat("inflight.waiting") == 40 || stopwatch.elapsed > .seconds(4)
        })
      // Told by the words: those whose time is over get SERVFAIL as well.
      func isEnd(_ reply: DNSMessage) -> Bool {
        reply.code == 2
          && (String(decoding: reply.edns?.data ?? [], as: UTF8.self).hasSuffix("stopping")
            || stopwatch.elapsed > .milliseconds(4_500))
      }
      if stop == "SIGTERM" {
        server.process.signal(SIGTERM)
      } else {
        #expect(try server.ctl("stop").status == 0)
      }
      for (client, question) in zip(clients, questions) {
        let reply = try DNSMessage(parsing: try #require(try client.receive()))
        #expect(reply.id == question.id)
        #expect(isEnd(reply))
      }
      var open = Set(questions.map(\.id))
      while !open.isEmpty, let bytes = stream.receive() {
        let reply = try DNSMessage(parsing: bytes)
        #expect(isEnd(reply))
        open.remove(reply.id)
      }
      #expect(open.isEmpty)
      #expect(server.process.wait() == .exited(0))
    }

    @Test func `a client that reads nothing holds up the end for a moment only`() throws {
      let upstream = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        var reply = DNSMessage.reply(
          to: query.message, answers: (0..<200).map { .a(name, "10.0.\($0 >> 8).\($0 & 0xff)") })
        if query.transport == .udp {
          reply.answers = []
          reply.flags |= DNSMessage.Flag.truncated
        }
        return [.reply(reply)]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint], folder: folder)
      let hearing = try StreamClient(server.endpoint)
      #expect(try hearing.ask(.query("big.example.net"))?.answers.count == 200)
      let deaf = try StreamClient(server.endpoint)
      try deaf.socket.set(SOL_SOCKET, SO_RCVBUF, 4_096)
      _ = fcntl(deaf.socket.descriptor, F_SETFL, O_NONBLOCK)
      let question = StreamClient.framed(DNSMessage.query("big.example.net").encoded())
      var questions = Array(repeatElement(question, count: 6_000).joined())
      // More answers than the kernel keeps for the server. How much of the rest is left when the kernel
      // takes no more, nobody can say.
      var unread = -1
      #expect(
        try eventually(every: .milliseconds(300)) {
          // The kernel takes the questions as the server reads on.
          let sent = deaf.socket.send(questions)
          if sent > 0 { questions.removeFirst(sent) }
          let before = unread
          unread = try server.stat("tcp.buffer_bytes")
          return unread > 0 && unread == before
        })
      let stopwatch = Stopwatch(server)
      #expect(server.terminate() == .exited(0))
      // Not for as long as a connection may be idle, which is ten seconds.
      #expect(stopwatch.elapsed < .seconds(8), "\(stopwatch.elapsed)")
    }

    @Test func `more signals while it stops change nothing`() throws {
      let upstream = try ScriptedUpstream(DurabilityTests.script)
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], folder: folder,
        launch: .slowDisk(seconds: 1, in: folder))
      for index in 0..<50 { _ = try server.ask(DNSName("name\(index).example.net")) }
      server.process.signal(SIGTERM)
      // Up to its last moment.
      while server.process.isRunning {
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGUSR1] { server.process.signal(signal) }
        usleep(500)
      }
      #expect(server.process.ending == .exited(0))
      #expect(server.logLines(containing: "cache saved").count == 1, "\(server.log)")
      try server.start()
      #expect(try eventually { try server.stat("cache.names") == 50 })
      #expect(server.complaints.filter { $0.contains("snapshot") }.isEmpty, "\(server.log)")
    }

    @Test func `ctl stop comes back when the cache is saved, not before`() throws {
      let upstream = try ScriptedUpstream(DurabilityTests.script)
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], folder: folder,
        launch: .slowDisk(seconds: 1, in: folder))
      _ = try server.ask("www.example.net")
      #expect(try server.ctl("stop").status == 0)
      #expect(FileManager.default.fileExists(atPath: server.cacheFile))
      #expect(server.process.wait() == .exited(0))
    }

    @Test func `SIGHUP reloads, which is one line in the log, and the cache is kept`() throws {
      let upstream = try ScriptedUpstream(DurabilityTests.script)
      let server = try ServerProcess(upstreams: [upstream.endpoint], folder: folder)
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      server.process.signal(SIGHUP)
      #expect(eventually { server.logLines(containing: "reloaded").count == 1 })
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      #expect(upstream.queries(for: "www.example.net").count == 1)
      #expect(server.logLines(containing: "reloaded").count == 1)
    }
  }
}
