import Configuration
import DNSPolicy
import Foundation
import System
import Testing

@testable import DNSCacheServer

@Suite("Reading files of local names")
struct LocalReadingTests {
  @Test func `a file that grows beyond the limit while it is read is given up`() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "hosts-\(UUID())")
    try Data("192.0.2.1 a\n".utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    var rules = LocalRules()
    rules.maxFileSize = 100
    let id = try #require(LocalSource.ID(index: 0))
    let source = LocalFileSource(.file(file.path, .hosts), id)
    let reading = try LocalReading(source, rules, host: HostAddresses([]))
    let handle = try FileHandle(forWritingTo: file)
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(String(repeating: "192.0.2.2 b\n", count: 9).utf8))
    try handle.close()
    let error = #expect(throws: LocalReading.Failure.self) {
      while try reading.next(now: 0) != nil {}
    }
    #expect(error?.description.hasPrefix("has 120 bytes, and local.max-file-size is 100") == true)
  }
}
