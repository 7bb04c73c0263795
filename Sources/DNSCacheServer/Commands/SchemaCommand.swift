import ArgumentParser
import Configuration

/// Prints what a configuration file may have.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of the configuration file.",
    discussion: "For editors; with --reference, the page docs/configuration.md.")

  @Flag(help: "Print the reference page instead, in Markdown.")
  var reference = false

  func run() {
    print(reference ? ConfigurationReference.page : ConfigurationSchema.report.indentedJSON)
  }
}
