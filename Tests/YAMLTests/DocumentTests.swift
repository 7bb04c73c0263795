import Testing

@testable import YAML

@Suite("YAML documents")
struct DocumentTests {
  private func read(_ text: String) throws -> Node? { try Document(Array(text.utf8)).root }

  private func failure(_ text: String) -> SyntaxError? {
    do {
      _ = try Document(Array(text.utf8))
      return nil
    } catch {
      return error
    }
  }

  @Test func `scalars, lists and groups keep their order and their places`() throws {
    let root = try #require(
      try read("listen: [\"::1\", 9.9.9.9]\ncache:\n  size: 64MiB\n  prefetch: true\n"))
    guard case .mapping(let entries) = root.content else {
      Issue.record("not a mapping")
      return
    }
    #expect(entries.map(\.key) == ["listen", "cache"])
    #expect(entries.map(\.mark) == [Mark(line: 1, column: 1), Mark(line: 2, column: 1)])
    guard case .sequence(let items) = entries[0].value.content,
      case .mapping(let cache) = entries[1].value.content
    else {
      Issue.record("other kinds")
      return
    }
    #expect(items.map(\.mark.column) == [10, 17])
    guard case .scalar("::1", isQuoted: true) = items[0].content,
      case .scalar("9.9.9.9", isQuoted: false) = items[1].content
    else {
      Issue.record("other scalars")
      return
    }
    #expect(cache.map(\.key) == ["size", "prefetch"])
    #expect(cache[1].mark == Mark(line: 4, column: 3))
  }

  @Test(arguments: ["", "\n", "# only a remark\n", "---\n"])
  func `a text without a value is an empty document`(text: String) throws {
    let root = try read(text)
    #expect(root == nil || root?.isNothing == true)
  }

  @Test(arguments: ["a:", "a: ~", "a: null"])
  func `nothing is told from an empty text in quotes`(text: String) throws {
    guard case .mapping(let entries)? = try read(text)?.content else {
      Issue.record("not a mapping")
      return
    }
    #expect(entries[0].value.isNothing)
    guard case .mapping(let quoted)? = try read("a: ''")?.content else { return }
    #expect(!quoted[0].value.isNothing)
  }

  @Test(
    arguments: [
      ("a: 1\nb: [1, 2\n", 3), ("a: 1\n  b: 2\n", 2), ("a: 1\na: 2\n", 2), ("a: &x 1\n", 1),
      ("a: 1\nb: *x\n", 2), ("a: !!int 1\n", 1), ("a: 1\n---\nb: 2\n", 2), ("\"a\n", 2),
      ("{[1]: 2}", 1), ("\t a: 1", 1),
    ] as [(String, Int)])
  func `what is wrong is said with its line`(text: String, line: Int) throws {
    let found = try #require(failure(text), "\(text)")
    #expect(found.mark.line == line, "\(found)")
    #expect(!found.message.isEmpty)
  }

  @Test func `depth and size are bounded`() {
    let deep = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
    #expect(failure(deep)?.message == "nested too deeply")
    #expect(failure(String(repeating: "#", count: Document.longest + 1)) != nil)
    #expect(failure(String(repeating: "[", count: 100_000)) != nil)
  }

  @Test func `octets that are no UTF-8 are refused`() {
    #expect(throws: SyntaxError.self) { try Document([0x61, 0x3A, 0x20, 0xFF, 0xFE]) }
    #expect(throws: SyntaxError.self) { try Document([0x61, 0x3A, 0x20, 0]) }
  }
}
