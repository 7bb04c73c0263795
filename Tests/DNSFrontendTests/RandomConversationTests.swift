import Randomness
import Testing

@Suite("Random conversations")
struct RandomConversationTests {
  @Test(arguments: SplitMix64.seeds)
  func `whatever happens, all is answered once and in time, and nothing forged is believed`(
    seed: UInt64
  ) throws {
    var conversation = RandomConversation(seed: seed)
    try conversation.play(rounds: 4_000)
    let happened = [
      "honest", "forged", "malformed", "truncated", "error", "referral", "connection", "busy",
      "broken connection", "unreachable", "NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED",
      "cut answer",
    ]
    for event in happened {
      #expect(conversation.tally[event] ?? 0 > 0, "\(event): \(conversation.tally)")
    }
  }
}
