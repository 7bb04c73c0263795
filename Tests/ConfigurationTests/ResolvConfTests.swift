import DNSWire
import System
import Testing

@testable import Configuration

@Suite("The system's name servers")
struct ResolvConfTests {
  private func upstreams(
    _ text: String, resolved: String? = nil, listen: [String] = ["127.0.0.1:53"]
  ) -> [String] {
    var settings = Settings()
    settings.listen = listen.compactMap { Endpoint($0, defaultPort: 53) }
    let own = OwnEndpoints(settings, on: .asFarAsTold())
    return ResolvConf.upstreams(in: text, resolved: resolved, besides: own).map(\.description)
  }

  @Test func `those that are named are asked, but for this one, each once`() {
    #expect(
      upstreams(
        "# a\nnameserver 127.0.0.1\nnameserver 192.0.2.1\nnameserver\t192.0.2.1\nsearch x\n")
        == ["192.0.2.1:53"])
    #expect(upstreams("") == [])
    #expect(upstreams("nameserver\nnameserver x\nnameserver 0.0.0.0\n") == [])
  }

  @Test func `systemd-resolved is asked, unless it asks us`() {
    let stub = "nameserver 127.0.0.53\n"
    #expect(upstreams(stub) == ["127.0.0.53:53"])
    #expect(upstreams(stub, resolved: "nameserver 192.0.2.1\n") == ["127.0.0.53:53"])
    let loop = "nameserver 127.0.0.1\nnameserver 192.0.2.1\n"
    #expect(upstreams(stub, resolved: loop) == ["192.0.2.1:53"])
    #expect(
      upstreams("nameserver 192.0.2.9\n" + stub, resolved: loop) == [
        "192.0.2.9:53", "192.0.2.1:53",
      ])
    #expect(upstreams(stub, resolved: "nameserver 127.0.0.1\n") == [])
    // On another port it doesn't.
    #expect(upstreams(stub, resolved: loop, listen: ["127.0.0.1:5353"]) == ["127.0.0.53:53"])
  }
}
