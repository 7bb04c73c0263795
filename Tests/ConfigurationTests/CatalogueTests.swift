import Testing

@testable import Configuration

@Suite("The catalogue of settings")
struct CatalogueTests {
  /// A value of a setting that is not its default.
  private static func other(_ setting: Setting) -> String {
    switch setting.kind {
    case .listener: "192.0.2.77:5377"
    case .server: "dns://192.0.2.77:5377?cookies=off&edns=off"
    case .endpoint: "127.0.0.1:8053"
    case .network, .clientNetwork: "192.0.2.0/24"
    case .domain: "example.net."
    case .specialZone: "home.arpa"
    case .size(let range): Quantity.size.text(range.lowerBound)
    case .duration(let range): Quantity.duration.text(max(range.lowerBound, 3_000))
    case .percent(let range): "\(range.upperBound)%"
    case .number(let range): "\(range.upperBound)"
    case .boolean: setting.defaultText == "true" ? "false" : "true"
    case .recordType: "AAAA"
    case .oneOf(let words): words.first { $0 != setting.defaultText } ?? ""
    case .checked(_, let fault):
      ["nxdomain", "192.0.2.0/24"].first { fault($0) == nil } ?? ""
    case .text: "/tmp/other"
    case .item(let kind):
      // As it is shown when it has been read.
      read(setting.key, kind.isKeyed ? "[\(kind.example)]" : kind.example).given.first.map {
        given in
        given.values.map { setting.kind.text(of: $0.value) }.joined()
      } ?? ""
    }
  }

  /// A file that has one setting.
  private static func read(_ key: String, _ value: String) -> ConfigurationFile {
    let words = key.split(separator: ".")
    let text = words.map { "{\($0): " }.joined() + value + words.map { _ in "}" }.joined()
    return ConfigurationFile(Array(text.utf8), path: "f.yaml")
  }

  @Test func `every setting has a place and a flag of its own`() {
    let all = Setting.all
    #expect(Set(all.map(\.key)).count == all.count)
    #expect(Set(all.map(\.flag)).count == all.count)
  }

  @Test(arguments: Setting.all.map(\.key))
  func `a value gets from the file into its field`(key: String) throws {
    let setting = try #require(Setting.named(key))
    let text = Self.other(setting)
    let written =
      switch setting.kind {
      case .boolean: text
      case .item(let kind): kind.isKeyed ? "[\(text)]" : text
      default: "\"\(text)\""
      }
    let file = Self.read(key, written)
    #expect(file.errors == [])
    var settings = Settings()
    let before = setting.text(in: settings)
    for given in file.given { given.setting.apply(given.values.map(\.value), to: &settings) }
    #expect(setting.text(in: settings) == text)
    #expect(setting.text(in: settings) != before)
    // Nothing else has changed.
    for other in Setting.all where other.key != key {
      #expect(other.text(in: settings) == other.text(in: Settings()))
    }
  }

  @Test(
    arguments: [
      (
        ["cache.sise=5"],
        "--set cache.sise: no setting has this name; did you mean cache.size?"
      ),
      (
        ["cache.size=5"],
        "--cache-size 5: not a size; write a whole number and KiB, MiB or GiB"
      ),
      (
        ["cache.size"],
        "--cache-size : not a size; write a whole number and KiB, MiB or GiB"
      ),
    ])
  func `what can't be set is said`(assignments: [String], message: String) {
    var configuration = Configuration(defaults: Settings())
    configuration.take(assignments: assignments)
    #expect(configuration.errors.map(\.description) == [message])
  }

  @Test func `each default is a value that may be given`() throws {
    for setting in Setting.all {
      for text in setting.text(in: Settings()).split(separator: " ") {
        #expect(throws: Never.self, "\(setting.key)") { try setting.kind.value(String(text)) }
      }
    }
  }

  @Test(
    arguments: [
      "listen", "upstream", "allow", "cache.size", "cache.file", "cache.save-interval",
      "cache.serve-stale", "cache.prefetch", "cache.min-ttl", "cache.max-ttl",
      "cache.max-negative-ttl", "control", "user", "log.level",
    ])
  func `the names that people depend on stay`(key: String) {
    #expect(Setting.named(key) != nil)
  }
}
