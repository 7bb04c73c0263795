import DNSExchange
import DNSResolver
import Testing

@testable import DNSCacheServer

@Suite("What the log says of upstreams")
struct UpstreamNewsTests {
  private func states(_ down: Bool...) -> [UpstreamNews.State] {
    down.enumerated().map {
      UpstreamNews.State(
        address: "192.0.2.\($0 + 1):53", isDown: $1, cause: $1 ? .silence : nil)
    }
  }

  @Test func `one of two that is down for a second gets a line, and another when it is back`() {
    var news = UpstreamNews()
    #expect(news.look(at: states(false, true), now: 5_000).isEmpty)
    #expect(news.nextLook == 6_000)
    #expect(
      news.look(at: states(false, true), now: 6_000) == [
        .init(level: .notice, text: "upstream 192.0.2.2:53 does not answer; 1 of 2 answer")
      ])
    #expect(news.nextLook == nil)
    #expect(news.look(at: states(false, true), now: 9_000).isEmpty)
    #expect(
      news.look(at: states(false, false), now: 17_000) == [
        .init(level: .notice, text: "upstream 192.0.2.2:53 answers again after 12 s")
      ])
  }

  @Test func `that an upstream sends us our own queries is said once`() {
    var news = UpstreamNews()
    var states = states(false, false)
    states[1].isLooping = true
    let lines = news.look(at: states, now: 1_000)
    #expect(lines.map(\.level) == [.warning])
    #expect(lines.first?.text.contains("192.0.2.2:53 come back to this server") == true)
    #expect(news.look(at: states, now: 2_000).isEmpty && news.nextLook == nil)
  }

  @Test func `the line of the last one is a warning`() {
    var news = UpstreamNews()
    _ = news.look(at: states(true, false), now: 1_000)
    _ = news.look(at: states(true, true), now: 2_500)
    let lines = news.look(at: states(true, true), now: 3_500)
    #expect(lines.map(\.level) == [.warning])
    #expect(lines.first?.text.contains("192.0.2.2:53 does not answer; no upstream answers") == true)
    // Both at once: one warning is enough.
    var other = UpstreamNews()
    _ = other.look(at: states(true, true), now: 1_000)
    #expect(other.look(at: states(true, true), now: 2_000).map(\.level) == [.notice, .warning])
  }

  @Test func `an outage of less than a second is not mentioned`() {
    var news = UpstreamNews()
    #expect(news.look(at: states(true), now: 1_000).isEmpty)
    #expect(news.look(at: states(false), now: 1_900).isEmpty)
    #expect(news.nextLook == nil)
    #expect(news.look(at: states(false), now: 9_000).isEmpty)
  }

  @Test func `one that comes and goes for an hour gets a line each five minutes in the end`() {
    var news = UpstreamNews()
    var said: [UInt64] = []
    var last = ""
    for second in 1...3_600 as ClosedRange<UInt64> {
      let isDown = second % 4 < 2
      for line in news.look(at: states(isDown), now: second * 1_000) {
        said.append(second)
        last = line.text
      }
    }
    #expect(said.count < 25, "\(said)")
    #expect(said.count(where: { $0 > 1_800 }) <= 7, "\(said)")
    #expect(last.contains("having come and gone"), "\(last)")
    // It stays up: that is said, and so is the next outage.
    var lines: [UpstreamNews.Line] = []
    for second in 3_601...9_000 as ClosedRange<UInt64> {
      lines += news.look(at: states(false), now: second * 1_000)
    }
    #expect(lines.count <= 1)
    #expect(news.look(at: states(true), now: 9_001_000).isEmpty)
    #expect(news.look(at: states(true), now: 9_002_000).count == 1)
    #expect(news.look(at: states(false), now: 9_004_000).count == 1)
  }
}
