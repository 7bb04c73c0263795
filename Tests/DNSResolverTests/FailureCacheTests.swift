import DNSCache
import DNSExchange
import DNSWire
import Testing

@testable import DNSResolver

@Suite("Questions that failed not long ago (RFC 9520)")
struct FailureCacheTests {
  private static let seed = HashSeed(1, 2)

  private static func key(_ name: String) throws -> NameKey { key(wire: try Name(name).wire) }

  private static func key(wire: [UInt8]) -> NameKey {
    var key = NameKey(seed: seed)
    key.load(trusted: wire.span)
    return key
  }

  /// Remembers that a question failed; tells whether another had to give way.
  @discardableResult
  private static func fail(
    _ name: String, _ type: RecordType = .a, _ queryFlags: QueryFlags = [], at now: UInt64,
    in failures: inout FailureCache
  ) throws -> Bool {
    let key = try key(name)
    let nothing: [UInt8] = []
    return failures.remember(
      key.octets, hash: key.hash, type: type, queryFlags: queryFlags, cause: .silence,
      detail: FailureDetail(.silence), upstreamErrors: nothing.span, now: now
    ).isForced
  }

  /// Notes that a prefetch failed.
  private static func note(
    _ name: String, at now: UInt64, in failures: inout FailureCache
  ) throws {
    let key = try key(name)
    failures.note(
      key.octets, hash: key.hash, type: .a, queryFlags: [], detail: FailureDetail(.silence),
      isPrefetch: true, now: now)
  }

  private static func isKnown(
    _ name: String, _ type: RecordType = .a, _ queryFlags: QueryFlags = [], at now: UInt64,
    in failures: borrowing FailureCache
  ) throws -> Bool {
    let key = try key(name)
    let found = failures.find(key, type, queryFlags, now: now)
    return found != nil
  }

  /// For how long after a time a question is not tried again, in steps of a second.
  private static func seconds(
    _ name: String, after time: UInt64, in failures: borrowing FailureCache
  ) throws -> UInt64 {
    var second: UInt64 = 1
    while try isKnown(name, at: time + second * 1_000, in: failures) { second += 1 }
    return second
  }

  @Test func `a failure is remembered for a second, and twice as long each time it comes again`()
    throws
  {
    var failures = FailureCache()
    var now: UInt64 = 0
    for life in [1, 2, 4, 8, 16, 30, 30] as [UInt64] {
      try Self.fail("a.example.net", at: now, in: &failures)
      let seconds = try Self.seconds("a.example.net", after: now, in: failures)
      #expect(seconds == life)
      now += life * 1_000
    }
  }

  @Test func `after a minute without another it begins with a second again`() throws {
    var failures = FailureCache()
    try Self.fail("a.example.net", at: 0, in: &failures)
    try Self.fail("a.example.net", at: 1_000, in: &failures)
    try Self.fail("a.example.net", at: 100_000, in: &failures)
    let seconds = try Self.seconds("a.example.net", after: 100_000, in: failures)
    #expect(seconds == 1)
  }

  @Test func `name, type and flags are each a question of their own`() throws {
    var failures = FailureCache()
    try Self.fail("a.example.net", .a, at: 0, in: &failures)
    let known = try [
      Self.isKnown("A.Example.net", .a, at: 1, in: failures),
      Self.isKnown("b.example.net", .a, at: 1, in: failures),
      Self.isKnown("a.example.net", .aaaa, at: 1, in: failures),
      Self.isKnown("a.example.net", .a, .unchecked, at: 1, in: failures),
    ]
    #expect(known == [true, false, false, false])
  }

  @Test func `an answer ends it, for the question, the name, or all`() throws {
    var failures = FailureCache()
    let key = try Self.key("a.example.net")
    for type in [RecordType.a, .aaaa, .mx] {
      try Self.fail("a.example.net", type, at: 0, in: &failures)
    }
    try Self.fail("b.example.net", at: 0, in: &failures)
    failures.forget(key.octets, hash: key.hash, type: .a, queryFlags: [])
    var known = try [RecordType.a, .aaaa, .mx].map {
      try Self.isKnown("a.example.net", $0, at: 1, in: failures)
    }
    #expect(known == [false, true, true])
    failures.forget(key)
    known = try [
      Self.isKnown("a.example.net", .mx, at: 1, in: failures),
      Self.isKnown("b.example.net", at: 1, in: failures),
    ]
    #expect(known == [false, true])
    failures.forgetAll()
    let count = failures.count
    #expect(try !Self.isKnown("b.example.net", at: 1, in: failures) && count == 0)
  }

  @Test func `it has a fixed size, and says when one that counts has to give way`() throws {
    var failures = FailureCache()
    var forced = 0
    for number in 0..<FailureCache.capacity * 2 {
      if try Self.fail("n\(number).example.net", at: 0, in: &failures) { forced += 1 }
    }
    let count = failures.count
    #expect(count <= FailureCache.capacity)
    #expect(count + forced == FailureCache.capacity * 2)
    // Those whose time is over are no loss.
    let isForced = try Self.fail("late.example.net", at: 10_000, in: &failures)
    #expect(!isForced)
  }

  @Test func `what is only noted keeps nobody from asking, and takes no failure's place`() throws {
    var failures = FailureCache()
    let key = try Self.key("a.example.net")
    try Self.note("a.example.net", at: 0, in: &failures)
    let isKnown = try Self.isKnown("a.example.net", at: 0, in: failures)
    let isTooSoon = failures.isTooSoon(key, .a, [], now: 1)
    #expect(!isKnown && isTooSoon)
    var taken = try Self.key("b.example.net")
    let prefetch = failures.takeFailedPrefetch(into: &taken)
    #expect(prefetch?.type == .a && taken.matches(key.octets))
    try Self.fail("a.example.net", at: 0, in: &failures)
    try Self.note("a.example.net", at: 1, in: &failures)
    let isStillKnown = try Self.isKnown("a.example.net", at: 2, in: failures)
    #expect(isStillKnown)
  }
}
