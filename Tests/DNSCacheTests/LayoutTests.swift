import Testing

@testable import DNSCache

@Suite("Where fields lie")
struct LayoutTests {
  @Test func `what is read of a node at once lies where it is written`() {
    typealias Head = NodeHead
    #expect(MemoryLayout<Head>.size == NodeField.name)
    #expect(MemoryLayout<Head>.offset(of: \.chain) == NodeField.chain)
    #expect(MemoryLayout<Head>.offset(of: \.hash) == NodeField.hash)
    #expect(MemoryLayout<Head>.offset(of: \.firstSet) == NodeField.firstSet)
    #expect(MemoryLayout<Head>.offset(of: \.newer) == NodeField.newer)
    #expect(MemoryLayout<Head>.offset(of: \.older) == NodeField.older)
    #expect(MemoryLayout<Head>.offset(of: \.nameCount) == NodeField.nameCount)
    #expect(MemoryLayout<Head>.offset(of: \.use) == NodeField.use)
    #expect(MemoryLayout<Head>.offset(of: \.generation) == NodeField.generation)
  }

  @Test func `what is read of an RRset at once lies where it is written`() {
    typealias Head = SetHead
    #expect(MemoryLayout<Head>.size == SetField.data)
    #expect(MemoryLayout<Head>.offset(of: \.next) == SetField.next)
    #expect(MemoryLayout<Head>.offset(of: \.expiry) == SetField.expiry)
    #expect(MemoryLayout<Head>.offset(of: \.ttl) == SetField.ttl)
    #expect(MemoryLayout<Head>.offset(of: \.type) == SetField.type)
    #expect(MemoryLayout<Head>.offset(of: \.count) == SetField.count)
    #expect(MemoryLayout<Head>.offset(of: \.dataCount) == SetField.dataCount)
    #expect(MemoryLayout<Head>.offset(of: \.rankAndSection) == SetField.rankAndSection)
    #expect(MemoryLayout<Head>.offset(of: \.source) == SetField.source)
    #expect(MemoryLayout<Head>.offset(of: \.kindAndScopes) == SetField.kindAndScopes)
    #expect(MemoryLayout<Head>.offset(of: \.flags) == SetField.flags)
  }
}
