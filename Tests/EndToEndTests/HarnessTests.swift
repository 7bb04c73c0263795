import Foundation
import Testing

extension EndToEnd {
  @Suite("The harness of these tests")
  struct HarnessTests {
    private func upstream() throws -> ScriptedUpstream {
      try ScriptedUpstream { query in
        let reply = DNSMessage.reply(
          to: query.message, answers: [.a(query.message.question?.name ?? "", "192.0.2.1")])
        switch query.name {
        case "silent.example.net": return []
        case "slow.example.net": return [.replyAfter(milliseconds: 150, reply)]
        case "elsewhere.example.net": return [.fromOtherPort(reply.encoded())]
        case "raw.example.net": return [.raw([0, 3, 1, 2, 3]), .close]
        default: return [.reply(reply)]
        }
      }
    }

    @Test func `a message written and read again is the same`() throws {
      var message = DNSMessage.reply(
        to: .query("WwW.example.net", RecordType.mx, edns: 1232),
        answers: [.a("WwW.example.net", "192.0.2.1"), .cname("a.example.net", "b.example.net")],
        authorities: [.soa("example.net"), .ns("example.net", "ns1.example.net")],
        additionals: [.txt("t.example.net", Array(repeating: 7, count: 600))])
      message.id = 0x1234
      #expect(try DNSMessage(parsing: message.encoded()) == message)
      #expect(throws: DNSMessage.Malformed.self) {
        try DNSMessage(parsing: Array(message.encoded().dropLast()))
      }
    }

    @Test func `a scripted upstream answers over UDP and TCP and records what it saw`() throws {
      let upstream = try upstream()
      let question = DNSMessage.query("www.example.net")
      #expect(try Client.ask(upstream.endpoint, question)?.answers.first?.address == "192.0.2.1")
      let stream = try StreamClient(upstream.endpoint)
      #expect(try stream.ask(question)?.answers.count == 1)
      #expect(upstream.queries.map(\.transport) == [.udp, .tcp])
      #expect(upstream.queries(for: "WWW.example.net").map(\.number) == [0, 1])
      #expect(upstream.queries.map(\.number) == [0, 1])
    }

    @Test func `a scripted upstream is silent, late or elsewhere when its script says so`() throws {
      let upstream = try upstream()
      #expect(
        try Client.ask(upstream.endpoint, .query("silent.example.net"), within: .milliseconds(100))
          == nil)
      let stopwatch = Stopwatch()
      #expect(try Client.ask(upstream.endpoint, .query("slow.example.net")) != nil)
      #expect(stopwatch.elapsed >= .milliseconds(150))

      let socket = try Socket.bound(.datagram, to: .loopback(0))
      socket.send(DNSMessage.query("elsewhere.example.net").encoded(), to: upstream.endpoint)
      #expect(socket.isReadable(before: Deadline(after: .seconds(20))))
      #expect(try socket.receiveFrom().sender != upstream.endpoint)

      let stream = try StreamClient(upstream.endpoint)
      stream.send(.query("raw.example.net"))
      #expect(stream.receive() == [1, 2, 3])
      #expect(stream.isClosedByServer(within: .seconds(20)))
    }

    @Test func `a stopped upstream refuses, and is back on its port after a start`() throws {
      let upstream = try upstream()
      upstream.stop()
      #expect(throws: SystemError.self) {
        try Client.ask(upstream.endpoint, .query("www.example.net"))
      }
      #expect(throws: SystemError.self) { try StreamClient(upstream.endpoint) }
      try upstream.start()
      #expect(try Client.ask(upstream.endpoint, .query("www.example.net")) != nil)
    }

    @Test func `NSD serves the zone and the tools find it`() throws {
      let nsd = try NSD()
      let result = try Tool.run(
        "dig",
        ["@127.0.0.1", "-p", "\(nsd.endpoint.port)", "one.example.net", "A", "+norecurse"])
      let dig = Dig(result)
      #expect(dig.status == "NOERROR")
      #expect(dig.flags.contains("aa"))
      #expect(dig.answers.count == 4)
      #expect(dig.answers.last?.data == "192.0.2.80")
      #expect(dig.answers.last?.ttl == 3600)
      #expect(dig.question == "one.example.net.")
      nsd.stop()
      #expect(throws: SystemError.self) {
        try Client.ask(nsd.endpoint, .query("example.net", RecordType.soa))
      }
      try nsd.start()
    }

    @Test func `a program that takes too long is ended`() throws {
      let stopwatch = Stopwatch()
      #expect(try Tool.run("sleep", ["20"], timeout: .milliseconds(200)).status == -1)
      #expect(stopwatch.elapsed < .seconds(15))
    }
  }
}
