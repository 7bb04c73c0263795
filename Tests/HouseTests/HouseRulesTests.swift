import Foundation
import Testing

@Suite("The house: who imports whom, and what no file does")
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
    #expect(checked >= HouseRules.allowedImports.count - 1)
  }

  @Test func `every folder under Sources is a module of the table and the other way round`() throws
  {
    let folders = try FileManager.default.contentsOfDirectory(
      atPath: Self.repository.appending(path: "Sources").path)
    #expect(Set(folders) == Set(HouseRules.allowedImports.keys))
  }
}

@Suite("The checker of the house finds what it is for")
struct HouseRulesTests {
  private func rules(_ path: String, _ text: String) -> [HouseRules.Rule] {
    HouseRules.violations(path: path, text: text).map(\.rule)
  }

  @Test(arguments: [
    ("Memory", "import Glibc"),
    ("Memory", "import DNSWire"),
    ("DNSWire", "import DNSCache"),
    ("DNSWire", "import Foundation"),
    ("DNSCache", "import Glibc"),
    ("DNSCache", "import EventLoop"),
    ("DNSCache", "import CEvent"),
    ("DNSResolver", "import Glibc"),
    ("DNSResolver", "import DNSService"),
    ("DNSService", "import EventLoop"),
    ("DNSService", "import Logging"),
    ("EventLoop", "import DNSWire"),
    ("EventLoop", "import FoundationEssentials"),
    ("DNSCacheServer", "import CEvent"),
    ("DNSCacheServer", "import Foundation"),
  ])
  func `an import against the table is found`(module: String, line: String) {
    #expect(rules("Sources/\(module)/A.swift", line + "\n") == [.forbiddenImport])
  }

  @Test(arguments: [
    "public import Glibc",
    "@preconcurrency import Glibc",
    "@_exported public import Glibc",
    "@_implementationOnly import Glibc",
    "import struct Glibc.timespec",
    "internal import func Glibc.memcpy",
    "import Memory; import Glibc",
    "  import   Glibc",
    "import `Glibc`",
    "#if canImport(Glibc)\nimport Glibc\n#endif",
  ])
  func `an import in any spelling is found`(text: String) {
    #expect(rules("Sources/DNSCache/A.swift", text) == [.forbiddenImport])
  }

  @Test(arguments: [
    ("DNSCache", "import DNSWire\nimport Memory\n"),
    ("EventLoop", "import CEvent\nimport Glibc\nimport Memory\n"),
    ("DNSCacheServer", "import ArgumentParser\nimport FoundationEssentials\nimport Glibc\n"),
    ("DNSCache", "// import Glibc\n/* import EventLoop /* nested */ import CEvent */\n"),
    ("DNSCache", "let text = \"import Glibc\"\n"),
    ("DNSCache", "let text = \"\"\"\n  import Glibc\n  \"\"\"\n"),
    ("DNSCache", "func importEverything() {}\nlet important = 1\n"),
  ])
  func `what the table allows passes`(module: String, text: String) {
    #expect(rules("Sources/\(module)/A.swift", text).isEmpty)
  }

  @Test func `a module without a row in the table is found`() {
    #expect(rules("Sources/Utilities/A.swift", "") == [.unknownModule])
    #expect(rules("Sources/A.swift", "") == [.unknownModule])
  }

  @Test(arguments: [
    "let a: UnsafePointer<UInt8>",
    "let a: UnsafeMutablePointer<UInt8>",
    "let a: UnsafeRawPointer",
    "let a: UnsafeMutableRawPointer",
    "let a: UnsafeBufferPointer<UInt8>",
    "let a: UnsafeMutableBufferPointer<UInt8>",
    "let a: UnsafeRawBufferPointer",
    "let a: UnsafeMutableRawBufferPointer",
    "let a: OpaquePointer",
    "unsafe bytes.withUnsafeBytes { _ in }",
    "unsafe span.withUnsafeBufferPointer { _ in }",
    "let a = unsafe unsafeBitCast(1, to: Int.self)",
  ])
  func `a raw pointer outside its two modules is found`(text: String) {
    for module in ["DNSWire", "DNSCache", "DNSResolver", "DNSService", "DNSCacheServer"] {
      #expect(rules("Sources/\(module)/A.swift", text) == [.rawPointer])
    }
    for module in ["Memory", "EventLoop"] {
      #expect(rules("Sources/\(module)/A.swift", text).isEmpty)
    }
  }

  @Test func `a raw pointer in a comment or a string is no violation`() {
    #expect(
      rules("Sources/DNSCache/A.swift", "// UnsafeRawPointer\nlet a = \"withUnsafeBytes\" // x\n")
        .isEmpty)
    #expect(
      rules("Sources/DNSCache/A.swift", "let a = #\"a \" b\"#; let b: OpaquePointer\n").count == 1)
    #expect(
      rules("Sources/DNSCache/A.swift", "let a = \"\\\"\"; let b: OpaquePointer\n").count == 1)
  }

  @Test(arguments: [
    "precondition(count > 0)", "preconditionFailure()", #"fatalError("no")"#, "assert(isOpen)",
    "let name = try! Name(text)", "let name = value as! Name", "let first = list.first!",
    "call(names[0]!)", "return find(key)!.count", "var loop: EventLoop!",
    "var list: Array<UInt8>!", "let word = optional.unsafelyUnwrapped",
  ])
  func `a trap without its reason is found`(line: String) {
    #expect(rules("Sources/Observability/A.swift", "func a() {\n  \(line)\n}\n") == [.silentTrap])
    let reason = "// UNREACHABLE: a test."
    for explained in [
      "func a() {\n  \(line) \(reason)\n}\n",
      "func a() {\n  \(reason)\n  let b = 1\n  \(line)\n}\n",
      "\(reason)\n/// A test.\n@inline(never)\nfunc a() {\n  b()\n  b()\n  b()\n  b()\n  \(line)\n}\n",
    ] {
      #expect(rules("Sources/Observability/A.swift", explained) == [])
    }
    let distant = "\(reason)\nfunc a() {\n  b()\n}\n\nfunc b() {\n  a()\n  a()\n  \(line)\n}\n"
    #expect(rules("Sources/Observability/A.swift", distant) == [.silentTrap])
  }

  @Test(arguments: [
    "if a != b { }", "if !isOpen { }", "// precondition(a)", #"let text = "no!""#, "try? load()",
    "_ = value as? Name", "let isPrecondition = true",
  ])
  func `what does not trap passes`(line: String) {
    #expect(rules("Sources/Observability/A.swift", "func a() {\n  \(line)\n}\n") == [])
  }

  @Test func `a function of another module reached without an import is found`() {
    #expect(
      rules("Sources/DNSCache/A.swift", "@_silgen_name(\"time\") func time() -> Int\n")
        == [.hiddenImport])
    #expect(
      rules("Sources/DNSCache/A.swift", "@_extern(c) func time() -> Int\n") == [.hiddenImport])
  }

  @Test func `a file of 600 lines passes and one of 601 is found`() {
    let line = "let a = 1\n"
    #expect(rules("Sources/DNSCache/A.swift", String(repeating: line, count: 600)).isEmpty)
    #expect(rules("Sources/DNSCache/A.swift", String(repeating: line, count: 601)) == [.tooLong])
    #expect(
      rules("Sources/DNSCache/A.swift", String(repeating: line, count: 600) + "let b = 2")
        == [.tooLong])
  }

  @Test(arguments: [
    "var count = 0\n",
    "private var count: Int = 0\n",
    "nonisolated(unsafe) var count: Int\nlet a = 1\n",
    "var (a, b) = (1, 2)\n",
    "enum A {\n  static var count = 0\n}\n",
    "enum A {\n  static var count: Int = 0\n}\n",
    "enum A {\n  nonisolated(unsafe) static var count: Int?\n  let a = 1\n}\n",
    "enum A {\n  static var table: [Int] = { [1] }()\n}\n",
    "enum A {\n  static var count: Int = 0 {\n    didSet {}\n  }\n}\n",
    "enum A {\n  static var count: Int? {\n    didSet {}\n  }\n}\n",
    "struct A {\n  static let shared = A()\n}\n",
    "func a() {\n}\nvar count = 0\n",
  ])
  func `a global or a singleton is found`(text: String) {
    #expect(rules("Sources/DNSCache/A.swift", text) == [.global])
  }

  @Test(arguments: [
    "struct A {\n  var count = 0\n}\n",
    "func a() {\n  var count = 0\n  count += 1\n}\n",
    "enum A {\n  static let limit = 3\n}\n",
    "enum A {\n  static var limit: Int { 3 }\n}\n",
    "enum A {\n  static var limit: Int {\n    get { 3 }\n  }\n}\n",
    "enum A {\n  static var limits: [Int: [String]] {\n    [:]\n  }\n}\n",
    "var limit: Int { 3 }\n",
    "let variable = 1\n",
  ])
  func `a constant, a computed property and a local variable are no globals`(text: String) {
    #expect(rules("Sources/DNSCache/A.swift", text).isEmpty)
  }
}
