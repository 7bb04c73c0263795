import DNSCache
import DNSWire
import Randomness
import Testing

/// Aliases are followed in one place for hits, and in one for lookups.
@Suite("Aliases, followed with and without writing an answer")
struct FollowTests {
  @Test(arguments: SplitMix64.seeds)
  func `both come to the same end`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var ends: Set<String> = []
    for _ in 0..<200 {
      let lab = Lab()
      let names = (0..<random.number(2...14)).map { "n\($0).example.net." }
      for (index, name) in names.enumerated() {
        // Mostly to the next one, so that chains are long; some lead back.
        let target = random.number(0...9) > 0 ? index + 1 : random.number(0...names.count - 1)
        let ttl = random.number(0...3) == 0 ? 0 : 300
        var flags: RRsetFlags = random.number(0...7) == 0 ? [] : .withoutDNSSEC
        if random.number(0...15) == 0 { flags.insert(.unchecked) }
        switch random.number(0...15) {
        case 0: break
        case 1: lab.insert("\(name) \(ttl) A 192.0.2.1", flags: flags)
        case 2: lab.insertNegative(name, nil, soa: nil, flags: flags)
        case 3: lab.insertNegative(name, .a, soa: "example.net. 300 SOA a. b. 1 2 3 4 5")
        default: lab.insert("\(name) \(ttl) CNAME n\(target).example.net.", flags: flags)
        }
      }
      let type: RecordType = random.number(0...7) == 0 ? .cname : .a
      let queryFlags: QueryFlags = random.number(0...3) == 0 ? .signatures : []
      let isWaiting = random.number(0...1) == 0
      let followed = lab.follow(names[0], type, queryFlags, waiting: isWaiting)
      switch lab.ask(names[0], type, queryFlags, waiting: isWaiting).outcome {
      case .written, .blocked:
        #expect(followed.end == .found)
        ends.insert("found")
      case .missing(let name):
        #expect(followed.end == .missing && followed.name == name)
        ends.insert("missing")
      case .endless:
        #expect(followed.end == .endless)
        ends.insert("endless")
      }
      lab.dropOverlays()
    }
    #expect(ends.count == 3)
  }
}
