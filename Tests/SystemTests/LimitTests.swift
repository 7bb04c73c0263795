import Glibc
import System
import Testing

@Suite("Limits and random numbers")
struct LimitTests {
  @Test func `the descriptor limit is raised to the hard limit and never lowered`() throws {
    let raised = DescriptorLimit.raise()
    #expect(raised > 0)
    #expect(DescriptorLimit.raise() == raised)
    var limit = rlimit()
    #expect(unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
    #expect(limit.rlim_cur == limit.rlim_max)
  }

  @Test func `random numbers don't repeat and set each bit`() {
    let pool = RandomPool()
    let other = RandomPool()
    var numbers: Set<UInt64> = []
    var ones: UInt64 = 0
    var zeros: UInt64 = 0
    for _ in 0..<10_000 {
      let number = pool.next()
      ones |= number
      zeros |= ~number
      numbers.insert(number)
      numbers.insert(other.next())
    }
    #expect(numbers.count == 20_000)
    #expect(ones == .max && zeros == .max)
  }

  @Test func `a pool works with the standard library`() {
    var pool = RandomPool()
    let ports = (0..<1_000).map { _ in UInt16.random(in: 1_024...65_535, using: &pool) }
    #expect(ports.allSatisfy { $0 >= 1_024 })
    #expect(Set(ports).count > 900)
  }
}
