import Testing

extension EndToEnd {
  @Suite("Upstreams that lie (RFC 5452)")
  struct LyingUpstreamTests {
    /// What a forger or a broken server sends; each is followed by the honest reply.
    enum Lie: CaseIterable, Sendable {
      case empty, tooShort, garbage, headerOnly, cut
      case pointerLoop, forwardPointer, countsTooHigh, lengthTooLong
      case wrongID, otherPort, wrongName, wrongType, wrongClass, noQuestion, twoQuestions
      case notAResponse, otherOperation

      /// The lie as an upstream's action.
      ///
      /// It gives the address 192.0.2.66 where it gives any.
      func action(for query: DNSMessage) -> ScriptedUpstream.Action {
        let name = query.question?.name ?? ""
        var reply = DNSMessage.reply(to: query, answers: [.a(name, "192.0.2.66")])
        let honestHeader = Array(reply.encoded().prefix(12))
        switch self {
        case .empty: return .reply([] as [UInt8])
        case .tooShort: return .reply([1, 2, 3, 4, 5])
        case .garbage: return .reply((0..<300).map { _ in .random(in: 0...255) })
        case .headerOnly: return .reply(honestHeader)
        case .cut: return .reply(Array(reply.encoded().dropLast(20)))
        case .pointerLoop:
          return .reply(honestHeader + [0xc0, 0x0c, 0, 1, 0, 1] + [0xc0, 0x0c])
        case .forwardPointer:
          var bytes = reply.encoded()
          let question = query.encoded().count - (query.edns?.encoded().count ?? 0)
          bytes.replaceSubrange(question..<question + 2, with: [0xc1, 0xff])
          return .reply(bytes)
        case .countsTooHigh:
          var bytes = reply.encoded()
          bytes.replaceSubrange(6..<12, with: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
          return .reply(bytes)
        case .lengthTooLong:
          reply.additionals = []
          var bytes = reply.encoded()
          bytes.replaceSubrange(bytes.count - 6..<bytes.count - 4, with: [0xff, 0xff])
          return .reply(bytes)
        case .wrongID: reply.id = ~reply.id
        case .otherPort: return .fromOtherPort(reply.encoded())
        case .wrongName:
          reply.questions[0].name = "victim.example.net"
          reply.answers = [.a("victim.example.net", "192.0.2.66")]
        case .wrongType: reply.questions[0].type = RecordType.txt
        case .wrongClass: reply.questions[0].class = 3
        case .noQuestion: reply.questions = []
        case .twoQuestions: reply.questions.append(reply.questions[0])
        case .notAResponse: reply.flags &= ~DNSMessage.Flag.response
        case .otherOperation: reply.flags |= 4 << 11
        }
        return .reply(reply)
      }
    }

    @Test(arguments: Lie.allCases)
    func `the honest reply is used, whatever came before it`(lie: Lie) throws {
      let upstream = try ScriptedUpstream { query in
        let message = query.message
        let name = message.question?.name ?? ""
        return [
          lie.action(for: message),
          .replyAfter(
            milliseconds: 30, .reply(to: message, answers: [.a(name, "192.0.2.1")])),
        ]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let stopwatch = Stopwatch(server)
      let reply = try server.ask("www.example.net")
      #expect(reply?.answers.map(\.address) == ["192.0.2.1"])
      #expect(stopwatch.elapsed < .seconds(5))
      let names = try server.ctl("cache", "names", "192.0.2.66")
      #expect(!names.output.contains("example.net"))
      #expect(try server.ask("www.example.net")?.answers.map(\.address) == ["192.0.2.1"])
      #expect(server.process.isRunning)
    }

    @Test func `nothing but lies is a failure in time, and hits go on`() throws {
      let upstream = try ScriptedUpstream { query in
        let message = query.message
        if query.name == "warm.example.net" {
          return [
            .reply(.reply(to: message, answers: [.a("warm.example.net", "192.0.2.1")]))
          ]
        }
        return Lie.allCases.map { $0.action(for: message) }
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      _ = try server.ask("warm.example.net")
      let stopwatch = Stopwatch(server)
      #expect(try server.ask("www.example.net")?.code == 2)
      #expect(stopwatch.elapsed < .seconds(5))
      #expect(try server.ask("warm.example.net")?.answers.count == 1)
      #expect(try eventually { try server.stat("inflight.now") == 0 })
    }

    @Test func `thousands of guessed IDs do not win against the one reply`() throws {
      let upstream = try ScriptedUpstream { query in
        let message = query.message
        var forged = DNSMessage.reply(to: message, answers: [.a("www.example.net", "192.0.2.66")])
        var actions: [ScriptedUpstream.Action] = []
        // Over TCP, which the question moves to soon, nobody can forge.
        for guess in 1...2_000 as ClosedRange<UInt16> where query.transport == .udp {
          forged.id = message.id &+ guess
          actions.append(.reply(forged))
        }
        let honest = DNSMessage.reply(to: message, answers: [.a("www.example.net", "192.0.2.1")])
        return actions + [.replyAfter(milliseconds: 20, honest)]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      #expect(try server.ask("www.example.net")?.answers.map(\.address) == ["192.0.2.1"])
    }

    @Test func `a chain of aliases that ends where it began ends the question too`() throws {
      let upstream = try ScriptedUpstream { query in
        let other: DNSName = query.name == "a.example.net" ? "b.example.net" : "a.example.net"
        return [
          .reply(
            .reply(
              to: query.message,
              answers: [.cname(query.name, other), .cname(other, query.name)]))
        ]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      for name: DNSName in ["a.example.net", "b.example.net", "a.example.net"] {
        let stopwatch = Stopwatch(server)
        let reply = try #require(try server.ask(name))
        #expect(reply.answers.allSatisfy { $0.type == RecordType.cname })
        #expect(reply.answers.count <= 20)
        #expect(stopwatch.elapsed < .seconds(5))
      }
      #expect(upstream.queries.count < 100)
    }

    @Test func `an endless chain of aliases is given up`() throws {
      let upstream = try ScriptedUpstream { query in
        let number =
          query.message.question.flatMap {
            Int(String(decoding: $0.name.labels[0].dropFirst(), as: UTF8.self))
          } ?? 0
        return [
          .reply(
            .reply(
              to: query.message,
              answers: [.cname(query.name, DNSName("n\(number + 1).example.net"))]))
        ]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let stopwatch = Stopwatch(server)
      #expect(try server.ask("n0.example.net") != nil)
      #expect(stopwatch.elapsed < .seconds(5))
      #expect(upstream.queries.count <= 64)
      #expect(try eventually { try server.stat("inflight.now") == 0 })
    }

    // MARK: Over TCP

    /// A script that says over UDP that the reply was cut, and over TCP what is given.
    private static func truncated(
      _ stream: @escaping @Sendable (DNSMessage) -> [ScriptedUpstream.Action]
    ) -> ScriptedUpstream.Script {
      { query in
        if query.transport == .tcp { return stream(query.message) }
        var reply = DNSMessage.reply(to: query.message)
        reply.flags |= DNSMessage.Flag.truncated
        return [.reply(reply)]
      }
    }

    @Test func `a truncated reply is asked for again over TCP`() throws {
      let upstream = try ScriptedUpstream(
        Self.truncated { message in
          let answers = (1...100).map { DNSRecord.a("www.example.net", "192.0.2.\($0)") }
          return [.reply(.reply(to: message, answers: answers))]
        })
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let stopwatch = Stopwatch(server)
      let stream = try StreamClient(server.endpoint)
      #expect(try stream.ask(.query("www.example.net"))?.answers.count == 100)
      let ways = upstream.queries.map(\.transport)
      // On a second connection, too, when the first was silent for a second.
      #expect(
        ways == [.udp, .tcp] || ways == [.udp, .tcp, .tcp] && stopwatch.lost > .milliseconds(300))
      #expect(try server.ask("www.example.net")?.has(DNSMessage.Flag.truncated) == true)
    }

    @Test func `a reply of 64 KiB over TCP is borne`() throws {
      let upstream = try ScriptedUpstream(
        Self.truncated { message in
          // As many addresses as a message can hold.
          var reply = DNSMessage.reply(to: message)
          reply.additionals = []
          reply.answers = (0..<4_090).map {
            .a("www.example.net", "10.0.\($0 >> 8).\($0 & 0xff)")
          }
          return [.reply(reply)]
        })
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let stream = try StreamClient(server.endpoint)
      for _ in 0..<3 {
        let reply = try #require(try stream.ask(.query("www.example.net")))
        #expect(reply.code == 0 && reply.answers.count == 4_090 || reply.code == 2)
      }
      let upstreamQueries = upstream.queries.count
      #expect(upstreamQueries <= 20)
      #expect(server.process.isRunning)
    }

    /// What goes wrong on a TCP connection.
    enum StreamFault: CaseIterable, Sendable {
      case closesAtOnce, garbage, garbageOf64KiB, cutMessage, lengthWithoutMessage, lengthZero
      case wrongID, oneOctetAndSilence, silence

      func actions(for message: DNSMessage) -> [ScriptedUpstream.Action] {
        let honest = DNSMessage.reply(to: message, answers: [.a("www.example.net", "192.0.2.1")])
        switch self {
        case .closesAtOnce: return [.close]
        case .garbage: return [.reply((0..<200).map { _ in .random(in: 0...255) }), .close]
        case .garbageOf64KiB: return [.reply([UInt8](repeating: 0xc0, count: 65_535)), .close]
        case .cutMessage: return [.raw(StreamClient.framed(honest.encoded()).dropLast(9)), .close]
        case .lengthWithoutMessage: return [.raw([0xff, 0xff]), .close]
        case .lengthZero: return [.raw([0, 0, 0, 0, 0, 0]), .close]
        case .wrongID:
          var forged = honest
          forged.id = ~forged.id
          forged.answers = [.a("www.example.net", "192.0.2.66")]
          return [.reply(forged), .close]
        case .oneOctetAndSilence: return [.raw([0])]
        case .silence: return []
        }
      }
    }

    @Test(arguments: StreamFault.allCases)
    func `a TCP connection that goes wrong is a failure in time`(fault: StreamFault) throws {
      let upstream = try ScriptedUpstream(Self.truncated { fault.actions(for: $0) })
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let stopwatch = Stopwatch(server)
      let reply = try #require(try server.ask("www.example.net"))
      #expect(reply.code == 2)
      #expect(stopwatch.elapsed < .seconds(5), "\(stopwatch.elapsed)")
      #expect(try eventually { try server.stat("inflight.now") == 0 })
      #expect(server.process.isRunning)
    }

    @Test func `a TCP port that is closed is a failure in time`() throws {
      // UDP alone on this port.
      let port = try FreePort.next()
      let socket = try Socket.bound(.datagram, to: .loopback(port))
      let server = try ServerProcess(upstreams: [.loopback(port)])
      let client = try Client(server.endpoint)
      let stopwatch = Stopwatch(server)
      client.send(.query("www.example.net"))
      while socket.isReadable(before: Deadline(after: .seconds(3))) {
        let (bytes, sender) = try socket.receiveFrom()
        var reply = DNSMessage.reply(to: try DNSMessage(parsing: bytes))
        reply.flags |= DNSMessage.Flag.truncated
        socket.send(reply.encoded(), to: sender)
      }
      let reply = try DNSMessage(parsing: try #require(try client.receive()))
      #expect(reply.code == 2)
      #expect(stopwatch.elapsed < .seconds(5))
    }
  }
}
