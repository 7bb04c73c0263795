import Memory
import Testing

@Suite("FixedArray")
struct FixedArrayTests {
  @Test func `elements are what was written`() {
    var array = FixedArray(repeating: 7, count: 3)
    array[1] = 8
    let values = [array[0], array[1], array[2]]
    #expect(values == [7, 8, 7])
    var view = array.mutableSpan
    view[2] = 9
    let span = array.span
    let last = span[2]
    #expect(last == 9)
  }

  @Test func `an empty array has empty views`() {
    let array = FixedArray(repeating: 7, count: 0)
    let isEmpty = array.span.isEmpty
    #expect(isEmpty)
  }

  @Test func `elements are released with their owner`() {
    final class Mark {}
    weak var weakMark: Mark?
    do {
      let mark = Mark()
      weakMark = mark
      let array = FixedArray(repeating: mark, count: 2)
      let count = array.count
      #expect(count == 2)
    }
    #expect(weakMark == nil)
  }

  @Test func `an index behind the end stops the program`() async {
    await #expect(processExitsWith: .failure) {
      let array = FixedArray(repeating: 7, count: 3)
      _ = array[3]
    }
  }
}
