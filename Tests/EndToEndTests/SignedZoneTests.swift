import Testing

extension EndToEnd {
  @Suite("A signed zone through the cache (RFC 4035 §3.2, RFC 5155)")
  struct SignedZoneTests {
    struct Question: Sendable, CustomTestStringConvertible {
      var name: String
      var type: String
      var testDescription: String { "\(name) \(type)" }

      init(_ label: String, _ type: String) {
        name = (label.isEmpty ? "" : label + ".") + SignedZone.name
        self.type = type
      }
    }

    static let questions = [
      Question("www", "A"), Question("www", "AAAA"), Question("", "MX"), Question("", "DNSKEY"),
      Question("", "SOA"), Question("", "NS"), Question("alias", "A"),
      Question("host.old", "A"), Question("a.wild", "A"), Question("*.wild", "A"),
      // What isn't there: no type, no name, in a wildcard, behind aliases, below an empty name.
      Question("www", "TXT"), Question("missing", "A"), Question("a.wild", "TXT"),
      Question("gone", "A"), Question("b.wildalias", "A"), Question("empty.branch", "TXT"),
      Question("alias", "TXT"), Question("sub", "DS"),
    ]

    /// A record as NSD and we must agree on it; letter case of owners and order mean nothing.
    private struct Comparable: Hashable {
      var owner: String
      var type: String
      var data: String

      init(_ record: Dig.Record) {
        owner = record.name.lowercased()
        type = record.type
        data = record.data.lowercased()
      }
    }

    private func dig(_ endpoint: Endpoint, _ question: Question, _ options: [String]) throws -> Dig
    {
      Dig(
        try Tool.run(
          "dig",
          [
            "@\(endpoint.address)", "-p", "\(endpoint.port)", "+tries=1", "+time=8", question.name,
            question.type,
          ] + options))
    }

    private func isSame(_ ours: [Dig.Record], _ theirs: [Dig.Record]) -> Bool {
      ours.count == theirs.count
        && Set(ours.map(Comparable.init)) == Set(theirs.map(Comparable.init))
    }

    /// Asks everything of NSD and of us, and compares section by section.
    private func compare(_ server: ServerProcess, _ nsd: NSD) throws {
      for question in Self.questions {
        let theirs = try dig(nsd.endpoint, question, ["+dnssec", "+norecurse"])
        let ours = try dig(server.endpoint, question, ["+dnssec"])
        #expect(ours.status == theirs.status, "\(question.testDescription)")
        #expect(isSame(ours.answers, theirs.answers), "\(question.testDescription)\n\(ours.output)")
        #expect(
          isSame(ours.authorities, theirs.authorities),
          "\(question.testDescription)\n\(ours.output)")
        #expect(
          (ours.answers + ours.authorities).contains { $0.type == "RRSIG" }, "it is signed at all")
      }
    }

    @Test(arguments: SignedZone.Denial.allCases)
    func `answers with DO are the zone's own, section by section`(
      denial: SignedZone.Denial
    ) throws {
      let zone = try SignedZone(denial)
      let nsd = try NSD(zone: (SignedZone.name, zone.file), hasMinimalResponses: true)
      let server = try ServerProcess(upstreams: [nsd.endpoint])
      // What clients without DO had fetched is not what those with DO are given.
      for question in Self.questions {
        let plain = try dig(server.endpoint, question, [])
        #expect(!(plain.answers + plain.authorities).contains { $0.type == "RRSIG" })
      }
      try compare(server, nsd)
      let misses = try server.stat("cache.misses")
      try compare(server, nsd)
      #expect(try server.stat("cache.misses") == misses, "the second time all of it was known")
      // From now on clients without DO are given the same without signatures.
      let plain = try dig(server.endpoint, Question("a.wild", "A"), [])
      #expect(plain.answers.map(\.type) == ["A"] && plain.authorities.isEmpty)
      #expect(try server.stat("cache.misses") == misses)

      let names = try server.stat("cache.names")
      #expect(server.terminate() == .exited(0))
      try server.start()
      #expect(
        try eventually(within: .seconds(20)) { try server.stat("cache.names") >= names })
      try compare(server, nsd)
      #expect(try server.stat("cache.misses") == 0, "all of it came back from the snapshot")
    }

    @Test(arguments: SignedZone.Denial.allCases)
    func `a validator behind the cache finds everything genuine`(
      denial: SignedZone.Denial
    ) throws {
      let zone = try SignedZone(denial)
      let nsd = try NSD(zone: (SignedZone.name, zone.file))
      let server = try ServerProcess(upstreams: [nsd.endpoint])
      for round in 1...2 {
        for question in Self.questions {
          let verdict = try zone.validate(question.name, question.type, at: server.endpoint)
          #expect(
            verdict.contains("fully validated"), "\(question.testDescription) \(round): \(verdict)")
        }
      }
      // The test can fail: another key is not believed.
      let stranger = try SignedZone(denial)
      let verdict = try stranger.validate("www.\(SignedZone.name)", "A", at: server.endpoint)
      #expect(!verdict.contains("fully validated"))
      let shown = try server.ctl("cache", "show", "a.wild.\(SignedZone.name)").output
      #expect(shown.contains("RRSIG") && shown.contains(denial.rawValue.uppercased()))
    }
  }
}
