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
}
