import Testing

@testable import Configuration
@testable import DNSCacheServer

@Suite("What a reload changes")
struct ReloadTests {
  @Test func `what has changed is named, and what needs a restart apart`() {
    var new = Settings()
    #expect(Settings().difference(to: new).changed == [])
    new.allowed = []
    new.saveInterval = 1
    new.resolver.inFlight = 100
    new.user = "nobody"
    let result = Settings().difference(to: new)
    #expect(result.changed == ["allow", "cache.save-interval"])
    #expect(result.restart == ["user", "resolver.in-flight"])
    #expect(
      result.text
        == "changed: allow, cache.save-interval\nneeds a restart: user, resolver.in-flight\n")
    #expect(ReloadResult().text == "nothing has changed\n")
  }

  @Test func `a reload tells the routes that have changed by their first name`() throws {
    func settings(_ routes: String...) throws -> Settings {
      var configuration = Configuration(defaults: Settings())
      configuration.take(assignments: routes.map { "routes=\($0)" })
      return try configuration.settings()
    }
    let old = try settings("a.example=192.0.2.1", "b.example=192.0.2.2", "c.example=none")
    let new = try settings(
      "c.example=none", "b.example=192.0.2.2,192.0.2.3", "10.0.0.0/8=none")
    #expect(
      old.difference(to: new).changed == [
        "routes[10.0.0.0/8]", "routes[a.example.]", "routes[b.example.]",
      ])
    #expect(
      try settings("c.example=none", "a.example=none").difference(
        to: settings("a.example=none", "c.example=none")
      ).changed.isEmpty)
  }
}
