import Memory
import Testing

@Suite("Numbers in octets")
struct OctetsTests {
  let octets: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9]

  @Test func `numbers of two and four octets are in network order`() {
    let (two, four) = (octets.span.load16(1), octets.span.load32(1))
    #expect(two == 0x0203)
    #expect(four == 0x0203_0405)
  }

  @Test func `eight octets are in memory order`() {
    let eight = octets.span.load64(1)
    #expect(eight == 0x0908_0706_0504_0302)
  }

  @Test func `what is written is read, and no more is changed`() {
    var octets = [UInt8](repeating: 0xEE, count: 10)
    var span = octets.mutableSpan
    span.store16(0x0102, 1)
    #expect(octets == [0xEE, 1, 2] + [UInt8](repeating: 0xEE, count: 7))
    span = octets.mutableSpan
    span.store32(0x0304_0506, 6)
    #expect(octets == [0xEE, 1, 2, 0xEE, 0xEE, 0xEE, 3, 4, 5, 6])
    span = octets.mutableSpan
    span.store64(0x0807_0605_0403_0201, 1)
    #expect(octets == [0xEE, 1, 2, 3, 4, 5, 6, 7, 8, 6])
    span = octets.mutableSpan
    span.store(self.octets.span, 1)
    #expect(octets == [0xEE] + self.octets)
  }

  private static func holds(_ octets: [UInt8], _ others: [UInt8], _ offset: Int) -> Bool {
    octets.span.holds(others.span, offset)
  }

  @Test func `octets are found where they stand, and nowhere else`() {
    let octets: [UInt8] = (0..<40).map { $0 }
    for count in 0...24 {
      for offset in 0...16 {
        let other = Array(octets[offset..<offset + count])
        #expect(Self.holds(octets, other, offset))
        for index in other.indices {
          var changed = other
          changed[index] ^= 0x20
          #expect(!Self.holds(octets, changed, offset))
        }
        if count > 0 { #expect(!Self.holds(octets, other, 41 - count)) }
      }
    }
    #expect(!Self.holds(octets, [40], 40))
    #expect(!Self.holds(octets, [40], 41))
    #expect(Self.holds(octets, [], 40))
  }

  @Test(arguments: 0...70)
  func `as many octets are copied as there are, of any number`(count: Int) {
    let source = (0..<count).map { UInt8($0 + 1) }
    var target = [UInt8](repeating: 0xEE, count: count + 4)
    var span = target.mutableSpan
    span.store(source.span, 2)
    #expect(target == [0xEE, 0xEE] + source + [0xEE, 0xEE])
  }

  /// The sum of the offset and eight is below zero.
  @Test func `an offset at the end of all numbers stops the program`() async {
    await #expect(processExitsWith: .failure) {
      let octets: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
      _ = octets.span.load64(Int.max - 3)
    }
    await #expect(processExitsWith: .failure) {
      var octets: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
      var span = octets.mutableSpan
      span.store32(0, Int.max - 1)
    }
  }

  @Test func `reading behind the end stops the program`() async {
    await #expect(processExitsWith: .failure) {
      let octets: [UInt8] = [1, 2, 3]
      _ = octets.span.load16(2)
    }
    await #expect(processExitsWith: .failure) {
      let octets: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
      _ = octets.span.load64(1)
    }
    await #expect(processExitsWith: .failure) {
      let octets: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
      _ = octets.span.load32(-1)
    }
  }

  @Test func `writing behind the end stops the program`() async {
    await #expect(processExitsWith: .failure) {
      var octets: [UInt8] = [1, 2, 3]
      var span = octets.mutableSpan
      span.store64(0, 0)
    }
    await #expect(processExitsWith: .failure) {
      var octets: [UInt8] = [1, 2, 3]
      let more: [UInt8] = [1, 2]
      var span = octets.mutableSpan
      span.store(more.span, 2)
    }
  }
}
