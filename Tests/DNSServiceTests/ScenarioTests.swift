import Foundation
import Testing

/// Plays every file of `Scenarios`; its README.md describes the language.
@Suite("Conversations")
struct ScenarioTests {
  private static let folder = Bundle.module.resourceURL?.appendingPathComponent("Scenarios")

  static let files: [String] = {
    guard let folder, let all = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
    else { return [] }
    return all.filter { $0.hasSuffix(".scenario") }.sorted()
  }()

  @Test(arguments: files)
  func `a conversation goes as its file says`(file: String) throws {
    let folder = try #require(Self.folder)
    let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
    do {
      try ScenarioPlayer.play(text, file: file)
    } catch let error as ScenarioError {
      Issue.record("\(error)")
    }
  }

  @Test func `the files are found`() {
    #expect(Self.files.count >= 60)
  }
}
