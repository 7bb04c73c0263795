import DNSWire
import HTTP
import Testing

@testable import Control

@Suite("What a verb is asked with")
struct ControlParametersTests {
  private static let show = ControlVerb(.get, "cache/show", "")
  private static let explain = ControlVerb(.get, "explain/", "")

  @Test func `what has no value is left out, and what has a meaning in a URI is escaped`() {
    let parameters: ControlParameters = ["name": "a b/é.example", "type": nil, "tree": "1"]
    #expect(
      Self.show.target(parameters.values)
        == "/api/v1/cache/show?name=a%20b%2F%C3%A9.example&tree=1")
    #expect(
      Self.explain.target(parameters.values) == "/api/v1/explain/a%20b%2F%C3%A9.example?tree=1")
  }

  @Test func `a path that ends with a slash is followed by a name`() {
    #expect(Self.explain.has(path: "/api/v1/explain/www.example.net"))
    #expect(!Self.explain.has(path: "/api/v1/explain"))
    #expect(!Self.show.has(path: "/api/v1/cache/show/www.example.net"))
    #expect(Self.explain.words == ["explain"])
    #expect(Self.show.words == ["cache", "show"])
  }

  @Test(
    arguments: [
      ["name": "a..b"], ["type": "NOTYPE"], ["address": "192.0.2"], ["name": "a.b", "type": ""],
    ] as [ControlParameters])
  func `mistakes are found before anybody is asked`(parameters: ControlParameters) {
    #expect(throws: ControlVerb.Refusal.self) { try parameters.check() }
  }

  @Test func `what is missing is no mistake until it is read`() throws {
    let nothing: ControlParameters = [:]
    try nothing.check()
    #expect(try nothing.type() == nil)
    #expect(try nothing.number("count", in: 1...5) == nil)
    #expect(throws: ControlVerb.Refusal.self) { try nothing.name() }
    #expect(throws: ControlVerb.Refusal.self) { try nothing.address() }
  }

  @Test func `an address is the name that names it where both may be meant`() throws {
    let (name, isAddress) = try (["name": "192.0.2.1"] as ControlParameters).nameOrAddress()
    #expect("\(name)" == "1.2.0.192.in-addr.arpa" || "\(name)" == "1.2.0.192.in-addr.arpa.")
    #expect(isAddress)
    #expect(try !(["name": "www.example.net"] as ControlParameters).nameOrAddress().isAddress)
  }

  @Test(arguments: ["0", "6", "-1", "x", "", "99999999999999999999"])
  func `numbers out of their range are refused`(text: String) {
    #expect(throws: ControlVerb.Refusal.self) {
      try (["count": text] as ControlParameters).number("count", in: 1...5)
    }
  }
}
