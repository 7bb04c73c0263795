import Foundation
import Observability
import Testing

@testable import Configuration

@Suite("What is made from the catalogue of settings")
struct ConfigurationPagesTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  @Test func `docs/configuration.md is what the program prints`() throws {
    let page = try String(
      contentsOf: Self.root.appending(path: "docs/configuration.md"), encoding: .utf8)
    #expect(
      page == ConfigurationReference.page + "\n",
      "write it anew: dns-cache-server schema --reference > docs/configuration.md")
  }

  @Test func `the schema is JSON and has every setting, with its type`() throws {
    let octets = Data(ConfigurationSchema.report.indentedJSON.utf8)
    let schema = try #require(try JSONSerialization.jsonObject(with: octets) as? [String: Any])
    #expect(schema["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
    for setting in Setting.all {
      var place = schema
      for word in setting.key.split(separator: ".") {
        let properties = try #require(place["properties"] as? [String: Any])
        #expect(place["additionalProperties"] as? Bool == false)
        place = try #require(properties[String(word)] as? [String: Any], "\(setting.key)")
      }
      #expect((place["description"] as? String)?.hasPrefix(setting.help) == true)
      let hasForm = place["type"] ?? place["oneOf"] ?? place["enum"]
      #expect(hasForm != nil, "\(setting.key)")
    }
  }

  @Test(arguments: [
    "home", "laptop", "office", "two-servers/dns-cache-server", "anycast/dns-cache-server",
  ])
  func `an example has no mistake, and says what is unlike the default`(name: String) throws {
    let path = Self.root.appending(path: "examples/\(name).yaml").path
    var configuration = Configuration(defaults: Settings())
    configuration.read(path)
    let settings = try configuration.settings()
    let changed = Setting.all.filter { $0.text(in: settings) != $0.text(in: Settings()) }
    #expect(changed.count >= 3)
  }

  @Test func `indented JSON says what JSON says`() throws {
    let report = StructuredValue.object([
      ("a", .list([.number(1), .text("x\"\n")])), ("b", .object([])),
      ("c", .list([.object([("d", .null), ("e", .flag(true))])])), ("f", .list([])),
    ])
    let flat = try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? NSDictionary
    let indented =
      try JSONSerialization.jsonObject(with: Data(report.indentedJSON.utf8)) as? NSDictionary
    #expect(flat == indented && flat != nil)
    #expect(report.indentedJSON.contains("\n      \"d\": null"))
  }
}
