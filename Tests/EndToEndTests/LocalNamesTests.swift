import Foundation
import Testing

extension EndToEnd {
  @Suite("The LAN's own names")
  struct LocalNamesTests {
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
      try text.write(toFile: folder.file(file), atomically: false, encoding: .utf8)
    }

    /// Starts a server with what stands under `local:`, `FOLDER` being the folder.
    private func serve(_ local: String, flags: [String] = []) throws -> ServerProcess {
      try configure(local)
      return try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--config", folder.file("server.yaml")] + flags,
        folder: folder)
    }

    private func configure(_ local: String) throws {
      try write("local: \(local.replacing("FOLDER", with: folder.path))\n", to: "server.yaml")
    }

    private func data(_ server: ServerProcess, _ name: String, _ type: String = "A") throws
      -> [String]
    {
      try server.dig(name, type).answers.map(\.data)
    }

    @Test func `nslookup finds a printer by its name and by its address`() throws {
      try write("192.168.1.10 printer\n192.168.1.5 nas files\n", to: "hosts")
      let server = try serve("{domain: home.arpa, hosts: [FOLDER/hosts]}")
      let port = "-port=\(server.endpoint.port)"
      let forth = try Tool.run("nslookup", [port, "printer", "127.0.0.1"])
      #expect(forth.output.contains("Address: 192.168.1.10"), "\(forth.output)")
      let back = try Tool.run("nslookup", [port, "192.168.1.10", "127.0.0.1"])
      #expect(
        back.output.contains("10.1.168.192.in-addr.arpa\tname = printer.home.arpa."),
        "\(back.output)")
      let whole = try server.dig("files.home.arpa", "A")
      #expect(whole.flags.contains("aa") && whole.answers.map(\.data) == ["192.168.1.5"])
      #expect(try server.dig("scanner.home.arpa", "A").status == "NXDOMAIN")
      #expect(try server.dig("scanner", "A").status == "NXDOMAIN")
      #expect(upstream.queries.isEmpty)
      #expect(try server.stat("local.names") >= 8)
    }

    @Test func `what becomes of a file is seen without a reload, and leaves the cache alone`()
      throws
    {
      // The file is not there yet, nor is its folder.
      let server = try serve("{domain: home.arpa, hosts: [FOLDER/later/hosts]}")
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      #expect(try server.dig("nas.home.arpa", "A").status == "NXDOMAIN")
      try FileManager.default.createDirectory(
        atPath: folder.file("later"), withIntermediateDirectories: false)
      try write("192.168.1.5 nas\n", to: "later/hosts")
      #expect(try eventually { try data(server, "nas.home.arpa") == ["192.168.1.5"] })
      // Written in place.
      let file = try #require(FileHandle(forWritingAtPath: folder.file("later/hosts")))
      try file.seekToEnd()
      try file.write(contentsOf: Data("192.168.1.6 nas2\n".utf8))
      try file.close()
      #expect(try eventually { try data(server, "nas2.home.arpa") == ["192.168.1.6"] })
      // Renamed over.
      try write("192.168.1.7 nas3\n", to: "later/new")
      #expect(unsafe rename(folder.file("later/new"), folder.file("later/hosts")) == 0)
      #expect(try eventually { try data(server, "nas3.home.arpa") == ["192.168.1.7"] })
      #expect(try eventually { try data(server, "nas.home.arpa") == [] })
      // Deleted, and made again.
      try FileManager.default.removeItem(atPath: folder.file("later/hosts"))
      #expect(try eventually { try data(server, "nas3.home.arpa") == [] })
      try write("192.168.1.8 nas3\n", to: "later/hosts")
      #expect(try eventually { try data(server, "nas3.home.arpa") == ["192.168.1.8"] })
      #expect(try server.stat("cache.names") == 1)
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      #expect(upstream.queries.count == 1)
    }

    @Test func `leases come and end by their own time`() throws {
      let server = try serve("{domain: home.arpa, leases: [FOLDER/leases]}")
      let end = Int(Date().timeIntervalSince1970) + 3
      try write(
        """
        \(end) 52:54:00:12:34:56 192.168.1.20 Phone *
        \(end + 3_600) 52:54:00:12:34:57 192.168.1.21 tv *
        \(end + 3_600) 52:54:00:12:34:58 192.168.1.22 wpad *

        """, to: "leases")
      #expect(try eventually { try data(server, "tv.home.arpa") == ["192.168.1.21"] })
      let isEnding = try data(server, "phone.home.arpa") == ["192.168.1.20"]
      #expect(isEnding || Int(Date().timeIntervalSince1970) >= end)
      // Nobody writes.
      #expect(try eventually { try server.dig("phone.home.arpa", "A").status == "NXDOMAIN" })
      #expect(Int(Date().timeIntervalSince1970) >= end)
      #expect(try data(server, "192.168.1.21.ignored.home.arpa") == [])
      #expect(try data(server, "21.1.168.192.in-addr.arpa", "PTR") == ["tv.home.arpa."])
      #expect(try server.dig("wpad.home.arpa", "A").status == "NXDOMAIN")
      #expect(server.logLines(containing: "wpad is refused").count == 1)
    }

    @Test func `a name of hosts is not a lease's, and comes back when hosts has it no more`() throws
    {
      try write("192.168.1.99 phone\n", to: "hosts")
      try write("0 52:54:00:12:34:56 192.168.1.20 phone *\n", to: "leases")
      let server = try serve(
        "{domain: home.arpa, hosts: [FOLDER/hosts], leases: [FOLDER/leases]}")
      #expect(try data(server, "phone.home.arpa") == ["192.168.1.99"])
      let rows = try #require(
        (try server.ctlJSON("local", "show", "phone.home.arpa") as? [String: Any])?["records"]
          as? [[String: Any]])
      #expect(rows.map { $0["given"] as? Bool } == [true, false])
      #expect(
        rows.map { $0["source"] as? String } == [
          "\(folder.file("hosts")):1", "\(folder.file("leases")):1",
        ])
      try write("", to: "hosts")
      #expect(try eventually { try data(server, "phone.home.arpa") == ["192.168.1.20"] })
      #expect(try server.stat("local.refused") > 0)
    }

    @Test func `Kea's clean-up and ISC's rotation lose nothing`() throws {
      let header = "address,hwaddr,client_id,valid_lifetime,expire,hostname,state\n"
      try write(header + "192.168.1.20,,,3600,9999999999,phone,0\n", to: "kea.csv")
      func block(_ address: String, _ name: String) -> String {
        "lease \(address) {\n  ends never;\n  binding state active;\n  client-hostname \"\(name)\";\n}\n"
      }
      try write(block("192.168.1.30", "printer"), to: "dhcpd.leases")
      let server = try serve(
        "{domain: home.arpa, leases: [FOLDER/kea.csv, FOLDER/dhcpd.leases]}")
      #expect(try data(server, "phone.home.arpa") == ["192.168.1.20"])
      #expect(try data(server, "printer.home.arpa") == ["192.168.1.30"])
      // Kea begins a new file; what was is in `.2` then.
      #expect(unsafe rename(folder.file("kea.csv"), folder.file("kea.csv.2")) == 0)
      try write(header + "192.168.1.21,,,3600,9999999999,tv,0\n", to: "kea.csv")
      #expect(try eventually { try data(server, "tv.home.arpa") == ["192.168.1.21"] })
      #expect(try data(server, "phone.home.arpa") == ["192.168.1.20"])
      // dhcpd writes a new file beside the old one and renames it over.
      try write(
        block("192.168.1.30", "printer") + block("192.168.1.31", "scanner"), to: "dhcpd.new")
      #expect(unsafe rename(folder.file("dhcpd.new"), folder.file("dhcpd.leases")) == 0)
      #expect(try eventually { try data(server, "scanner.home.arpa") == ["192.168.1.31"] })
      #expect(try data(server, "printer.home.arpa") == ["192.168.1.30"])
    }

    @Test func `leases stay when their file vanishes, and end by their time`() throws {
      let end = Int(Date().timeIntervalSince1970) + 4
      try write(
        "9999999999 52:54:00:12:34:56 192.168.1.20 phone *\n\(end) 52:54:00:12:34:57 192.168.1.21 tv *\n",
        to: "leases")
      try write("192.168.1.5 nas\n", to: "hosts")
      let server = try serve("{domain: home.arpa, leases: [FOLDER/leases], hosts: [FOLDER/hosts]}")
      #expect(try data(server, "phone.home.arpa") == ["192.168.1.20"])
      try FileManager.default.removeItem(atPath: folder.file("leases"))
      #expect(eventually { !server.logLines(containing: "what was read before stays").isEmpty })
      try FileManager.default.removeItem(atPath: folder.file("hosts"))
      #expect(try eventually { try data(server, "nas.home.arpa") == [] })
      #expect(try data(server, "phone.home.arpa") == ["192.168.1.20"])
      let isEnding = try data(server, "tv.home.arpa") == ["192.168.1.21"]
      #expect(isEnding || Int(Date().timeIntervalSince1970) >= end)
      #expect(try eventually { try server.dig("tv.home.arpa", "A").status == "NXDOMAIN" })
      #expect(Int(Date().timeIntervalSince1970) >= end)
      #expect(try data(server, "phone.home.arpa") == ["192.168.1.20"])
      // Nothing is read again and again.
      let readings = try server.stat("local.readings")
      #expect(try server.dig("phone.home.arpa", "A").status == "NOERROR")
      #expect(try server.stat("local.readings") - readings <= 1)
    }

    @Test func `zones and records`() throws {
      try write(
        "$TTL 300\n@ IN SOA ns host 1 1h 20m 1w 5m\nns A 192.168.2.1\n* A 192.168.2.2\n$INCLUDE x\n",
        to: "lab.zone")
      let server = try serve(
        """
        {domain: home.arpa,
          records: ["nas A 192.168.1.5", "www CNAME nas", "_ipp._tcp SRV 0 0 631 nas", "ext CNAME www.example.net."],
          zones: {lab.example: {kind: static, file: FOLDER/lab.zone},
                  ads.example: {kind: redirect}, x.example: {kind: transparent, without: [AAAA]}}}
        """)
      #expect(try data(server, "www.home.arpa") == ["nas.home.arpa.", "192.168.1.5"])
      let service = try server.dig("_ipp._tcp.home.arpa", "SRV")
      #expect(service.additionals.map(\.data).contains("192.168.1.5"), "\(service.output)")
      #expect(try data(server, "5.1.168.192.in-addr.arpa", "PTR") == ["nas.home.arpa."])
      #expect(try data(server, "any.lab.example") == ["192.168.2.2"])
      let none = try server.dig("ns.lab.example", "TXT")
      #expect(
        none.authorities.map(\.data) == ["ns.lab.example. host.lab.example. 1 3600 1200 604800 300"]
      )
      #expect(try server.dig("www.ads.example", "A").status == "NOERROR")
      #expect(upstream.queries.isEmpty)
      #expect(try data(server, "ext.home.arpa") == ["www.example.net.", "192.0.2.1"])
      #expect(try data(server, "www.x.example") == ["192.0.2.1"])
      #expect(try data(server, "www.x.example", "AAAA") == [])
      #expect(upstream.queries.count == 2)
      #expect(server.logLines(containing: "lab.zone:5: $INCLUDE is not carried out").count == 1)
    }

    @Test func `a reload takes other sources over`() throws {
      try write("192.168.1.5 nas\n", to: "hosts")
      let server = try serve("{domain: home.arpa, hosts: [FOLDER/hosts]}")
      #expect(try data(server, "nas.home.arpa") == ["192.168.1.5"])
      try configure("{domain: lan, hosts: [FOLDER/hosts], records: [\"tv A 192.168.1.6\"]}")
      let result = try server.ctl("reload")
      #expect(result.output.contains("local.domain"), "\(result)")
      #expect(try eventually { try data(server, "nas.lan") == ["192.168.1.5"] })
      #expect(try eventually { try data(server, "tv.lan") == ["192.168.1.6"] })
      #expect(try eventually { try server.ask("nas.home.arpa")?.code == 3 })
      try configure("{}")
      #expect(try server.ctl("reload").status == 0)
      #expect(try eventually { try server.stat("local.names") == 0 })
    }

    @Test func `it is told where a name comes from, and what is wrong with a file`() throws {
      try write("192.168.1.5 nas\n192.168.1.500 bad\n", to: "hosts")
      let server = try serve(
        "{domain: home.arpa, hosts: [FOLDER/hosts], leases: [FOLDER/none]}")
      let story = try server.ctl("explain", "nas.home.arpa").output
      #expect(story.contains("local: A is from \(folder.file("hosts")):1"), "\(story)")
      let none = try server.ctl("explain", "x.home.arpa").output
      #expect(none.contains("local: names in home.arpa. are the LAN's own"), "\(none)")
      let sources = try server.ctl("local", "show").output
      #expect(sources.contains("1 line can't be used"), "\(sources)")
      #expect(sources.contains("No such file or directory"), "\(sources)")
      let status = try server.ctl("status").output
      #expect(status.contains("No such file or directory"), "\(status)")
      let check = try Tool.run(ServerProcess.binary, ["check", folder.file("server.yaml")])
      #expect(check.status == 0)
      #expect(check.errors.contains("hosts:2: 192.168.1.500 is no address"), "\(check.errors)")
      #expect(check.errors.contains("none: No such file or directory"), "\(check.errors)")
      // Said once, however often the file is read.
      try write("192.168.1.5 nas\n192.168.1.500 bad\n192.168.1.6 tv\n", to: "hosts")
      #expect(try eventually { try data(server, "tv.home.arpa") == ["192.168.1.6"] })
      #expect(server.logLines(containing: "192.168.1.500 is no address").count == 1)
    }

    @Test(arguments: ["folder", "large", "binary", "link to nothing", "loop of links", "pipe"])
    func `a file that is none costs itself`(kind: String) throws {
      let path = folder.file("odd")
      switch kind {
      case "folder":
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      case "large": try write(String(repeating: "#", count: 5_000) + "\n10.0.0.1 odd\n", to: "odd")
      case "binary":
        try Data((0..<60_000).map { UInt8(truncatingIfNeeded: $0 &* 7_919) })
          .write(to: URL(fileURLWithPath: path))
      case "link to nothing": #expect(unsafe symlink(folder.file("nowhere"), path) == 0)
      case "loop of links": #expect(unsafe symlink(path, path) == 0)
      default: #expect(unsafe mkfifo(path, 0o600) == 0)
      }
      try write("192.168.1.5 nas\n", to: "hosts")
      let limit = kind == "large" ? ", max-file-size: 4KiB" : ""
      let server = try serve("{domain: home.arpa, hosts: [FOLDER/odd, FOLDER/hosts]\(limit)}")
      #expect(try data(server, "nas.home.arpa") == ["192.168.1.5"])
      #expect(!server.logLines(containing: path).isEmpty, "\(server.log)")
      #expect(server.logLines(containing: path).count <= 25)
      #expect(try data(server, "odd.home.arpa") == [])
    }

    @Test func `records that are none, and zones that can't be, keep a server from starting`()
      throws
    {
      for (local, complaint) in [
        (
          "{records: [\"nas A 192.168.1.5\"]}",
          "local.records: nas A 192.168.1.5: a name without a final dot"
        ),
        (
          "{domain: home.arpa, records: [\"nas A 1.2.3\"]}",
          "local.records: nas A 1.2.3: an address is none"
        ),
        ("{domain: ., hosts: [x]}", "local.domain: .: that is every name of the internet"),
        ("{zones: [{name: localhost}]}", "always answered here"),
        ("{zones: [{name: a.example, without: [AAAA]}]}", "write kind: transparent"),
        ("{hosts: [x, x]}", "is named twice"),
        ("{zones: [{name: x, kind: statik}]}", "did you mean static"),
      ] {
        try configure(local)
        let check = try Tool.run(ServerProcess.binary, ["check", folder.file("server.yaml")])
        #expect(check.status == 64 && check.errors.contains(complaint), "\(local): \(check.errors)")
      }
    }

    @Test func `a loop of the LAN's own aliases is an error, and nothing worse`() throws {
      let server = try serve(
        "{domain: home.arpa, records: [\"a CNAME b\", \"b CNAME a\", \"c CNAME c\"]}")
      #expect(try server.dig("a.home.arpa", "A").status == "SERVFAIL")
      #expect(try server.dig("c.home.arpa", "A").status == "SERVFAIL")
      #expect(try data(server, "a.home.arpa", "CNAME") == ["b.home.arpa."])
    }

    @Test func `a hundred thousand lines are read in slices`() throws {
      let lines = (0..<100_000).map { "10.\($0 / 65_536).\($0 / 256 % 256).\($0 % 256) host\($0)" }
      try write(lines.joined(separator: "\n") + "\n", to: "hosts")
      let server = try serve("{domain: home.arpa, hosts: [FOLDER/hosts]}")
      #expect(try data(server, "host99999.home.arpa") == ["10.1.134.159"])
      // The whole name and the short one of each, and the way back; their memory.
      let (names, bytes) = (try server.stat("local.names"), try server.stat("local.bytes"))
      #expect(names >= 300_000)
      #expect(bytes / names <= 150, "\(bytes) bytes for \(names) names")
      // Read again while it serves.
      try write(lines.dropFirst().joined(separator: "\n") + "\n", to: "hosts")
      #expect(try eventually { try server.ask("host0.home.arpa")?.code == 3 })
      #expect(try data(server, "host1.home.arpa") == ["10.0.0.1"])
      if ServerProcess.isRelease { #expect(try server.areSlices(shorterThan: 1_024)) }
    }
  }
}
