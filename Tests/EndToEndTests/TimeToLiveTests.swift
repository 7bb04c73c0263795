import Testing

extension EndToEnd {
  @Suite("Times to live (RFC 2181 §8, RFC 2308 §5)")
  struct TimeToLiveTests {
    let upstream: ScriptedUpstream
    let server: ServerProcess

    /// The upstream gives the TTL that the first label says: `t60.example.net` a minute.
    init() throws {
      upstream = try ScriptedUpstream { query in
        let label = query.name.labels.first ?? []
        let number = UInt32(String(decoding: label.dropFirst(), as: UTF8.self)) ?? 0
        switch label.first {
        case UInt8(ascii: "t"):
          return [
            .reply(
              .reply(to: query.message, answers: [.a(query.name, "192.0.2.1", ttl: number)]))
          ]
        case UInt8(ascii: "m"):
          let soa = DNSRecord.soa("example.net", ttl: 86_400, minimum: number)
          return [.reply(.reply(to: query.message, code: 3, authorities: [soa]))]
        case UInt8(ascii: "s"):
          let soa = DNSRecord.soa("example.net", ttl: number, minimum: 86_400)
          return [.reply(.reply(to: query.message, code: 3, authorities: [soa]))]
        default:
          return []
        }
      }
      server = try ServerProcess(upstreams: [upstream.endpoint])
    }

    private func ttl(_ name: DNSName) throws -> UInt32? {
      try server.ask(name)?.answers.first?.ttl
    }

    @Test func `a TTL of more than a day is cut to a day`() throws {
      for name: DNSName in ["t86401.example.net", "t864000.example.net", "t2147483647.example.net"]
      {
        for _ in 0..<2 { #expect((86_390...86_400).contains(try ttl(name) ?? 0)) }
        #expect(upstream.queries(for: name).count == 1)
      }
      #expect(try ttl("t86399.example.net") ?? 0 <= 86_399)
    }

    @Test func `a TTL with its top bit set counts as zero`() throws {
      for name: DNSName in ["t2147483648.example.net", "t4294967295.example.net"] {
        #expect(try ttl(name) == 0)
        #expect(try ttl(name) == 0)
        #expect(upstream.queries(for: name).count == 2)
      }
    }

    @Test func `a TTL of zero is answered once and not kept`() throws {
      for count in 1...3 {
        #expect(try ttl("t0.example.net") == 0)
        #expect(upstream.queries(for: "t0.example.net").count == count)
      }
      #expect(try !server.ctl("cache", "names", "192.0.2.1").output.contains("t0.example.net"))
    }

    @Test func `a TTL grows smaller with the seconds, and at its end the upstream is asked`() throws
    {
      let name: DNSName = "t3.example.net"
      var seen: Set<UInt32> = []
      let isAskedAgain = try eventually(every: .milliseconds(50)) {
        if let ttl = try ttl(name) { seen.insert(ttl) }
        return upstream.queries(for: name).count >= 2
      }
      #expect(isAskedAgain)
      #expect(seen.isSubset(of: [0, 1, 2, 3]))
      // A machine that stands still for a second may miss one of them.
      #expect(seen.contains(3) && seen.intersection([1, 2, 3]).count >= 2, "\(seen)")
    }

    @Test func `what has expired is swept away without a question`() throws {
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--serve-stale", "0"])
      for index in 0..<200 {
        let name = DNSName("t2.n\(index).example.net")
        #expect(try server.ask(name)?.answers.count == 1)
      }
      #expect(try server.ask("t3600.example.net")?.answers.count == 1)
      #expect(
        try eventually(within: .seconds(90), every: .milliseconds(250)) {
          try server.stat("cache.names") == 1
        })
      #expect(try server.stat("cache.records") == 1)
      #expect(try server.stat("cache.addresses") == 1)
      #expect(try server.stat("cache.expired") >= 200)
      let names = try server.ctl("cache", "names", "192.0.2.1").output
      #expect(names.contains("t3600.example.net"))
      #expect(!names.contains("t2.n1.example.net"))
    }

    @Test func `the shortest and longest times are settings`() throws {
      let server = try ServerProcess(
        upstreams: [upstream.endpoint],
        flags: ["--min-ttl", "1m", "--max-ttl", "2m", "--max-negative-ttl", "30s"])
      #expect((45...60).contains(try server.ask("t5.example.net")?.answers.first?.ttl ?? 0))
      #expect((105...120).contains(try server.ask("t3600.example.net")?.answers.first?.ttl ?? 0))
      #expect((1...10).contains(try server.ask("m10.example.net")?.authorities.first?.ttl ?? 0))
      #expect((15...30).contains(try server.ask("m600.example.net")?.authorities.first?.ttl ?? 0))
    }

    @Test func `a negative answer lives for the lesser of the SOA's TTL and MINIMUM`() throws {
      // What an upstream denies before it has answered a name in mixed case is asked again in lower case.
      _ = try server.ask("t3600.example.net")
      for name: DNSName in ["m60.example.net", "s60.example.net"] {
        for _ in 0..<2 {
          let reply = try #require(try server.ask(name))
          #expect(reply.code == 3)
          #expect((50...60).contains(reply.authorities.first?.ttl ?? 0))
        }
        #expect(upstream.queries(for: name).count == 1)
      }
    }

    @Test func `a negative answer lives for an hour at most`() throws {
      for _ in 0..<2 {
        let reply = try #require(try server.ask("m86400.example.net"))
        #expect(reply.code == 3)
        #expect((3_590...3_600).contains(reply.authorities.first?.ttl ?? 0))
      }
    }
  }
}
