import Observability
import Testing

@Suite("Lines that are said again and again")
struct RepeatFilterTests {
  @Test func `some pass, the rest is counted and told once`() {
    var filter = RepeatFilter(burst: 3)
    let said = (0..<100).filter { filter.admits("disk full", now: 1_000 + UInt64($0)) }
    #expect(said == [0, 1, 2])
    #expect(filter.nextDue == 11_000)
    let early = filter.takeDue(now: 10_999)
    let due = filter.takeDue(now: 11_000)
    let later = filter.takeDue(now: 20_000)
    #expect(early == nil && due?.times == 97 && later == nil)
    #expect(filter.nextDue == nil)
    let isSaid = filter.admits("disk full", now: 11_001)
    #expect(isSaid)
  }

  @Test func `texts don't count for each other, and a pause begins anew`() {
    var filter = RepeatFilter(burst: 1)
    let said = [("a", 0), ("b", 0), ("a", 9_999)].map { filter.admits($0.0, now: $0.1) }
    #expect(said == [true, true, false])
    let held = filter.takeAny()
    #expect(held?.text == "a")
    let again = [("b", 10_000), ("b", 10_001)].map { filter.admits($0.0, now: $0.1) }
    #expect(again == [true, false])
    let last = filter.takeAny()
    let none = filter.takeAny()
    #expect(last?.times == 1 && none == nil)
  }

  @Test func `a bounded number of texts is watched, and none that was held is forgotten`() {
    var filter = RepeatFilter(burst: 1)
    for index in 0..<RepeatFilter.capacity {
      let said = (0..<2).map { _ in filter.admits("t\(index)", now: 0) }
      #expect(said == [true, false])
    }
    // No place is left: all pass.
    let all = (0..<5).map { _ in filter.admits("other", now: 0) }
    #expect(all.allSatisfy { $0 })
    var times = 0
    while filter.takeDue(now: 10_000) != nil { times += 1 }
    #expect(times == RepeatFilter.capacity)
    let watched = (0..<2).map { _ in filter.admits("other", now: 10_000) }
    #expect(watched == [true, false])
  }
}
