import Foundation
import Testing

extension EndToEnd {
  /// Churn, faults and restarts for `SOAK_SECONDS`: a moment in `make test`, twenty minutes in `make soak`.
  @Suite("Soak", .serialized)
  struct SoakTests {
    /// Seconds in all.
    static let seconds =
      ProcessInfo.processInfo.environment["SOAK_SECONDS"].flatMap { Int($0) } ?? 24
    /// Between two restarts everything that can happen happens at least once.
    static let incarnations = 2
    /// Renewed upstream sockets that listen on for a moment, three for each upstream.
    static let retiredSockets = 2 * 3
    /// Resident memory beside the cache, and the cache.
    static let memoryLimit = LoadTests.documentedBase + 8 << 20

    private let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
    }

    /// What goes wrong for a while.
    enum Fault: CaseIterable {
      case none, firstDies, secondIsSilent, secondRefuses, secondLies, secondTruncates, bothFail
    }

    @Test(.timeLimit(.minutes(60)))
    func `with churn, faults and restarts memory and descriptors do not grow, and counters add up`()
      throws
    {
      let nsd = try NSD()
      let second = try ScriptedUpstream { Self.answer($0) }
      let server = try ServerProcess(
        upstreams: [nsd.endpoint, second.endpoint],
        flags: [
          "--cache-size", "8MiB", "--cache-save-interval", "3s", "--log-level", "info",
        ])
      let questions = try questions()
      let phases = max(Self.seconds / Self.incarnations / Fault.allCases.count, 1)
      for incarnation in 0..<Self.incarnations {
        var samples: [Sample] = []
        for round in 0..<max(phases / 5, 1) {
          for fault in Fault.allCases {
            begin(fault, nsd, second)
            try load(
              server, questions, seconds: min(phases, 5), seed: incarnation * 1_000 + round)
            try end(fault, nsd, second)
            samples.append(Sample(server))
          }
        }
        try settle(server)
        samples.append(Sample(server))
        try check(samples, server)
        #expect(server.terminate(atMost: .seconds(30)) == .exited(0))
        try server.start()
        #expect(
          try eventually { try server.stat("cache.names") > 0 }, "warm again after a restart")
      }
      let ending = server.terminate(atMost: .seconds(30))
      #expect(ending == .exited(0))
    }

    // MARK: The world

    /// The second upstream when it is well: an address for everything, briefly.
    private static func answer(_ query: ScriptedUpstream.Query) -> [ScriptedUpstream.Action] {
      [.reply(reply(to: query))]
    }

    private static func reply(to query: ScriptedUpstream.Query) -> DNSMessage {
      guard query.type == RecordType.a, let name = query.message.question?.name else {
        return .reply(to: query.message)
      }
      return .reply(to: query.message, answers: [.a(name, "192.0.2.99", ttl: 2)])
    }

    private func begin(_ fault: Fault, _ nsd: NSD, _ second: ScriptedUpstream) {
      switch fault {
      case .none: break
      case .firstDies: nsd.stop()
      case .secondIsSilent: second.setScript { _ in [] }
      case .secondRefuses: second.stop()
      case .secondLies:
        second.setScript { query in
          var forged = Self.reply(to: query)
          forged.id ^= 1
          return [.reply(forged), .reply(Array(Self.reply(to: query).encoded().dropLast(3)))]
        }
      case .secondTruncates:
        second.setScript { query in
          var reply = Self.reply(to: query)
          if query.transport == .udp {
            reply.flags |= DNSMessage.Flag.truncated
            reply.answers = []
          }
          return [.reply(reply)]
        }
      case .bothFail:
        nsd.stop()
        second.setScript { _ in [] }
      }
    }

    private func end(_ fault: Fault, _ nsd: NSD, _ second: ScriptedUpstream) throws {
      if fault == .firstDies || fault == .bothFail { try nsd.start() }
      if fault == .secondRefuses { try second.start() }
      second.setScript { Self.answer($0) }
    }

    /// Many names once, some again and again, and what does not exist.
    private func questions() throws -> String {
      let path = folder.file("questions")
      var lines: [String] = []
      for number in 0..<60_000 {
        switch number % 6 {
        case 0: lines.append("www.example.net A")
        case 1: lines.append("one.example.net A")
        case 2: lines.append("n\(number % 500).missing.example.net AAAA")
        case 3: lines.append("n\(number % 2_000).wild.example.net TXT")
        default: lines.append("n\(number).wild.example.net A")
        }
      }
      try lines.joined(separator: "\n").write(toFile: path, atomically: false, encoding: .utf8)
      return path
    }

    /// Questions over UDP and TCP, and octets that are none.
    private func load(
      _ server: ServerProcess, _ questions: String, seconds: Int, seed: Int
    ) throws {
      var clients: [ChildProcess] = []
      for (transport, rate) in [("udp", 1_500), ("tcp", 300)] {
        clients.append(
          try ChildProcess(
            Tool.path("dnsperf"),
            [
              "-s", "127.0.0.1", "-p", "\(server.endpoint.port)", "-d", questions, "-m", transport,
              "-Q", "\(rate)", "-l", "\(seconds)", "-c", "4", "-T", "1", "-q", "400", "-t", "5",
            ]))
      }
      let junk = try Client(server.endpoint)
      var octet = UInt8(truncatingIfNeeded: seed)
      let deadline = Deadline(after: .seconds(seconds))
      while !deadline.hasPassed {
        octet = octet &* 13 &+ 7
        junk.socket.send([UInt8](repeating: octet, count: Int(octet)))
        usleep(20_000)
      }
      for client in clients {
        #expect(client.wait(atMost: .seconds(60)) == .exited(0))
      }
    }

    // MARK: What must hold

    struct Sample: CustomStringConvertible {
      let memory: Int
      let descriptors: Int

      init(_ server: ServerProcess) {
        memory = server.residentMemory
        descriptors = server.descriptorCount
      }

      var description: String { "\(memory >> 10) KiB, \(descriptors) descriptors" }
    }

    /// Waits until nobody waits any more.
    private func settle(_ server: ServerProcess) throws {
      #expect(
        try eventually(within: .seconds(40), every: .milliseconds(100)) {
          try server.stat("inflight.now") == 0 && server.stat("inflight.waiting") == 0
            && server.stat("tcp.connections") == 0
        })
    }

    private func check(_ samples: [Sample], _ server: ServerProcess) throws {
      for sample in samples { #expect(sample.memory <= Self.memoryLimit, "\(samples)") }
      // What the first round of faults took is what all others take.
      let first = samples.prefix(Fault.allCases.count)
      let most = try #require(first.map(\.memory).max())
      let last = try #require(samples.last)
      #expect(last.memory <= most + most / 10, "\(samples)")
      let mostDescriptors = try #require(first.map(\.descriptors).max())
      #expect(last.descriptors <= mostDescriptors + Self.retiredSockets, "\(samples)")

      let queries = try server.stats(
        "queries.udp", "queries.tcp", "cache.hits", "cache.misses", "queries.local",
        "queries.refused", "queries.limited", "queries.ignored")
      #expect(
        queries[0] + queries[1] == queries[2...].reduce(0, +), "every query has one end")
      // What the sweep has asked ahead may be in flight.
      let asked = try server.stats(
        "upstream.asked", "upstream.answered", "upstream.failed", "inflight.now")
      #expect(
        asked[0] == asked[1...].reduce(0, +), "every question asked upstream has one end")
    }
  }
}
