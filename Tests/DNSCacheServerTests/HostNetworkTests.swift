import DNSWire
import System
import Testing

@testable import Configuration
@testable import DNSCacheServer

@Suite("What follows from this host's addresses: local-networks, and interfaces in listen")
struct HostNetworkTests {
  private func entry(
    _ interface: String, _ address: String, _ prefixLength: Int, isUp: Bool = true,
    isPointToPoint: Bool = false
  ) throws -> InterfaceAddress {
    InterfaceAddress(
      interface: interface, address: try #require(Endpoint(address, defaultPort: 0)),
      prefixLength: prefixLength, isUp: isUp, isPointToPoint: isPointToPoint)
  }

  /// A router at home.
  private func router() throws -> HostAddresses {
    HostAddresses([
      try entry("lo", "127.0.0.1", 8), try entry("lo", "::1", 128),
      try entry("br0", "192.168.1.1", 24), try entry("br0", "2001:db8:1::1", 64),
      try entry("br0", "2001:db8:1::2", 64), try entry("br0", "fe80::1", 64),
      try entry("ppp0", "198.51.100.7", 32, isPointToPoint: true),
      try entry("wg0", "203.0.113.1", 24, isPointToPoint: true),
      try entry("eth7", "203.0.113.129", 25, isUp: false),
    ])
  }

  private func settings(_ text: String) throws -> Settings {
    var configuration = Configuration(defaults: Settings())
    configuration.take(ConfigurationFile(Array(text.utf8), path: "f.yaml"))
    return try configuration.settings()
  }

  private func mistakes(_ text: String) -> [String] {
    do {
      _ = try settings(text)
      return []
    } catch let error as ConfigurationErrors {
      return error.all.map(\.description)
    } catch {
      return ["\(error)"]
    }
  }

  // MARK: local-networks

  @Test func `networks of interfaces that are up count, those of links to one peer don't`() throws {
    let local = LocalNetworks(of: try router(), besides: [])
    #expect(local.text == "127.0.0.0/8,::1/128,192.168.1.0/24,2001:db8:1::/64,fe80::/64")
    #expect(!local.isCut)
  }

  @Test func `of networks within others the broadest counts`() throws {
    let host = HostAddresses([
      try entry("a", "198.51.100.1", 26), try entry("b", "198.51.100.65", 24),
      try entry("c", "198.51.100.129", 25),
    ])
    #expect(LocalNetworks(of: host, besides: []).text == "198.51.100.0/24")
  }

  @Test func `a network as large as the world of a tunnel isn't local`() throws {
    let host = HostAddresses([
      try entry("a", "198.51.100.1", 0), try entry("b", "198.51.100.1", 7),
      try entry("tun6to4", "2002:c633:6401::1", 16), try entry("ygg0", "200::1", 7),
    ])
    #expect(LocalNetworks(of: host, besides: []).text == "none")
  }

  @Test func `there are 64 at most`() throws {
    let entries = try (0..<100).map { try entry("vlan\($0)", "198.51.\($0).1", 24) }
    let local = LocalNetworks(of: HostAddresses(entries), besides: [])
    #expect(local.networks.count == LocalNetworks.most && local.isCut)
  }

  @Test func `those that are served anyway take nobody's place`() throws {
    let lan = try (0..<100).map { try entry("vlan\($0)", "10.1.\($0).1", 24) }
    let host = HostAddresses(lan + [try entry("vlan99", "2001:db8:1::1", 64)])
    let local = LocalNetworks(of: host, besides: Settings.defaultAllowed)
    #expect(local.networks.count == LocalNetworks.most && !local.isCut)
    #expect(Settings().allowed(with: local).last == IPNetwork("2001:db8:1::/64"))
  }

  @Test func `they are served by default and when they are named, each network once`() throws {
    let local = LocalNetworks(of: try router(), besides: [])
    let added = try #require(IPNetwork("2001:db8:1::/64"))
    let usual = Settings().allowed(with: local)
    #expect(usual == Settings.defaultAllowed + [added])
    let named = try settings("allow: [192.168.0.0/16, local-networks]").allowed(with: local)
    #expect(
      named.map(\.description) == [
        "192.168.0.0/16", "127.0.0.0/8", "::1/128", "2001:db8:1::/64", "fe80::/64",
      ])
    let without = try settings("allow: [192.168.0.0/16]").allowed(with: local)
    #expect(without.map(\.description) == ["192.168.0.0/16"])
  }

  @Test func `addresses in them are those of neighbours, whom no stranger stands in for`() throws {
    let local = LocalNetworks(of: try router(), besides: Settings.defaultAllowed)
    let added = try #require(IPNetwork("2001:db8:1::/64"))
    #expect(Settings().service(in: local).local == IPNetwork.notGlobal + [added])
    // Also where `allow` names them by other networks.
    let named = try settings("allow: ['2001:db8::/32']").service(in: local)
    #expect(named.local.contains(added))
  }

  // MARK: Interfaces in listen

  @Test(
    arguments: [
      ("eth0", "eth0"), ("eth0:53", "eth0"), ("eth0:5353", "eth0:5353"), ("br-lan.10", "br-lan.10"),
      ("wlan0.sta1", "wlan0.sta1"),
      ("6in4-wan", "6in4-wan"), ("a23456789012345", "a23456789012345"),
    ])
  func `an interface is read and written`(text: String, expected: String) {
    #expect(ListenInterface(text, defaultPort: 53)?.description == expected)
  }

  @Test(
    arguments: [
      "", ":53", "eth0:", "eth0:0", "eth0:+1", "eth0:65536", "eth0:x", "eth0:1:2",
      "a234567890123456",
      "192.168.1", "192.168.1.1a", "12345", "localhost", "localhost:53", "eth 0", "eth/0", "éth0",
      "dns.example", "eth0.", ".5",
      "ns.example.net.x", "eth0%1", "[eth0]:53",
    ])
  func `what may be an address or a host's name is none`(text: String) {
    #expect(ListenInterface(text, defaultPort: 53) == nil)
  }

  @Test func `all addresses of an interface are listened on, each once`() throws {
    let settings = try settings(
      "listen: ['192.168.1.1:5353', '[::]:53', 'br0:5353', br0, nothere0]")
    #expect(settings.listenInterfaces.map(\.description) == ["br0:5353", "br0", "nothere0"])
    let (addresses, isCut) = settings.listening(on: try router())
    #expect(
      addresses.map(\.description) == [
        "192.168.1.1:5353", "[::]:53", "[2001:db8:1::1]:5353", "[2001:db8:1::2]:5353",
        "[fe80::1]:5353", "192.168.1.1:53",
      ])
    #expect(!isCut)
  }

  @Test func `an interface's addresses are bounded`() throws {
    let entries = try (0..<100).map { try entry("eth0", "198.51.100.\($0)", 24) }
    let settings = try settings("listen: [127.0.0.1, eth0]")
    let (addresses, isCut) = settings.listening(on: HostAddresses(entries))
    #expect(addresses.count == 1 + Settings.mostFollowed && isCut)
    #expect(settings.mostListeners == 1 + Settings.mostFollowed)
  }

  @Test func `mistakes in listen are told with what to write`() {
    #expect(
      mistakes("listen: [eth0, 'eth0:53', localhost]") == [
        "f.yaml:1:27: listen: localhost: neither an address nor an interface; write 192.0.2.1, 192.0.2.1:53, [2001:db8::1]:53, eth0 or eth0:53",
        "f.yaml:1:16: listen: eth0:53: stands in the list twice; name it once",
      ])
  }

  @Test func `an upstream at an interface's own address is a reason to warn`() throws {
    // Loopback is there on every host. The address is not listened on, as when an interface gets it later.
    let text = "listen: [lo]\nupstream: [127.0.0.1]"
    #expect(mistakes(text).isEmpty)
    var configuration = Configuration(defaults: Settings())
    configuration.take(ConfigurationFile(Array(text.utf8), path: "f.yaml"))
    let warnings = configuration.warnings(on: .asFarAsTold()).map(\.description)
    #expect(warnings.count == 1, "\(warnings)")
    #expect(warnings.first?.contains("the server would not listen there") == true, "\(warnings)")
  }

  @Test func `a warning names what this host doesn't have`() throws {
    var configuration = Configuration(defaults: Settings())
    let text = "listen: [eth0, br0, 192.168.1.1, 192.0.2.77, 127.0.0.1]"
    configuration.take(ConfigurationFile(Array(text.utf8), path: "f.yaml"))
    let warnings = configuration.warnings(on: try router()).map(\.description)
    #expect(warnings.count == 2, "\(warnings)")
    #expect(warnings.first?.hasPrefix("f.yaml:1:10: listen: eth0: this host has no such") == true)
    #expect(warnings.last?.hasPrefix("f.yaml:1:34: listen: 192.0.2.77: this host does not") == true)
  }
}
