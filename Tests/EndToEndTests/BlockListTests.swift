import Foundation
import Testing

extension EndToEnd {
  @Suite("Block lists, groups and rules")
  struct BlockListTests {
    let folder: TemporaryFolder
    let upstream: ScriptedUpstream

    init() throws {
      folder = try TemporaryFolder()
      upstream = try ScriptedUpstream { query in
        let name = query.message.questions[0].name
        return [.reply(.reply(to: query.message, answers: [.a(name, "192.0.2.1")]))]
      }
    }

    private func write(_ text: String, to file: String) throws {
      try text.write(toFile: folder.file(file), atomically: true, encoding: .utf8)
    }

    private func configure(_ text: String) throws {
      try write(text.replacing("FOLDER", with: folder.path) + "\n", to: "server.yaml")
    }

    /// Starts a server with these settings, `FOLDER` being the folder, and waits until its lists are in force.
    private func serve(_ text: String, flags: [String] = []) throws -> ServerProcess {
      try configure(text)
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--config", folder.file("server.yaml")] + flags,
        folder: folder)
      _ = try server.ctl("block", "refresh")
      return server
    }

    private func data(
      _ server: ServerProcess, _ name: String, _ type: String = "A", from client: String? = nil
    ) throws -> [String] {
      let source = client.map { ["-b", $0] } ?? []
      return try server.dig(
        name, type, options: ["+tries=1", "+time=20"] + source
      ).answers.map(\.data)
    }

    @Test(arguments: [
      ("0.0.0.0 ads.example", true, false), ("ads.example", true, true),
      ("*.ads.example", true, true), ("||ads.example^", true, true),
      ("|ads.example^", true, false), ("address=/ads.example/", true, true),
      ("local-zone: \"ads.example\" always_nxdomain", true, true),
      ("@ SOA a. b. 1 2 3 4 5\nads.example CNAME .", true, false),
      ("@ SOA a. b. 1 2 3 4 5\n*.ads.example CNAME .", false, true),
    ])
    func `a line of each format blocks what it means`(
      line: String, isItself: Bool, isBelow: Bool
    ) throws {
      try write("\(line)\n", to: "list.txt")
      let server = try serve("block: {lists: [{name: ads, file: FOLDER/list.txt}]}")
      #expect(try data(server, "ads.example") == [isItself ? "0.0.0.0" : "192.0.2.1"])
      #expect(try data(server, "x.y.ads.example") == [isBelow ? "0.0.0.0" : "192.0.2.1"])
      #expect(try data(server, "other.example") == ["192.0.2.1"])
    }

    @Test func `each answer, for all types, with the list's name`() throws {
      try write("ads.example\n", to: "list.txt")
      let lists = "block: {lists: [FOLDER/list.txt], answer: ANSWER}"
      let server = try serve(lists.replacing("ANSWER", with: "zero"))
      let first = try server.dig("ads.example", "AAAA")
      #expect(first.answers.map(\.data) == ["::"] && first.answers.map(\.ttl) == [60])
      #expect(first.output.contains("EDE: 15 (Blocked): (list list)"), "\(first.output)")
      for type in ["HTTPS", "TXT"] {
        let reply = try server.dig("ads.example", type)
        #expect(reply.status == "NOERROR" && reply.answers.isEmpty)
        #expect(reply.authorities.map(\.type) == ["SOA"])
      }
      for (answer, status, data) in [
        ("nxdomain", "NXDOMAIN", []), ("nodata", "NOERROR", []), ("refused", "REFUSED", []),
        ("192.0.2.80", "NOERROR", ["192.0.2.80"]),
        ("[192.0.2.80, \"2001:db8::80\"]", "NOERROR", ["192.0.2.80"]),
      ] as [(String, String, [String])] {
        try configure(lists.replacing("ANSWER", with: answer))
        #expect(try server.ctl("reload").status == 0)
        let reply = try server.dig("ads.example", "A")
        #expect(reply.status == status && reply.answers.map(\.data) == data, "\(answer)")
      }
      #expect(try data(server, "ads.example", "AAAA") == ["2001:db8::80"])
      #expect(upstream.queries.isEmpty)
      #expect(try server.stat("queries.blocked") >= 9)
    }

    @Test func `groups have lists, rules and answers of their own`() throws {
      try write("ads.example\n", to: "ads.txt")
      try write("adult.example\n", to: "adult.txt")
      let server = try serve(
        """
        block: {lists: [FOLDER/ads.txt, FOLDER/adult.txt], deny: [denied.example], allow: [good.ads.example]}
        groups:
          - {name: kids, clients: [127.0.0.2, 127.0.1.0/24], answer: nxdomain, safe-search: true, deny: [games.example]}
          - {name: free, clients: [127.0.0.3], lists: []}
          - {name: default, lists: [ads]}
        """)
      #expect(try data(server, "ads.example") == ["0.0.0.0"])
      #expect(try data(server, "adult.example") == ["192.0.2.1"])
      #expect(try data(server, "good.ads.example") == ["192.0.2.1"])
      #expect(try data(server, "denied.example", from: "127.0.0.3") == ["0.0.0.0"])
      #expect(try data(server, "ads.example", from: "127.0.0.3") == ["192.0.2.1"])
      #expect(try data(server, "games.example") == ["192.0.2.1"])
      for client in ["127.0.0.2", "127.0.1.9"] {
        #expect(try data(server, "adult.example", from: client) == [])
        #expect(try data(server, "games.example", from: client) == [])
      }
      #expect(
        try data(server, "www.google.de", from: "127.0.0.2") == [
          "forcesafesearch.google.com.", "192.0.2.1",
        ])
      #expect(try data(server, "www.google.de") == ["192.0.2.1"])
      #expect(try server.dig("use-application-dns.net", "A").status == "NXDOMAIN")
      let explained = try server.ctl("explain", "adult.example").output
      #expect(
        explained.contains("adult.example. is blocked by list adult, for kids"), "\(explained)")
      let metrics = try server.ctl("block", "status", "--json").output
      #expect(metrics.contains("\"list\":\"adult\"") && metrics.contains("\"blocked\":2"))
    }

    @Test func `a list that changes is read again, one that breaks stays as it was`() throws {
      try write("one.example\n", to: "list.txt")
      let server = try serve("block: {lists: [FOLDER/list.txt]}")
      #expect(try data(server, "one.example") == ["0.0.0.0"])
      #expect(try data(server, "two.example") == ["192.0.2.1"])
      try write("two.example\n", to: "list.txt")
      #expect(try eventually { try data(server, "two.example") == ["0.0.0.0"] })
      #expect(try data(server, "one.example") == ["192.0.2.1"])
      for broken in ["<!DOCTYPE html>\n<p>moved", String(repeating: "\u{1}\u{2}\n", count: 20)] {
        let failures = try server.stat("block.failures")
        try write(broken, to: "list.txt")
        #expect(try eventually { try server.stat("block.failures") > failures })
        #expect(try data(server, "two.example") == ["0.0.0.0"])
      }
      try FileManager.default.removeItem(atPath: folder.file("list.txt"))
      #expect(
        try eventually {
          try server.ctl("block", "status").output.contains("there is no such file")
        })
      #expect(try data(server, "two.example") == ["0.0.0.0"])
      // An emptied file is believed.
      try write("# nothing\n", to: "list.txt")
      #expect(try eventually { try data(server, "two.example") == ["192.0.2.1"] })
    }

    @Test func `after a restart the first query is blocked, though the list is gone`() throws {
      try write("one.example\n", to: "list.txt")
      let server = try serve("block: {lists: [FOLDER/list.txt]}")
      #expect(try data(server, "one.example") == ["0.0.0.0"])
      try FileManager.default.removeItem(atPath: folder.file("list.txt"))
      server.kill9()
      try server.start()
      #expect(try data(server, "one.example") == ["0.0.0.0"])
      #expect(upstream.queries.isEmpty)
      // A compiled list that is damaged is not used.
      try write("one.example\n", to: "list.txt")
      _ = server.terminate()
      let path = folder.file("lists/list.names")
      var octets = try Data(contentsOf: URL(filePath: path))
      octets[octets.count - 3] ^= 0x55
      try octets.write(to: URL(filePath: path))
      try server.start()
      #expect(try eventually { try data(server, "one.example") == ["0.0.0.0"] })
      #expect(!server.logLines(containing: "is damaged").isEmpty)
    }

    @Test func `no list may block what is needed, nor a top-level domain`() throws {
      try write("com\nlan\nrouter.home.arpa\nx.corp.example\n||net^\nok.example\n", to: "list.txt")
      let settings = """
        local: {domain: home.arpa, records: ["router A 192.168.1.1"]}
        routes: [{domains: [corp.example], upstream: [UPSTREAM]}]
        block: {lists: [FOLDER/list.txt], allow-broad: BROAD}
        """.replacing("UPSTREAM", with: "127.0.0.1:\(upstream.endpoint.port)")
      let server = try serve(settings.replacing("BROAD", with: "false"))
      #expect(try data(server, "www.example.com") == ["192.0.2.1"])
      #expect(try data(server, "router.home.arpa") == ["192.168.1.1"])
      #expect(try data(server, "x.corp.example") == ["192.0.2.1"])
      #expect(try data(server, "ok.example") == ["0.0.0.0"])
      #expect(try server.ctl("block", "status", "--json").output.contains("\"refused\":5"))
      try configure(settings.replacing("BROAD", with: "true"))
      #expect(try server.ctl("reload").status == 0)
      #expect(try eventually { try data(server, "www.example.com") == ["0.0.0.0"] })
      #expect(try data(server, "x.corp.example") == ["192.0.2.1"])
    }

    @Test func `rules by hand and pauses, which a restart keeps and ends`() throws {
      try write("# a list\n||ads.example^\n", to: "list.txt")
      let server = try serve("block: {lists: [FOLDER/list.txt]}")
      let test = try server.ctl("block", "test", "x.ads.example").output
      #expect(test.contains("blocked: list list"), "\(test)")
      #expect(test.contains("2     ||ads.example^"), "\(test)")
      #expect(try server.ctl("block", "allow", "x.ads.example").status == 0)
      #expect(try server.ctl("block", "deny", "bad.example", "--for", "2d").status == 0)
      #expect(try data(server, "x.ads.example") == ["192.0.2.1"])
      #expect(try data(server, "y.bad.example") == ["0.0.0.0"])
      #expect(try server.ctl("block", "deny", "bad.example", "--for", "40d").status != 0)
      #expect(try server.ctl("block", "deny", "not a name").status != 0)
      #expect(try server.ctl("block", "pause", "1h").status == 0)
      #expect(try data(server, "bad.example") == ["192.0.2.1"])
      _ = server.terminate()
      try server.start()
      #expect(try data(server, "bad.example") == ["0.0.0.0"])
      #expect(try data(server, "x.ads.example") == ["192.0.2.1"])
      #expect(try server.ctl("block", "forget", "x.ads.example").status == 0)
      #expect(try server.ctl("block", "forget", "x.ads.example").status != 0)
      #expect(try data(server, "x.ads.example") == ["0.0.0.0"])
      #expect(try server.ctl("block", "pause", "1s").status == 0)
      #expect(try eventually { try data(server, "bad.example") == ["0.0.0.0"] })
    }

    @Test func `check says which lines of lists can't be used`() throws {
      try write("ads.example\ncom\nno name\n", to: "list.txt")
      try configure("block: {lists: [FOLDER/list.txt, FOLDER/missing.txt]}")
      let result = try Tool.run(ServerProcess.binary, ["check", folder.file("server.yaml")])
      #expect(result.status == 0)
      for part in [
        "list.txt:2: com. is not for a list to block", "list.txt:3: isn't a name",
        "missing.txt: there is no such file",
      ] {
        #expect(result.errors.contains(part), "\(part): \(result.errors)")
      }
    }

    @Test func `a group counts at its times, else its clients are in the default one`() throws {
      let now = Calendar.current.dateComponents([.weekday, .hour], from: Date())
      let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
      let today = (now.weekday ?? 1) - 1
      let (here, away) = (
        "\(days[(today + 6) % 7])-\(days[(today + 1) % 7])", days[(today + 3) % 7]
      )
      for (days, isActive) in [(here, true), (away, false)] {
        let server = try serve(
          """
          groups:
            - {name: kids, clients: [127.0.0.2], deny: [games.example], active: "\(days) 0:00-24:00"}
          """)
        #expect(
          try data(server, "games.example", from: "127.0.0.2")
            == [isActive ? "0.0.0.0" : "192.0.2.1"])
        _ = server.terminate()
      }
    }

    @Test func `the log tells who asked for what, and what became of it`() throws {
      try write("ads.example\n", to: "list.txt")
      let server = try serve(
        "block: {lists: [FOLDER/list.txt]}\nlog: {recent: 8}\nlocal: {records: [\"2.0.0.127.in-addr.arpa. PTR tv.home.arpa.\"]}"
      )
      #expect(try data(server, "x.ads.example", from: "127.0.0.2") == ["0.0.0.0"])
      for _ in 0..<2 { _ = try data(server, "www.example.net") }
      _ = try server.dig("+tcp", "localhost", "AAAA")
      let text = try server.ctl("log").output
      // Whether the server is there, was asked before.
      let lines = text.split(separator: "\n").filter { !$0.contains("version.bind") }
      #expect(lines.count == 4, "\(text)")
      #expect(
        lines[0].contains("127.0.0.2 (tv.home.arpa)")
          && lines[0].contains("x.ads.example.  A  NOERROR  blocked by list list"), "\(text)")
      #expect(lines[1].contains("www.example.net.  A  NOERROR  upstream  "), "\(text)")
      #expect(lines[2].contains("www.example.net.  A  NOERROR  cache  "), "\(text)")
      #expect(lines[3].contains("tcp  localhost.  AAAA  NOERROR  local  "), "\(text)")
      #expect(try server.ctl("log", "--blocked").output.split(separator: "\n").count == 1)
      #expect(
        try server.ctl("log", "--name", "EXAMPLE.net").output.split(separator: "\n").count == 2)
      let client = try server.ctl("log", "--client", "127.0.0.2", "--json").output
      #expect(client.contains("\"list\":\"list\"") && !client.contains("localhost"), "\(client)")
      for _ in 0..<8 { _ = try data(server, "late.example.net") }
      #expect(try !server.ctl("log").output.contains("ads.example"))
      #expect(try server.ctl("log", "--count", "0").status != 0)
    }

    @Test func `what is wrong with lists and groups is said`() throws {
      for (text, message) in [
        ("block: {lists: [{name: ads}]}", "file"),
        ("block: {lists: [{name: a.b, file: x}]}", "not a name"),
        ("block: {lists: [ads.txt, other/ads.txt]}", "is the name of two lists"),
        ("block: {answer: never}", "neither zero"),
        ("groups: [{name: kids}]", "a group has clients"),
        (
          "groups: [{name: kids, clients: [192.168.1.2], lists: [adult]}]", "there is no list adult"
        ),
        ("groups: [{name: default, clients: [192.168.1.2]}]", "leave out clients"),
        (
          "groups: [{name: a, clients: [192.168.1.2]}, {name: b, clients: [192.168.1.2/32]}]",
          "is in a, too"
        ),
        ("groups: [{name: a, clients: [nobody]}]", "neither an address"),
        ("groups: [{name: a, clients: [192.168.1.2], active: sometimes}]", "is not days and times"),
      ] {
        try write(text + "\n", to: "wrong.yaml")
        let result = try Tool.run(ServerProcess.binary, ["check", folder.file("wrong.yaml")])
        #expect(result.status == 64 && result.errors.contains(message), "\(text): \(result.errors)")
      }
    }
  }
}
