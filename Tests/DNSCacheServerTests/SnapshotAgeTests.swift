import Testing

@testable import DNSCacheServer

@Suite("How old a snapshot is, once the clock is right")
struct SnapshotAgeTests {
  /// Begun at 1,000,000 and read 100 seconds later by a clock that was so many seconds off.
  private func age(off seconds: Int64) -> SnapshotAge {
    SnapshotAge(created: 1_000_000, begun: 500, ended: 501, offset: 999_600 + seconds)
  }

  @Test func `a clock that was behind makes it older by what it is set forward`() {
    var age = age(off: -60)
    #expect(age.correction(offset: 999_600) == 60)
    // Once.
    #expect(age.correction(offset: 999_600) == nil)
    #expect(age.correction(offset: 999_610) == 10)
  }

  @Test func `a clock that stood before the snapshot's beginning counts from that`() {
    var age = age(off: -1_000_000)
    #expect(age.correction(offset: 999_600) == 100)
  }

  @Test
  func `a clock that is set back, or by a second, changes nothing, and forward again neither`() {
    var age = age(off: 0)
    #expect(age.correction(offset: 999_601) == nil)
    #expect(age.correction(offset: 0) == nil)
    #expect(age.correction(offset: 999_600) == nil)
    #expect(age.correction(offset: .max / 2) == .max)
  }
}
