import Testing

@testable import DNSExchange

@Suite("Round-trip times (RFC 6298)")
struct RoundTripTimeTests {
  @Test func `nothing is known before the first reply`() {
    #expect(RoundTripTime().timeout == 400)
    #expect(!RoundTripTime().isMeasured)
  }

  @Test func `the first reply sets SRTT to itself and RTTVAR to half of it (§2.2)`() {
    var time = RoundTripTime()
    time.note(100)
    #expect(time.milliseconds == 100 && time.varianceMilliseconds == 50)
    #expect(time.timeout == 300)
  }

  @Test func `later ones count an eighth, and a quarter (§2.3)`() {
    var time = RoundTripTime()
    time.note(100)
    time.note(180)
    // 7/8 · 100 + 1/8 · 180, and 3/4 · 50 + 1/4 · 80.
    #expect(time.milliseconds == 110 && time.varianceMilliseconds == 57)
    #expect(time.timeout == 340)
  }

  @Test(arguments: [0, 1, 5, 40, 100, 1_000, 10_000, UInt64.max])
  func `steady replies lead to their own time, within bounds`(milliseconds: UInt64) {
    var time = RoundTripTime()
    for _ in 0..<100 { time.note(milliseconds) }
    #expect(time.milliseconds == min(milliseconds, 10_000))
    #expect(time.timeout >= 160 && time.timeout <= 1_000)
    if (200...900).contains(milliseconds) { #expect(time.timeout == milliseconds + 10) }
  }

  @Test func `attempts of one question wait longer and longer`() {
    let waits = (0..<12).map { ExchangeTiming.wait(attempt: $0, timeout: 400) }
    #expect(waits == [400, 500, 600, 800, 1_000] + [UInt64](repeating: 1_200, count: 7))
    // With the shortest timeout all of them fit in a question's life.
    let sum = (0..<11).map { ExchangeTiming.wait(attempt: $0, timeout: 160) }.reduce(0, +)
    #expect(sum < ExchangeTiming.deadline)
  }
}
