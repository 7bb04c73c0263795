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
