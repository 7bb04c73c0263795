import DNSCache
import Testing

@Suite("A cache that becomes smaller while it is in use")
struct ShrinkTests {
  @Test func `what was not used lately goes, in slices, until it fits; then it may grow again`() {
    let lab = Lab(octets: 4 << 20)
    for number in 0..<20_000 { lab.insert(["n\(number).example.net. 3600 IN A 192.0.2.1"]) }
    let before = lab.cache.octets
    #expect(before > 3 << 19)
    var limits = lab.cache.limits
    limits.octets = 1 << 20
    lab.cache.reconfigure(limits)
    // What comes in doesn't make it larger.
    lab.insert(["new.example.net. 3600 IN A 192.0.2.2"])
    #expect(lab.cache.octets <= before)
    var slices = 0
    while !lab.cache.shrink(names: 500, now: lab.now) { slices += 1 }
    #expect(slices > 10)
    #expect(lab.cache.octets <= 1 << 20)
    #expect(lab.cache.octets > 3 << 18, "no more goes than has to")
    lab.cache._checkInvariants()
    for number in 0..<20_000 { lab.insert(["m\(number).example.net. 3600 IN A 192.0.2.1"]) }
    #expect(lab.cache.octets <= 1 << 20)
    limits.octets = 64 << 20
    lab.cache.reconfigure(limits)
    #expect(lab.cache.limits.octets == 4 << 20, "as much as is reserved")
    for number in 0..<20_000 { lab.insert(["k\(number).example.net. 3600 IN A 192.0.2.1"]) }
    #expect(lab.cache.octets > 3 << 19)
    lab.cache._checkInvariants()
  }
}
