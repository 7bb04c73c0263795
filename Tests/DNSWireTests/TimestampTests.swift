import DNSWire
import Testing

@Suite("Times as RFC 3339 writes them")
struct TimestampTests {
  @Test(arguments: [
    (0, "1970-01-01T00:00:00Z"), (951_782_399, "2000-02-28T23:59:59Z"),
    (951_782_400, "2000-02-29T00:00:00Z"), (1_795_507_509, "2026-11-24T08:05:09Z"),
    (4_107_542_400, "2100-03-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
  ])
  func `any seconds since 1970, or before, in UTC`(seconds: Int64, text: String) {
    #expect(Timestamp.rfc3339(seconds) == text)
  }
}
