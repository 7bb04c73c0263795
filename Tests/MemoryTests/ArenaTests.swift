import Memory
import Randomness
import Testing

@Suite("Arena")
struct ArenaTests {
  /// What a block should hold: its octets all have this value.
  struct Block {
    var place: Reference
    var octets: Int
    var mark: UInt8
  }

  static func fill(_ block: Block, in arena: inout Arena) {
    let octets = [UInt8](repeating: block.mark, count: block.octets)
    arena.store(octets.span, block.place, 0)
  }

  static func isIntact(_ block: Block, in arena: borrowing Arena) -> Bool {
    let octets = arena.octets(block.place, 0, count: block.octets)
    for index in 0..<octets.count where octets[index] != block.mark { return false }
    return true
  }

  static func take(_ octets: Int, from arena: inout Arena) throws -> Reference {
    let place = arena.allocate(octets: octets)
    return try #require(place)
  }

  @Test(arguments: SplitMix64.fixedSeeds(4))
  func `blocks taken and given back at random keep their octets apart`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var arena = Arena(capacity: 256 << 10)
    var blocks: [Block] = []
    for step in 0..<20_000 {
      let grows = Int.random(in: 0..<100, using: &random) < (step / 2_000 % 2 == 0 ? 60 : 40)
      if grows {
        let octets =
          Bool.random(using: &random)
          ? Int.random(in: 0..<200, using: &random) : Int.random(in: 0..<6_000, using: &random)
        if let place = arena.allocate(octets: octets) {
          #expect(arena.room(place) >= octets)
          let block = Block(place: place, octets: octets, mark: UInt8(truncatingIfNeeded: step))
          Self.fill(block, in: &arena)
          blocks.append(block)
        }
      } else if !blocks.isEmpty {
        let block = blocks.remove(at: Int.random(in: blocks.indices, using: &random))
        let isIntact = Self.isIntact(block, in: arena)
        #expect(isIntact)
        arena.free(block.place)
      }
      if step % 500 == 0 { arena._checkInvariants() }
    }
    for block in blocks { arena.free(block.place) }
    arena._checkInvariants()
    let (used, touched) = (arena.used, arena.touched)
    #expect(used == 0)
    #expect(touched <= Arena.unit, "all is joined with the untouched rest")
  }

  @Test func `a reference is never none`() throws {
    var arena = Arena(capacity: 1_024)
    let place = try Self.take(0, from: &arena)
    #expect(!place.isNone)
    #expect(Reference.none.isNone)
  }

  @Test func `freed neighbours join whatever the order`() throws {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
      var arena = Arena(capacity: 4_096)
      var places: [Reference] = []
      for _ in 0..<3 { places.append(try Self.take(100, from: &arena)) }
      let guardBlock = try Self.take(16, from: &arena)
      let touched = arena.touched
      for index in order { arena.free(places[index]) }
      arena._checkInvariants()
      let joined = try Self.take(300, from: &arena)
      let touchedNow = arena.touched
      #expect(joined == places[0])
      #expect(touchedNow == touched)
      arena.free(guardBlock)
      arena.free(joined)
      arena._checkInvariants()
    }
  }

  @Test func `a freed block of some hundred octets is used again for its like`() throws {
    // It wasn't while untouched room was left: only lists of larger blocks were looked at.
    var arena = Arena(capacity: 1 << 20)
    let first = try Self.take(300, from: &arena)
    _ = try Self.take(300, from: &arena)
    let touched = arena.touched
    arena.free(first)
    let again = try Self.take(296, from: &arena)
    let touchedNow = arena.touched
    #expect(again == first)
    #expect(touchedNow == touched)
  }

  @Test func `a full arena gives nothing, and room again after a block came back`() throws {
    var arena = Arena(capacity: 4_096)
    var places: [Reference] = []
    while let place = arena.allocate(octets: 60) { places.append(place) }
    let (used, capacity) = (arena.used, arena.capacity)
    #expect(places.count == 63)
    #expect(used <= capacity)
    let isFull = arena.allocate(octets: 60) == nil
    #expect(isFull)
    arena.free(places[30])
    let again = arena.allocate(octets: 60)
    #expect(again == places[30])
    arena._checkInvariants()
  }

  @Test func `a block as large as the arena fits once`() throws {
    var arena = Arena(capacity: 4_096)
    let place = try Self.take(4_088, from: &arena)
    let isFull = arena.allocate(octets: 0) == nil
    #expect(isFull)
    arena.free(place)
    arena._checkInvariants()
    let tooLarge = arena.allocate(octets: arena.capacity) == nil
    #expect(tooLarge)
  }

  @Test func `a rest too small to be a block stays with the block before it`() throws {
    var arena = Arena(capacity: 4_096)
    let first = try Self.take(40, from: &arena)
    let second = try Self.take(40, from: &arena)
    arena.free(first)
    let smaller = try Self.take(32, from: &arena)
    #expect(smaller == first)
    let room = arena.room(smaller)
    #expect(room == 40)
    arena._checkInvariants()
    arena.free(second)
    arena.free(smaller)
    arena._checkInvariants()
  }

  @Test func `filling and emptying ten times with other sizes touches little more`() {
    var random = SplitMix64(seed: 7)
    var arena = Arena(capacity: 8 << 20)
    var first = 0
    for round in 0..<10 {
      var places: [Reference] = []
      var octets = 0
      while octets < 2 << 20 {
        let size = Int.random(in: 10...(40 + round * 90), using: &random)
        guard let place = arena.allocate(octets: size) else { break }
        places.append(place)
        octets += size + 4
      }
      arena._checkInvariants()
      if round == 0 { first = arena.touched }
      let touched = arena.touched
      #expect(Double(touched) <= Double(first) * 1.3)
      // A few stay, so that the next round meets a broken-up arena.
      places.shuffle(using: &random)
      for place in places { arena.free(place) }
    }
  }

  @Test func `numbers are read as they were written`() throws {
    var arena = Arena(capacity: 1_024)
    let place = try Self.take(32, from: &arena)
    arena.store32(0x0102_0304, place, 0)
    arena.store16(0x0506, place, 4)
    arena.store8(0x07, place, 6)
    arena.store8(0x08, place, 7)
    let (number32, number16, number8) = (
      arena.load32(place, 0), arena.load16(place, 4), arena.load8(place, 6)
    )
    #expect(number32 == 0x0102_0304 && number16 == 0x0506 && number8 == 0x07)
    let number64 = UInt64(littleEndian: arena.load64(place, 0))
    #expect(number64 == 0x0807_0506_0102_0304)
  }

  @Test func `the capacity is bounded by what a tag can say`() {
    // A free block's size has 30 bits; with a larger arena, joined blocks would have lost the top ones.
    #expect(Arena.maximumCapacity / Arena.unit < 1 << 30)
  }

  @Test func `reading behind the region stops the program`() async {
    await #expect(processExitsWith: .failure) {
      let arena = Arena(capacity: 64)
      _ = arena.load32(Reference(rawValue: 15), 1)
    }
  }

  @Test func `giving a block back twice stops the program`() async {
    await #expect(processExitsWith: .failure) {
      var arena = Arena(capacity: 1_024)
      guard let place = arena.allocate(octets: 16), arena.allocate(octets: 16) != nil else {
        return
      }
      arena.free(place)
      arena.free(place)
    }
  }
}
