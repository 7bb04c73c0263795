import DNSExchange
import DNSResolver
import Testing

@testable import Configuration
@testable import DNSCacheServer

@Suite("Upstreams as they are written")
struct UpstreamServerTests {
  @Test(arguments: [
    ("192.0.2.1", "192.0.2.1:53"), ("[2001:db8::1]:5353", "[2001:db8::1]:5353"),
    ("dns://192.0.2.1", "192.0.2.1:53"), ("dns://192.0.2.1?cookies=auto", "192.0.2.1:53"),
    ("dns://192.0.2.1:54?edns=off&cookies=off", "dns://192.0.2.1:54?cookies=off&edns=off"),
    ("dns://[2001:db8::1]?letter-case=off", "dns://[2001:db8::1]:53?letter-case=off"),
    ("tcp://192.0.2.1", "tcp://192.0.2.1:53"),
  ])
  func `a server is read, and written as it would be read again`(
    text: String, written: String
  ) throws {
    let server = try UpstreamServer(text)
    #expect("\(server)" == written)
    #expect(try UpstreamServer(written) == server)
  }

  @Test(arguments: [
    ("ns.example.net", "write the address"), ("192.0.2.1?cookies=off", "want dns:// in front"),
    ("dns://", "not an address"), ("dns://192.0.2.1?cookie=off", "did you mean cookies?"),
    ("dns://192.0.2.1?cookies=on", "cookies is auto or off"),
    ("dns://192.0.2.1?", "no option"), ("tcp://192.0.2.1?edns=off", "has no options"),
  ])
  func `what can't be meant is told`(text: String, message: String) throws {
    let error = try #require(throws: ValueError.self) { try UpstreamServer(text) }
    #expect(error.description.contains(message), "\(error)")
  }

  @Test func `what holds for all holds for each`() throws {
    var settings = Settings()
    let servers = try ["192.0.2.1", "dns://192.0.2.2?edns=off", "tcp://192.0.2.3"].map {
      Value.server(try UpstreamServer($0))
    }
    SettingField.upstreams.write(&settings, servers)
    settings.resolver.usesCookies = false
    let rules = settings.forwardRoutes.standard?.servers.map(\.rules) ?? []
    #expect(rules.map(\.usesCookies) == [false, false, false])
    #expect(rules.map(\.usesEDNS) == [true, false, true])
    #expect(settings.upstreams.map(\.transport) == [.udp, .udp, .tcp])
  }

  @Test func `a server that is named with other options again is a mistake`() throws {
    let text = "upstream: [192.0.2.1, \"dns://192.0.2.1?cookies=off\"]"
    var configuration = Configuration(defaults: Settings())
    configuration.take(ConfigurationFile(Array(text.utf8), path: "f.yaml"))
    let mistakes = #expect(throws: ConfigurationErrors.self) {
      try configuration.settings()
    }
    #expect(
      mistakes?.all.map(\.description) == [
        "f.yaml:1:23: upstream: dns://192.0.2.1?cookies=off: 192.0.2.1:53 stands in the list with other options; name it once"
      ])
  }
}
