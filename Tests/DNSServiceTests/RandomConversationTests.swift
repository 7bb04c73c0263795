import Conversations
import Randomness
import Testing

@testable import DNSExchange
@testable import DNSResolver

@Suite("Random conversations")
struct RandomConversationTests {
  @Test(arguments: SplitMix64.seeds, [true, false])
  func `whatever happens, all is answered once and in time, and nothing forged is believed`(
    seed: UInt64, isTruthful: Bool
  ) throws {
    var random = SplitMix64(seed: seed)
    let first = UInt8(random.number(0...15)) << 4 | (isTruthful ? 11 : random.oneOf([0, 4, 8, 15]))
    let conversation = Conversation(
      Input([first] + random.octets(100_000...100_000)), mostEvents: 6_000)
    conversation.failed = { Issue.record("\($0)") }
    var round = 0
    while conversation.step() {
      round += 1
      let isConsistent = conversation.resolver.isEachWaitMutual()
      #expect(isConsistent, "after round \(round)")
      let timers = conversation.resolver.exchanges.timers.count
      let due = conversation.resolver.inFlight - conversation.resolver.untimed
      #expect(timers == due + conversation.resolver.exchanges.servers.downCount)
    }
    conversation.end()
    #expect(round > 1_000)
    #expect(conversation.resolver.exchanges.transmissions.count == 0)
    #expect(conversation.resolver.exchanges.servers.inFlight == 0)
    // That everything happens is asked of the fixed seeds.
    guard seed < 8 else { return }
    let always = ["NOERROR", "SERVFAIL", "REFUSED", "FORMERR", "forged", "connection", "restart"]
    let truthful = [
      "honest", "alias alone", "malformed", "truncated", "error", "referral", "NXDOMAIN",
      "cut answer", "signed", "AD", "unchecked",
    ]
    for event in always + (isTruthful ? truthful : []) {
      #expect(conversation.tally[event] ?? 0 > 0, "\(event): \(conversation.tally)")
    }
  }
}

extension ServerTable {
  /// Packets whose reply would still be good, of all servers.
  fileprivate var inFlight: Int { present.reduce(0) { $0 + Int(self[$1].inFlight) } }

  /// Servers that are being probed.
  fileprivate var downCount: Int { present.count { self[$0].isDown } }
}

extension Resolver {
  /// Questions that wait for others and have no client with a deadline.
  fileprivate var untimed: Int {
    mutating get {
      var count = 0
      for index in (0..<exchanges.end).compactMap({ exchanges.exchange(at: $0) }) {
        if exchanges[index].isEnded && lookups[index].earliest == .max { count += 1 }
      }
      return count
    }
  }

  /// Whether each question that has its answer waits for one that knows of it, each that is waited for is waited
  /// for by such a one, and none waits for itself.
  fileprivate mutating func isEachWaitMutual() -> Bool {
    var waits = 0
    for index in (0..<exchanges.end).compactMap({ exchanges.exchange(at: $0) }) {
      var waiter = lookups[index].firstWaiter
      while waiter != .none {
        if case .lookup(let handle) = waiters[waiter].recipient {
          waits += 1
          guard let parent = exchanges.find(handle), lookups[parent].waitsFor == index else {
            return false
          }
        }
        waiter = waiters[waiter].next
      }
    }
    for index in (0..<exchanges.end).compactMap({ exchanges.exchange(at: $0) }) {
      guard exchanges[index].isEnded == (lookups[index].waitsFor != .none) else {
        return false
      }
      if exchanges[index].isEnded { waits -= 1 }
      var place = index
      for _ in 0...exchanges.count where lookups[place].waitsFor != .none {
        place = lookups[place].waitsFor
      }
      guard lookups[place].waitsFor == .none else { return false }
    }
    return waits == 0
  }
}
