import Testing

@testable import DNSExchange

@Suite("What an upstream is asked without")
struct FallbackTests {
  /// How many names it takes, of these in this order; nothing when they are too few.
  private static func position(_ names: [UInt32], limit: UInt8) -> Int? {
    var fallback = Fallback()
    for (index, name) in names.enumerated() where fallback.note(name, limit: limit, now: 0) {
      return index
    }
    return nil
  }

  @Test func `a name counts once, even when another one comes in between`() {
    #expect(Self.position([1, 2, 1, 2, 3], limit: 3) == 4)
    #expect(Self.position([1, 2, 3, 1, 2, 3, 4], limit: 4) == 6)
    #expect(Self.position([1, 1, 1, 2], limit: 2) == 3)
  }

  @Test func `the hash 0 is a name's, too`() {
    #expect(Self.position([0, 0, 1], limit: 2) == 2)
  }

  @Test func `names count anew when it has ended`() {
    var fallback = Fallback()
    _ = fallback.note(1, limit: 2, now: 0)
    fallback.end()
    let hasBegun = fallback.note(1, limit: 2, now: 0)
    #expect(!hasBegun)
  }
}
