import Memory
import Randomness
import Testing

@Suite("Order of use")
struct RecencyListTests {
  private func order(_ list: borrowing RecencyList) -> [Int] {
    var order: [Int] = []
    var number = list.oldest
    while let present = number {
      order.append(present)
      number = list.next(after: present)
    }
    return order
  }

  @Test func `numbers come in the order of their last use`() {
    var list = RecencyList(capacity: 4)
    for number in [2, 0, 3] { list.use(number) }
    let (first, count) = (order(list), list.count)
    #expect(first == [2, 0, 3] && count == 3)
    list.use(2)
    list.use(2)
    let second = order(list)
    #expect(second == [0, 3, 2])
    list.remove(3)
    let (third, contained) = (order(list), [list.contains(3), list.contains(2)])
    #expect(third == [0, 2] && contained == [false, true])
  }

  @Test func `a list that grows keeps its order`() {
    var list = RecencyList(capacity: 3)
    for number in [2, 0] { list.use(number) }
    list.grow(to: 5)
    for number in [4, 2, 3] { list.use(number) }
    let (now, contained, capacity) = (order(list), list.contains(1), list.capacity)
    #expect(now == [0, 4, 2, 3] && !contained && capacity == 5)
  }

  @Test func `any order of calls agrees with an array`() {
    var random = SplitMix64(seed: 7)
    var list = RecencyList(capacity: 20)
    var model: [Int] = []
    for _ in 0..<5_000 {
      let number = Int.random(in: 0..<20, using: &random)
      if Bool.random(using: &random) {
        list.use(number)
        model.removeAll { $0 == number }
        model.append(number)
      } else if model.contains(number) {
        list.remove(number)
        model.removeAll { $0 == number }
      }
      let (order, count) = (order(list), list.count)
      #expect(order == model && count == model.count)
    }
  }
}
