import DNSWire
import Testing

@testable import DNSExchange
@testable import DNSResolver
@testable import DNSService

@Suite("A change of the host's network")
struct NetworkChangeTests {
  /// Times that the question is sent until a time; probes ask for the root's name servers.
  private func sent(_ host: Host, until time: UInt64) -> Int {
    var count = 0
    host.advance(to: time) { count += questions($0) }
    return count
  }

  private func questions(_ events: [Host.Event]) -> Int {
    events.count {
      guard case .sent(_, let octets) = $0 else { return false }
      return octets[MessageHeader.size] != 0
    }
  }

  @Test func `what is in flight is asked again at once, however often it was before`() throws {
    let host = Host()
    let query = Message(query: try Name("www.example.net"), .a)
    #expect(host.ask(query.encoded(compress: false)).count == 1)
    // Four more at 400, 900, 1,500 and 2,300 ms, then one at 3,300.
    #expect(sent(host, until: 2_400) == 4)
    for time: UInt64 in [2_400, 2_700, 3_000] {
      #expect(questions(host.networkChanged()) == 0)
      #expect(sent(host, until: time + 130) == 1)
      #expect(sent(host, until: time + 300) == 0)
    }
    #expect(host.resolver.inFlight == 1)
  }

  /// Nobody asks anything meanwhile: that probes aren't answered says it, too.
  @Test func `an upstream that was down before a change and after it is not probing for ever`()
    throws
  {
    let host = Host()
    func state() -> UpstreamView.State? {
      var state: UpstreamView.State?
      host.resolver.exchanges.visitUpstreams(now: host.now) { state = $0.state }
      return state
    }
    _ = host.ask(Message(query: try Name("www.example.net"), .a).encoded(compress: false))
    host.advance(to: 10_000) { _ in }
    #expect(state() == .down)
    _ = host.networkChanged()
    #expect(state() == .probing)
    host.advance(to: 15_000) { _ in }
    #expect(state() == .down)
  }

  @Test func `the client is told in time even so, and nothing stays behind`() throws {
    let host = Host()
    let query = Message(query: try Name("www.example.net"), .a)
    _ = host.ask(query.encoded(compress: false))
    var replies = 0
    for second in 1...10 {
      host.advance(to: UInt64(second) * 1_000) { events in
        for case .replied in events { replies += 1 }
      }
      for case .replied in host.networkChanged() { replies += 1 }
      #expect((second < 5) == (host.resolver.inFlight == 1))
    }
    #expect(replies == 1)
  }

  /// A route that flaps: each change has the question asked again, and the notice that a packet was refused
  /// comes when the next is under way.
  @Test func `changes without end have a question asked as often as it may cost`() throws {
    let host = Host()
    var last: OutgoingQuery?
    func take(_ events: [Host.Event]) throws {
      for case .sent(let query, _) in events where !query.isProbe && query.socket != nil {
        if let last { _ = host.socketFailed(try #require(last.socket), id: last.id) }
        last = query
      }
    }
    try take(host.ask(Message(query: try Name("www.example.net"), .a).encoded()))
    while host.now < 4_000 {
      try take(host.networkChanged())
      try host.advance(to: host.now + 10) { try take($0) }
    }
    #expect(host.resolver.inFlight == 0)
    #expect(host.resolver.counters.overBudget == 1)
    let limit = UInt64(Budget.packetLimit)
    #expect((limit / 2...limit).contains(host.resolver.exchanges.counters.unreachable))
  }
}
