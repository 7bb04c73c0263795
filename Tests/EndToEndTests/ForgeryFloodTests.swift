import Foundation
import Testing

extension EndToEnd {
  @Suite("A million forged replies (RFC 5452)")
  struct ForgeryFloodTests {
    /// Forged replies that the server has to read.
    static let count = 1_000_000
    /// Forged replies that are sent in each flight, unless the sender has to wait for a processor: 1,050,000
    /// with a wrong ID, the others from a wrong port.
    static let perFlight = 1_200_000
    /// Flights in which the server has to have read so many.
    static let mostFlights = 12
    /// Microseconds of the server's processor that a forged reply may take that it reads, the kernel's part
    /// and that of replies which are dropped included.
    static let mostMicroseconds = ServerProcess.isRelease ? 4.0 : 25.0

    /// The forger has what it can wish for but luck.
    ///
    /// It knows name, letter case, address and port, and there is no network in its way. Of eight replies
    /// seven have the wrong IDs, each in turn; the eighth has the right one, from a port that was not
    /// asked: the kernel drops it, since the server's sockets are connected.
    ///
    /// All are sent during one flight, and the honest reply comes last. What comes faster than the server reads
    /// is dropped at its socket's buffer. The release build, with a core to itself, reads nearly all of
    /// them; where it does not, or the sender waits for a core, the same question is asked again until it has read a million. What was sent,
    /// dropped and read is printed.
    @Test func `of a million forged replies at its sockets in one flight the server believes none`()
      throws
    {
      let upstream = try ScriptedUpstream { Self.honest($0) }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      #expect(try server.ask("warm.example.net")?.answers.count == 1)
      var read = 0
      var flights = 0
      while read < Self.count, flights < Self.mostFlights {
        flights += 1
        let flood = Flood(count: Self.perFlight, over: .milliseconds(3_300))
        upstream.setScript { Self.script($0, flood) }
        let before = try server.stat("upstream.mismatched")
        let processor = server.processorTime
        let watch = Stopwatch(server)
        let client = try Client(server.endpoint)
        client.send(.query("www.example.net"))
        let hits = try askForHits(server, during: flood)
        let reply = try DNSMessage(parsing: try #require(try client.receive()))
        let flight = watch.elapsed
        let used = server.processorTime - processor
        let newlyRead = try server.stat("upstream.mismatched") - before
        read += newlyRead
        print(
          """
          flight \(flights), \(flight): \(flood.wrongIDs + flood.wrongPorts) forged replies sent, \
          \(flood.wrongPorts) of them from another port, \(flood.wrongIDs - newlyRead) dropped at the \
          socket's buffer, \(newlyRead) read; \(used) s of the processor; \(hits.count) hits, half \
          of them within \(hits[hits.count / 2]), the slowest \(hits[hits.count - 1])
          """)
        // The honest reply comes a second before the client's time is over, unless the machine took that.
        #expect(
          reply.answers.map(\.address) == ["192.0.2.1"]
            || reply.code == 2 && flight < .milliseconds(4_300))
        // No client waits for longer; the flood alone takes 3.3 s of it.
        #expect(flight < .milliseconds(4_600))
        #expect(used < Double(newlyRead) * Self.mostMicroseconds / 1_000_000 + 0.5)
        #expect(hits.count > 20)
        #expect(hits[hits.count / 2] < .milliseconds(20))
        #expect(try !server.ctl("cache", "names", "192.0.2.66").output.contains("example.net"))
      }
      #expect(read >= Self.count)
      #expect(try server.stat("upstream.mismatch_limit_reached") >= flights)
      upstream.setScript { Self.honest($0) }
      // Soon, should the last flight have failed.
      #expect(
        try eventually(every: .milliseconds(100)) {
          try server.ask("www.example.net")?.answers.map(\.address) == ["192.0.2.1"]
        })
    }

    /// Asks for what is known for as long as the flood goes on, and returns how long each took, in order.
    private func askForHits(_ server: ServerProcess, during flood: Flood) throws -> [Duration] {
      let client = try Client(server.endpoint)
      let deadline = Deadline(after: .seconds(6))
      var hits: [Duration] = []
      while !flood.isOver, !deadline.hasPassed {
        let watch = Stopwatch(server)
        let reply = try client.ask(.query("warm.example.net"))
        #expect(reply?.answers.count == 1)
        hits.append(watch.elapsed)
        usleep(5_000)
      }
      return hits.sorted()
    }

    private static func reply(to query: DNSMessage, _ address: String, ttl: UInt32) -> DNSMessage {
      let name = query.question?.name ?? ""
      var reply = DNSMessage.reply(to: query, answers: [.a(name, address, ttl: ttl)])
      // None is longer than another: what is longer the kernel would cut, too.
      reply.additionals = []
      return reply
    }

    private static func honest(_ query: ScriptedUpstream.Query) -> [ScriptedUpstream.Action] {
      [.reply(reply(to: query.message, "192.0.2.1", ttl: 300))]
    }

    private static func script(
      _ query: ScriptedUpstream.Query, _ flood: Flood
    ) -> [ScriptedUpstream.Action] {
      let forged = reply(to: query.message, "192.0.2.66", ttl: 300)
      // The last to come, whichever way it was asked for last; with TTL 0 nobody has it the next time.
      let last = ScriptedUpstream.Action.replyAfter(
        milliseconds: max(0, flood.remaining) + 100,
        reply(to: query.message, "192.0.2.1", ttl: 0))
      return query.transport == .udp ? [.flood(flood, forged.encoded()), last] : [last]
    }
  }
}
