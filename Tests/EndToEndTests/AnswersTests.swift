import Testing

extension EndToEnd {
  @Suite("Answers, from the upstream and from the cache (RFC 1034, RFC 2308)")
  struct AnswersTests {
    let nsd: NSD
    let server: ServerProcess

    init() throws {
      nsd = try NSD()
      // The documentation networks are among those whose reverse zones are not asked about.
      server = try ServerProcess(
        upstreams: [nsd.endpoint], flags: ["--forward-special", "2.0.192.in-addr.arpa"])
    }

    /// Runs a question twice: the second reply must not have cost an upstream query.
    private func twice(_ arguments: String...) throws -> (miss: Dig, hit: Dig) {
      let first = try Dig(run(arguments))
      let misses = try server.stat("cache.misses")
      let second = try Dig(run(arguments))
      #expect(try server.stat("cache.misses") == misses, "\(arguments) was not in the cache")
      return (first, second)
    }

    private func run(_ arguments: [String]) throws -> Tool.Result {
      try Tool.run(
        "dig",
        ["@127.0.0.1", "-p", "\(server.endpoint.port)", "+tries=1", "+time=20"] + arguments)
    }

    @Test func `the second answer comes from the cache with a smaller TTL`() throws {
      let miss = try server.dig("www.example.net")
      #expect(miss.status == "NOERROR")
      #expect(miss.answers.map(\.data) == ["192.0.2.80"])
      #expect(miss.answers.first?.ttl == 3600)
      #expect(miss.flags == ["qr", "rd", "ra"])
      let misses = try server.stat("cache.misses")

      var hit = miss
      #expect(
        try eventually(every: .milliseconds(100)) {
          hit = try server.dig("www.example.net")
          return hit.answers.first?.ttl ?? 3600 < 3600
        })
      #expect(hit.answers.first?.ttl ?? 0 > 3590)
      #expect(hit.answers.map(\.data) == ["192.0.2.80"])
      #expect(hit.flags == ["qr", "rd", "ra"])
      #expect(try server.stat("cache.misses") == misses)
      #expect(try server.stat("cache.hits") >= 1)
    }

    @Test func `the letters come back in the case of the question`() throws {
      for name in ["www.example.net.", "WWW.Example.Net.", "wWw.eXaMpLe.nEt."] {
        let dig = try server.dig(name)
        #expect(dig.question == name)
        #expect(dig.answers.first?.name.lowercased() == "www.example.net.")
        #expect(dig.answers.map(\.data) == ["192.0.2.80"])
      }
      #expect(try server.stat("cache.misses") == 1)
    }

    @Test func `a name that does not exist is remembered with the SOA that says how long`() throws {
      let (miss, hit) = try twice("missing.example.net")
      for dig in [miss, hit] {
        #expect(dig.status == "NXDOMAIN")
        #expect(dig.answers.isEmpty)
        #expect(dig.authorities.map(\.type) == ["SOA"])
        #expect(dig.authorities.first?.name == "example.net.")
        // RFC 2308 §5: the lesser of the SOA's TTL and its MINIMUM, which is 300.
        #expect((290...300).contains(dig.authorities.first?.ttl ?? 0))
      }
      // RFC 2308 §5: the name has no type at all.
      let misses = try server.stat("cache.misses")
      #expect(try server.dig("missing.example.net", "MX").status == "NXDOMAIN")
      #expect(try server.stat("cache.misses") == misses)
    }

    @Test func `a type that does not exist is remembered for that type alone`() throws {
      let (miss, hit) = try twice("www.example.net", "MX")
      for dig in [miss, hit] {
        #expect(dig.status == "NOERROR")
        #expect(dig.answers.isEmpty)
        #expect(dig.authorities.map(\.type) == ["SOA"])
        #expect((290...300).contains(dig.authorities.first?.ttl ?? 0))
      }
      #expect(try server.dig("www.example.net", "A").answers.count == 1)
    }

    @Test func `a chain of aliases is followed in the cache, from any of its links`() throws {
      let (miss, hit) = try twice("one.example.net", "A")
      for dig in [miss, hit] {
        #expect(dig.status == "NOERROR")
        #expect(
          dig.answers.map(\.data)
            == ["two.example.net.", "three.example.net.", "www.example.net.", "192.0.2.80"])
      }
      let misses = try server.stat("cache.misses")
      #expect(try server.dig("three.example.net", "A").answers.count == 2)
      #expect(try server.dig("two.example.net", "CNAME").answers.count == 1)
      #expect(try server.stat("cache.misses") == misses)
    }

    @Test func `an alias of a missing name is NXDOMAIN with the alias in the answer`() throws {
      // RFC 2308 §2.1: the response code is that of the chain's end.
      let (miss, hit) = try twice("nowhere.example.net", "A")
      for dig in [miss, hit] {
        #expect(dig.status == "NXDOMAIN")
        #expect(dig.answers.map(\.type) == ["CNAME"])
        #expect(dig.authorities.map(\.type) == ["SOA"])
      }
    }

    @Test func `an alias of a name without the type has the alias and no more`() throws {
      let (miss, hit) = try twice("empty.example.net", "A")
      for dig in [miss, hit] {
        #expect(dig.status == "NOERROR")
        #expect(dig.answers.map(\.type) == ["CNAME"])
        #expect(dig.authorities.map(\.type) == ["SOA"])
      }
    }

    @Test func `a wildcard's records have the name that was asked`() throws {
      let (miss, hit) = try twice("any.name.wild.example.net", "A")
      for dig in [miss, hit] {
        #expect(dig.answers.map(\.name) == ["any.name.wild.example.net."])
        #expect(dig.answers.map(\.data) == ["192.0.2.77"])
      }
    }

    @Test func `a DNAME leads to the name below its target`() throws {
      let (miss, hit) = try twice("host.old.example.net", "A")
      for dig in [miss, hit] {
        #expect(dig.status == "NOERROR")
        #expect(dig.answers.contains { $0.type == "CNAME" && $0.data == "host.new.example.net." })
        #expect(dig.answers.last?.data == "192.0.2.90")
      }
    }

    @Test(arguments: [
      ("example.net", "AAAA"), ("example.net", "MX"), ("example.net", "NS"), ("example.net", "SOA"),
      ("example.net", "TXT"), ("_dns._udp.example.net", "SRV"), ("caa.example.net", "CAA"),
      ("https.example.net", "HTTPS"), ("unknown.example.net", "TYPE65280"),
      ("old.example.net", "DNAME"), (#"odd\.label\007.example.net"#, "A"),
      ("www.example.net", "TYPE1"),
    ])
    func `data of every type is the upstream's, first and second time`(
      name: String, type: String
    ) throws {
      let truth = Dig(
        try Tool.run(
          "dig", ["@127.0.0.1", "-p", "\(nsd.endpoint.port)", "+norecurse", name, type]))
      try #require(!truth.answers.isEmpty)
      let (miss, hit) = try twice(name, type)
      for dig in [miss, hit] {
        #expect(dig.status == "NOERROR")
        #expect(Set(dig.answers.map(\.data)) == Set(truth.answers.map(\.data)))
        #expect(Set(dig.answers.map(\.name)) == Set(truth.answers.map(\.name)))
      }
    }

    @Test func `the name servers of a zone come with their addresses`() throws {
      let (miss, hit) = try twice("example.net", "NS")
      for dig in [miss, hit] {
        #expect(
          Set(dig.additionals.map(\.data))
            == ["192.0.2.53", "2001:db8::53", "192.0.2.54"])
      }
    }

    @Test func `a question with EDNS gets EDNS and a plain one a plain answer`() throws {
      for _ in 0..<2 {
        let edns = try server.dig("www.example.net", "+edns=0")
        #expect(edns.output.contains("; EDNS: version: 0"))
        #expect(edns.output.contains("udp: 1232"))
        let plain = try server.dig("www.example.net", "+noedns")
        #expect(!plain.output.contains("; EDNS:"))
        #expect(plain.additionals.isEmpty)
      }
    }

    @Test func `the flag that asks for recursion is copied, and recursion always offered`() throws {
      _ = try server.dig("www.example.net")
      let dig = try server.dig("www.example.net", "+norecurse")
      #expect(dig.flags == ["qr", "ra"])
      #expect(dig.answers.count == 1)
    }

    @Test func `all of it works over TCP and over IPv6`() throws {
      for transport in ["+tcp", "+notcp"] {
        for address in ["127.0.0.1", "::1"] {
          let arguments = ["@\(address)", "-p", "\(server.endpoint.port)", transport]
          let answer = Dig(try Tool.run("dig", arguments + ["one.example.net"]))
          #expect(answer.status == "NOERROR")
          #expect(answer.answers.count == 4)
          #expect(answer.flags == ["qr", "rd", "ra"])
          let missing = Dig(try Tool.run("dig", arguments + ["missing.example.net"]))
          #expect(missing.status == "NXDOMAIN")
        }
      }
      #expect(try server.stat("queries.tcp") == 4)
      #expect(try server.stat("queries.udp") >= 4)
    }

    @Test func `nslookup and drill get their answers`() throws {
      let port = "\(server.endpoint.port)"
      for _ in 0..<2 {
        let lookup = try Tool.run(
          "nslookup", ["-port=\(port)", "www.example.net", "127.0.0.1"])
        #expect(lookup.status == 0)
        #expect(lookup.output.contains("Address: 192.0.2.80"))
        #expect(lookup.output.contains("Address: 2001:db8::80"))
        let missing = try Tool.run(
          "nslookup", ["-port=\(port)", "missing.example.net", "127.0.0.1"])
        #expect(missing.output.contains("server can't find missing.example.net"))
        let reverse = try Tool.run("nslookup", ["-port=\(port)", "192.0.2.80", "127.0.0.1"])
        #expect(reverse.output.contains("name = www.example.net."))

        let drill = try Tool.run("drill", ["@127.0.0.1", "-p", port, "one.example.net", "A"])
        #expect(drill.status == 0)
        #expect(drill.output.contains("rcode: NOERROR"))
        #expect(drill.output.contains("192.0.2.80"))
      }
    }
  }
}
