import Foundation
import Testing

@Suite("The house: what no file does")
struct HouseTests {
  /// The repository's folder, from where this file was compiled.
  private static let repository = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  @Test func `every file under Sources keeps the rules of the house`() throws {
    let sources = Self.repository.appending(path: "Sources")
    let files = try #require(
      FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
    var checked = 0
    for case let file as URL in files where file.pathExtension == "swift" {
      let path = String(file.path.dropFirst(Self.repository.path.count)).trimmingPrefix("/")
      let text = try String(contentsOf: file, encoding: .utf8)
      for violation in HouseRules.violations(path: String(path), text: text) {
        Issue.record("\(violation)")
      }
      checked += 1
    }
    #expect(checked > 200)
  }
}

@Suite("The checker of the house finds what it is for")
struct HouseRulesTests {
  private func rules(_ module: String, _ text: String) -> [HouseRules.Rule] {
    HouseRules.violations(path: "Sources/\(module)/A.swift", text: text).map(\.rule)
  }

  @Test(arguments: [
    ("DNSWire", "import Foundation"), ("DNSCache", "import CEvent"), ("Memory", "import Glibc"),
    ("DNSResolver", "public import Glibc"), ("DNSService", "import struct Glibc.timespec"),
    ("DNSCache", "import Memory; import Dispatch"), ("DNSCache", "  @_exported import `Glibc`"),
    ("EventLoop", "import FoundationEssentials"), ("DNSCacheServer", "import CEvent"),
    ("DNSCacheServer", "import Foundation"),
  ])
  func `what only the system's modules may import is found`(module: String, line: String) {
    #expect(rules(module, line + "\n") == [.systemImport])
  }

  @Test(arguments: [
    ("DNSCache", "import DNSWire\nimport Memory\n"),
    ("EventLoop", "import CEvent\nimport Glibc\nimport Memory\n"),
    ("DNSCacheServer", "import ArgumentParser\nimport FoundationEssentials\nimport Glibc\n"),
    ("DNSCache", "// import Glibc\nlet text = \"import Glibc\"\nlet important = 1\n"),
    ("DNSCache", "let text = \"\"\"\n  import Glibc\n  \"\"\"\n"),
  ])
  func `all else passes`(module: String, text: String) {
    #expect(rules(module, text).isEmpty)
  }

  @Test(arguments: [
    "let a: UnsafePointer<UInt8>", "let a: UnsafeMutableRawBufferPointer", "let a: OpaquePointer",
    "unsafe bytes.withUnsafeBytes { _ in }", "let a = unsafe unsafeBitCast(1, to: Int.self)",
    "let a = #\"a \" b\"#; let b: OpaquePointer", "let a = \"\\\"\"; let b: OpaquePointer",
  ])
  func `a raw pointer outside its modules is found`(text: String) {
    #expect(rules("DNSWire", text) == [.rawPointer])
    #expect(rules("EventLoop", text).isEmpty)
    #expect(rules("DNSWire", "// \(text)").isEmpty)
  }

  @Test(arguments: [
    "precondition(count > 0)", "preconditionFailure()", #"fatalError("no")"#, "assert(isOpen)",
    "let name = try! Name(text)", "let name = value as! Name", "let first = list.first!",
    "call(names[0]!)", "return find(key)!.count", "var loop: EventLoop!",
    "var list: Array<UInt8>!", "let word = optional.unsafelyUnwrapped",
  ])
  func `a trap without its reason is found`(line: String) {
    #expect(rules("DNSWire", "func a() {\n  \(line)\n}\n") == [.silentTrap])
    let reason = "// UNREACHABLE: a test."
    for explained in [
      "func a() {\n  \(line) \(reason)\n}\n",
      "func a() {\n  \(reason)\n  let b = 1\n  \(line)\n}\n",
      "\(reason)\n/// A test.\n@inline(never)\nfunc a() {\n  b()\n  b()\n  b()\n  b()\n  \(line)\n}\n",
    ] {
      #expect(rules("DNSWire", explained) == [])
    }
    let distant = "\(reason)\nfunc a() {\n  b()\n}\n\nfunc b() {\n  a()\n  a()\n  \(line)\n}\n"
    #expect(rules("DNSWire", distant) == [.silentTrap])
  }

  @Test(arguments: [
    "if a != b { }", "if !isOpen { }", "// precondition(a)", #"let text = "no!""#, "try? load()",
    "_ = value as? Name", "let isPrecondition = true",
  ])
  func `what does not trap passes`(line: String) {
    #expect(rules("DNSWire", "func a() {\n  \(line)\n}\n") == [])
  }

  @Test(arguments: ["@_silgen_name(\"time\") func time() -> Int", "@_extern(c) func time() -> Int"])
  func `a function of another module reached without an import is found`(line: String) {
    #expect(rules("DNSCache", line) == [.hiddenImport])
  }

  @Test func `a file of 600 lines passes and one of 601 is found`() {
    let lines = String(repeating: "let a = 1\n", count: 600)
    #expect(rules("DNSCache", lines).isEmpty)
    #expect(rules("DNSCache", lines + "let b = 2") == [.tooLong])
  }

  @Test(arguments: [
    "var count = 0", "private var count: Int = 0", "nonisolated(unsafe) var count: Int",
    "enum A {\n  static var count = 0\n}", "enum A {\n  static var count: Int\n}",
    "enum A {\n  static var table: [Int] = { [1] }()\n}",
    "enum A {\n  static var count: Int = 0 {\n    didSet {}\n  }\n}",
    "struct A {\n  static let shared = A()\n}", "func a() {\n}\nvar count = 0",
  ])
  func `a global or a singleton is found`(text: String) {
    #expect(rules("DNSCache", text) == [.global])
  }

  @Test(arguments: [
    "struct A {\n  var count = 0\n}", "func a() {\n  var count = 0\n}", "let variable = 1",
    "enum A {\n  static let limit = 3\n}", "enum A {\n  static var limit: Int { 3 }\n}",
    "enum A {\n  static var limit: Int {\n    get { 3 }\n  }\n}", "var limit: Int { 3 }",
  ])
  func `a constant, a computed property and a local variable are no globals`(text: String) {
    #expect(rules("DNSCache", text).isEmpty)
  }
}
