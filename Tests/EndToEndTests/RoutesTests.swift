import Foundation
import Testing

extension EndToEnd {
  @Suite("Names with a route")
  struct RoutesTests {
    let folder: TemporaryFolder
    let upstream: ScriptedUpstream
    let server: ServerProcess

    init() throws {
      folder = try TemporaryFolder()
      upstream = try ScriptedUpstream { query in
        let name = query.message.questions[0].name
        return [.reply(.reply(to: query.message, answers: [.a(name, "192.0.2.1")]))]
      }
      let path = folder.file("server.yaml")
      try "routes: [{domains: [ads.example], networks: [192.0.2.0/25], upstream: none}]\n"
        .write(toFile: path, atomically: true, encoding: .utf8)
      server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--config", path], folder: folder)
    }

    @Test func `nobody is asked for the names of a route without servers`() throws {
      #expect(try server.ask("ads.example")?.code == 3)
      #expect(try server.ask("www.ads.example")?.code == 3)
      #expect(upstream.queries.isEmpty)
      #expect(try server.ask("www.ads.example.net")?.answers.count == 1)
      #expect(try server.stat("queries.special") == 2)
    }

    @Test func `the routes, and that of a name, are told`() throws {
      let all = try server.ctl("routes").output
      #expect(
        all == """
          ads.example and the reverse names of 192.0.2.0/25: nobody is asked, these names don't exist (NXDOMAIN)
          all other names: asked of \(upstream.endpoint)

          """)
      let routes = try #require(try server.ctlJSON("routes") as? [[String: Any]])
      #expect(routes.map { $0["domains"] as? [String] } == [["ads.example."], ["."]])
      #expect(routes.map { $0["networks"] as? [String] } == [["192.0.2.0/25"], []])
      #expect(routes.map { $0["upstream"] as? [String] } == [[], ["\(upstream.endpoint)"]])
      for (name, course, zone) in [
        ("a.ADS.example", "local", "ads.example."),
        ("192.0.2.7", "local", "7.2.0.192.in-addr.arpa."),
        ("192.0.2.200", "local", "2.0.192.in-addr.arpa."), ("www.example", "asked", "."),
        ("x.localhost", "local", "localhost."),
      ] {
        let facts = try #require(try server.ctlJSON("routes", name) as? [String: Any])
        #expect(facts["course"] as? String == course, "\(name)")
        #expect(facts["zone"] as? String == zone, "\(name)")
      }
      let wrong = try server.ctl("routes", "a..b")
      #expect(wrong.status == 64 && wrong.errors.contains("not a domain name: a..b"))
      let story = try server.ctl("explain", "www.ads.example").output
      #expect(story.contains("routes: the route of ads.example. has no server"), "\(story)")
      #expect(!story.contains("special-zones"))
    }

    @Test func `a reload takes routes over, and names that nobody is asked for leave the cache`()
      throws
    {
      for name: DNSName in ["www.corp.example", "www.example.net"] {
        #expect(try server.ask(name)?.answers.count == 1)
      }
      let path = folder.file("server.yaml")
      try
        "routes: [{domains: [corp.example], upstream: none}, {networks: [192.0.2.0/25], upstream: none}]\n"
        .write(toFile: path, atomically: true, encoding: .utf8)
      let result = try server.ctl("reload")
      #expect(
        result.output
          == "changed: routes[192.0.2.0/25], routes[ads.example.], routes[corp.example.]\n")
      #expect(try eventually { try server.stat("cache.names") == 1 })
      #expect(try server.ask("www.corp.example")?.code == 3)
      #expect(try server.ask("www.ads.example")?.answers.count == 1)
    }
  }
}

extension EndToEnd {
  @Suite("Servers of routes")
  struct RouteServersTests {
    let folder: TemporaryFolder
    /// What answers for all names but those of the route, and what for those.
    let upstream: ScriptedUpstream
    let corporate: ScriptedUpstream

    init() throws {
      folder = try TemporaryFolder()
      upstream = try ScriptedUpstream { query in
        let name = query.message.questions[0].name
        return [.reply(.reply(to: query.message, answers: [.a(name, "192.0.2.1")]))]
      }
      corporate = try ScriptedUpstream { query in
        let name = query.message.questions[0].name
        return [.reply(.reply(to: query.message, answers: [.a(name, "10.0.0.1")]))]
      }
    }

    private func data(_ server: ServerProcess, _ name: String) throws -> [String] {
      try server.dig(name).answers.map(\.data)
    }

    /// Whether a server was asked for a name in corp.example.
    private func isAskedForCorp(_ server: ScriptedUpstream) -> Bool {
      server.queries.contains { "\($0.message.questions[0].name)".lowercased().contains("corp") }
    }

    @Test func `a flag gives a domain servers of its own`() throws {
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--route", "corp.example=\(corporate.endpoint)"],
        folder: folder)
      #expect(try data(server, "www.corp.example") == ["10.0.0.1"])
      #expect(try data(server, "www.example.net") == ["192.0.2.1"])
      #expect(!isAskedForCorp(upstream))
      #expect(corporate.queries.allSatisfy { _ in true } && isAskedForCorp(corporate))
      let rows = try #require(try server.ctlJSON("upstreams") as? [[String: Any]])
      #expect(
        rows.map { $0["address"] as? String } == ["\(upstream.endpoint)", "\(corporate.endpoint)"])
      let story = try server.ctl("explain", "new.corp.example").output
      #expect(story.contains("\(corporate.endpoint) is asked first"), "\(story)")
    }

    @Test func `a reload gives names another route, and what is known of them goes`() throws {
      let path = folder.file("server.yaml")
      try "cache: {size: 16MiB}\n".write(toFile: path, atomically: true, encoding: .utf8)
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--config", path], folder: folder)
      #expect(try data(server, "www.corp.example") == ["192.0.2.1"])
      #expect(try data(server, "www.example.net") == ["192.0.2.1"])
      try
        "cache: {size: 16MiB}\nroutes: [{domains: [corp.example], upstream: [\"\(corporate.endpoint)\"]}]\n"
        .write(toFile: path, atomically: true, encoding: .utf8)
      #expect(try server.ctl("reload").status == 0)
      #expect(try eventually { try data(server, "www.corp.example") == ["10.0.0.1"] })
      // And back.
      try "cache: {size: 16MiB}\n".write(toFile: path, atomically: true, encoding: .utf8)
      #expect(try server.ctl("reload").status == 0)
      #expect(try eventually { try data(server, "www.corp.example") == ["192.0.2.1"] })
      #expect(try data(server, "www.example.net") == ["192.0.2.1"])
      #expect(
        upstream.queries.count {
          "\($0.message.questions[0].name)".lowercased() == "www.example.net."
        } == 1)
    }

    @Test func `routes in another order keep their servers`() throws {
      let path = folder.file("server.yaml")
      let routes = [
        "{domains: [corp.example], upstream: [\"\(corporate.endpoint)\"]}",
        "{domains: [other.example], upstream: [\"\(upstream.endpoint)\"]}",
      ]
      func write(_ routes: [String]) throws {
        try "routes: [\(routes.joined(separator: ", "))]\n"
          .write(toFile: path, atomically: true, encoding: .utf8)
      }
      try write(routes)
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--config", path], folder: folder)
      #expect(try data(server, "a.corp.example") == ["10.0.0.1"])
      #expect(try data(server, "a.other.example") == ["192.0.2.1"])
      try write(routes.reversed())
      #expect(try server.ctl("reload").status == 0)
      #expect(try data(server, "b.corp.example") == ["10.0.0.1"])
      #expect(try data(server, "b.other.example") == ["192.0.2.1"])
    }

    @Test func `a route that is new at a start has none of what others said`() throws {
      let cache = folder.file("cache.snapshot")
      do {
        let server = try ServerProcess(upstreams: [upstream.endpoint], cacheFile: cache)
        #expect(try data(server, "www.corp.example") == ["192.0.2.1"])
        #expect(try data(server, "www.example.net") == ["192.0.2.1"])
        #expect(server.terminate(SIGTERM) == .exited(0))
      }
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--route", "corp.example=\(corporate.endpoint)"],
        cacheFile: cache)
      #expect(try eventually { try data(server, "www.corp.example") == ["10.0.0.1"] })
      #expect(try data(server, "www.example.net") == ["192.0.2.1"])
      #expect(server.terminate(SIGTERM) == .exited(0))
      // Its own data is still good after another start.
      corporate.stop()
      try server.start()
      #expect(try eventually { try data(server, "www.corp.example") == ["10.0.0.1"] })
    }
  }
}
