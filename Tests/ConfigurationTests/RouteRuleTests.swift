import DNSPolicy
import DNSWire
import Testing

@testable import Configuration

@Suite("Routes among the settings")
struct RouteRuleTests {
  /// The routes that a file and flags give, before it is looked whether they go together.
  private func routes(_ text: String, _ assignments: [String] = []) throws -> [RouteRule] {
    var configuration = Configuration(defaults: Settings())
    configuration.take(assignments: assignments)
    configuration.take(ConfigurationFile(Array(text.utf8), path: "f.yaml"))
    try #require(configuration.errors.isEmpty, "\(configuration.errors)")
    return configuration.values("routes").compactMap(\.value.item).map(RouteRule.init)
  }

  private func mistakes(_ text: String, _ assignments: [String] = []) -> [String] {
    do {
      var configuration = Configuration(defaults: Settings())
      configuration.take(assignments: assignments)
      configuration.take(ConfigurationFile(Array(text.utf8), path: "f.yaml"))
      _ = try configuration.settings()
      return []
    } catch {
      return error.all.map(\.description)
    }
  }

  private func warnings(_ text: String) throws -> [String] {
    var configuration = Configuration(defaults: Settings())
    configuration.take(ConfigurationFile(Array(text.utf8), path: "f.yaml"))
    return configuration.routeWarnings().map(\.description)
  }

  @Test func `the routes of a file are read, and said in words`() throws {
    let routes = try routes(
      """
      routes:
        - {domains: [home.arpa, lan], upstream: [192.168.1.1]}
        - {networks: [192.168.0.0/16], upstream: 192.168.1.1}
        - {domains: corp.example, networks: ["fd00::/8"], upstream: ["dns://10.0.0.53?edns=off", "tcp://[fd00::53]"]}
        - {domains: [ads.corp.example], upstream: none}
      """)
    #expect(
      routes.map(\.sentence) == [
        "home.arpa and lan: asked of 192.168.1.1:53",
        "the reverse names of 192.168.0.0/16: asked of 192.168.1.1:53",
        "corp.example and the reverse names of fd00::/8: asked of dns://10.0.0.53:53?edns=off, tcp://[fd00::53]:53",
        "ads.corp.example: nobody is asked, these names don't exist (NXDOMAIN)",
      ])
    #expect(routes.map(\.route.isEmpty) == [false, false, false, true])
  }

  @Test func `a flag is a line of routes, and flags take the place of the file's`() throws {
    let routes = try routes(
      "routes: [{domains: [lan], upstream: [192.168.1.1]}]",
      [
        "routes=corp.example=10.0.0.53,10.0.1.53", "routes=10.0.0.0/8,a.example=none",
        "routes=b.example=dns://10.0.0.54?cookies=off",
      ])
    #expect(
      routes.map(\.item.text) == [
        "{domains: [corp.example.], upstream: [10.0.0.53:53, 10.0.1.53:53]}",
        "{domains: [a.example.], networks: [10.0.0.0/8], upstream: none}",
        "{domains: [b.example.], upstream: [dns://10.0.0.54:53?cookies=off]}",
      ])
  }

  @Test(
    arguments: [
      (
        "routes: [{domains: [lan]}]",
        "f.yaml:1:10: routes: a route needs upstream; write a list of server, or none"
      ),
      ("routes: [{upstream: none}]", "f.yaml:1:10: routes: a route needs domains or networks"),
      (
        "routes: [{domain: lan, upstream: none}]",
        "f.yaml:1:11: routes[].domain: no field of a route has this name; did you mean domains?"
      ),
      (
        "routes: [{domains: lan, upstream: none, validate: false}]",
        "f.yaml:1:41: routes[].validate: no field of a route has this name; those are"
      ),
      (
        "routes: [{domains: ., upstream: 192.0.2.1}]",
        "f.yaml:1:20: routes[].domains: .: that is the default route; its servers are `upstream`"
      ),
      (
        "routes: [{domains: \"*.lan\", upstream: none}]",
        "f.yaml:1:20: routes[].domains: *.lan: a domain stands for all names below it; write lan"
      ),
      (
        "routes: [{domains: 192.168.1.1, upstream: none}]",
        "f.yaml:1:20: routes[].domains: 192.168.1.1: an address, not a domain"
      ),
      (
        "routes: [{domains: x.onion, upstream: none}]",
        "f.yaml:1:20: routes[].domains: x.onion: names in onion are always answered here"
      ),
      (
        "routes: [{domains: [a.example, A.example], upstream: none}]",
        "f.yaml:1:32: routes[].domains: A.example: stands in the route twice"
      ),
      (
        "routes: [{domains: a.example, upstream: none}, {domains: [b.example, a.EXAMPLE], upstream: none}]",
        "f.yaml:1:70: routes[].domains: a.EXAMPLE: has a route already"
      ),
      (
        "routes: [{domains: 20.172.in-addr.arpa, upstream: none}, {networks: 172.16.0.0/12, upstream: none}]",
        "f.yaml:1:69: routes[].networks: 172.16.0.0/12: has a route already"
      ),
      (
        "routes: [{domains: lan, upstream: [192.0.2.1, 192.0.2.1:53]}]",
        "f.yaml:1:47: routes[].upstream: 192.0.2.1:53: stands in the list twice"
      ),
      (
        "routes: [{domains: lan, upstream: [192.0.2.1, none]}]",
        "f.yaml:1:47: routes[].upstream: none: not an address"
      ),
      (
        "routes: [{domains: lan, upstream: tls://192.0.2.1}]",
        "f.yaml:1:35: routes[].upstream: tls://192.0.2.1: encrypted DNS"
      ),
      (
        "routes: [{domains: lan, upstream: 127.0.0.1}]",
        "f.yaml:1:35: routes[].upstream: 127.0.0.1: this server listens there itself"
      ),
      (
        "routes: [{domains: lan, upstream: 0.0.0.0}]",
        "f.yaml:1:35: routes[].upstream: 0.0.0.0: no server can be there"
      ),
      (
        "upstream: \"dns://192.0.2.1?edns=off\"\nroutes: [{domains: lan, upstream: 192.0.2.1}]",
        "f.yaml:2:35: routes[].upstream: 192.0.2.1: this server stands elsewhere as dns://192.0.2.1:53?edns=off"
      ),
      (
        "routes: [{domains: lan, upstream: 192.0.2.1}, {domains: a.example, upstream: tcp://192.0.2.1}]",
        "f.yaml:1:78: routes[].upstream: tcp://192.0.2.1: this server stands elsewhere as 192.0.2.1:53"
      ),
      (
        "routes: [/corp.example/10.0.0.53]",
        "f.yaml:1:10: routes: /corp.example/10.0.0.53: this is dnsmasq's form of a route; here it is `routes: [\"corp.example=10.0.0.53\"]`"
      ),
      ("routes: [lan=]", "f.yaml:1:10: routes: lan=: no server is named; write none"),
      (
        "server=/a.example/b.example/192.0.2.1\n",
        "f.yaml:1:1: this is dnsmasq's form of a route; here it is `routes: [\"a.example,b.example=192.0.2.1\"]`"
      ),
    ] as [(String, String)])
  func `a mistake has its own sentence and its place`(text: String, message: String) {
    let found = mistakes(text)
    #expect(found.count == 1 && found[0].hasPrefix(message), "\(found)")
  }

  @Test(
    arguments: [
      ("lan", "--route lan: not a route; write corp.example=10.0.0.53,10.0.1.53"),
      ("lan=nine", "--route lan=nine: nine: not an address"),
      (".=192.0.2.1", "--route .: that is the default route"),
      ("lan=127.0.0.1", "--route 127.0.0.1: this server listens there itself"),
    ] as [(String, String)])
  func `a flag's mistake, too`(text: String, message: String) {
    let found = mistakes("", ["routes=\(text)"])
    #expect(found.count == 1 && found[0].hasPrefix(message), "\(found)")
  }

  @Test func `servers are counted once, and together with those of upstream`() {
    let most = Settings.mostServers
    func text(_ count: Int) -> String {
      let routes = stride(from: 0, to: count, by: 30).map { first in
        let servers = (first..<min(first + 30, count)).map { "10.0.\($0 / 200).\($0 % 200)" }
        return "{domains: r\(first).example, upstream: [\(servers.joined(separator: ", "))]}"
      }
      return
        "upstream: [192.0.2.1, 192.0.2.2]\nroutes: [\(routes.joined(separator: ", ")), {domains: a.example, upstream: [192.0.2.1, 10.0.0.1]}]"
    }
    #expect(mistakes(text(most - 2)) == [])
    let found = mistakes(text(most - 1))
    #expect(found.count == 1 && found[0].contains("more than \(most) servers"), "\(found)")
  }

  @Test func `a route has as many servers as upstream may have`() {
    func text(_ count: Int) -> String {
      let servers = (1...count).map { "10.0.0.\($0)" }.joined(separator: ", ")
      return "upstream: 192.0.2.1\nroutes: [{domains: lan, upstream: [\(servers)]}]"
    }
    #expect(mistakes(text(Settings.mostUpstreams)) == [])
    let found = mistakes(text(Settings.mostUpstreams + 1))
    #expect(found.count == 1 && found[0].contains("the most of one route"), "\(found)")
  }

  @Test func `there are not more routes, or zones of routes, than there may be`() {
    let many = (0...RouteID.most).map { "{domains: a\($0).example, upstream: none}" }
    let found = mistakes("routes: [\(many.joined(separator: ", "))]")
    #expect(
      found.count == 1 && found[0].contains("a\(RouteID.most).example: there are"), "\(found)")
    let networks = (0...Route.mostZones / 128).map { "\($0 / 2).\($0 % 2 * 128).0.0/9" }
    let zones = mistakes(
      "routes: [{networks: [\(networks.joined(separator: ", "))], upstream: none}]")
    #expect(zones.count == 1 && zones[0].contains("\(Route.mostZones) is the most"), "\(zones)")
  }

  @Test func `what is allowed and perhaps not meant is told`() throws {
    let empty = try warnings(
      "routes: [{domains: lan, upstream: []}, {domains: x.example, upstream: none}]")
    #expect(empty.count == 1)
    #expect(empty.first?.hasPrefix("f.yaml:1:35: routes[].upstream: an empty list") == true)
    let found = try warnings(
      """
      names: {forward-special: [home.arpa, 10.in-addr.arpa, 168.192.in-addr.arpa]}
      routes:
        - {domains: [home.arpa, x.test], upstream: 192.168.1.1}
        - {networks: [10.0.0.0/8], upstream: 192.168.1.1}
      """)
    #expect(
      found.map { $0.split(separator: " ").dropFirst(2).prefix(3).joined(separator: " ") } == [
        "home.arpa: is needless;", "10.in-addr.arpa: is needless;",
      ])
  }

  @Test func `names of the LAN, and of a route to private servers, may lead to local addresses`()
    throws
  {
    var settings = Settings()
    settings.names.isRebindProtected = true
    settings.local.domain = try Name("office.example")
    let item = Item(LocalZoneRule.kind, ["name": [.domain(try Name("iot.example"))]])
    settings.local.zones = [try #require(LocalZoneRule(item))]
    settings.routes = try routes(
      """
      routes:
        - lan.example=192.168.1.1,127.0.0.1:54
        - open.example=192.168.1.1,198.51.100.1
        - {domains: [example.com], upstream: [1.1.1.1]}
      """)
    let allowed = try #require(settings.rebindProtection).allowed.map { "\($0)" }
    for name in ["lan.example.", "office.example.", "iot.example."] {
      #expect(allowed.contains(name), "\(name)")
    }
    // The servers of these may say what they like.
    for name in ["open.example.", "example.com."] { #expect(!allowed.contains(name), "\(name)") }
  }
}
