import Memory
import Randomness
import Testing

@Suite("Slab")
struct SlabTests {
  @Test func `places taken and given back at random keep their values`() {
    var random = SplitMix64(seed: 1)
    var slab = Slab<UInt64>(capacity: 500)
    var model: [Int: UInt64] = [:]
    for step in 0..<20_000 {
      if Bool.random(using: &random) {
        let value = UInt64(step)
        if let index = slab.insert(value) {
          #expect(model[index] == nil)
          model[index] = value
        } else {
          #expect(model.count == 500)
        }
      } else if let (index, value) = model.first {
        let (found, isTaken) = (slab[index], slab.contains(index))
        #expect(found == value && isTaken)
        slab.remove(index)
        model[index] = nil
        let isStillTaken = slab.contains(index)
        #expect(!isStillTaken)
      }
      let (count, end) = (slab.count, slab.end)
      #expect(count == model.count)
      #expect(model.keys.allSatisfy { $0 < end })
    }
  }

  @Test func `a full slab gives nothing`() {
    var slab = Slab<UInt8>(capacity: 2)
    _ = slab.insert(1)
    _ = slab.insert(2)
    let more = slab.insert(3)
    #expect(more == nil)
    slab.remove(0)
    let again = slab.insert(4)
    #expect(again == 0)
  }

  @Test func `numbers never taken are not contained`() {
    let slab = Slab<UInt8>(capacity: 2)
    for index in [-1, 0, 1, 2, Int.max] {
      let isTaken = slab.contains(index)
      #expect(!isTaken)
    }
  }

  @Test func `giving a place back twice stops the program`() async {
    await #expect(processExitsWith: .failure) {
      var slab = Slab<UInt8>(capacity: 2)
      guard let index = slab.insert(1) else { return }
      slab.remove(index)
      slab.remove(index)
    }
  }
}
