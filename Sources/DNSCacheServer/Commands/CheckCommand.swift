import ArgumentParser
import Configuration
import Control
import System

/// Checks a configuration file without starting anything.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check a configuration file and say all that is wrong with it.",
    discussion: """
      Finds what a start on this machine would refuse, and warns of what is perhaps not meant.
      Exit status: 0 nothing is wrong, 64 something is.
      """)

  @Argument(
    help: ArgumentHelp("The file. (default: \(SettingsSource.defaultFile))", valueName: "file"))
  var file: String?

  func run() throws {
    let path = file ?? SettingsSource.defaultFile
    do throws(ConfigurationErrors) {
      let text = try ConfigurationText(reading: path)
      var configuration = Configuration(defaults: Settings())
      configuration.take(text)
      let settings = try configuration.settings()
      try configuration.checkHost()
      let warnings = configuration.warnings(on: .asFarAsTold()) + text.warnings
      for complaint in LocalReading.complaints(settings.local) + ListCompiler.complaints(settings) {
        Process.writeError("warning: \(complaint)\n")
      }
      for warning in warnings { Process.writeError("warning: \(warning)\n") }
      print("\(path): nothing is wrong")
      for route in settings.routes { print("route: \(route.sentence)") }
      if settings.allowsLocalNetworks, let host = try? HostAddresses() {
        let local = LocalNetworks(of: host, besides: settings.allowed)
        print("allow: \(LocalNetworks.word) are now: \(local.text)")
      }
      if settings.isUpstreamExplicit, settings.upstreams.count > 1,
        settings.resolver.order == .fastest
      {
        print(
          "note: all upstreams are equal, and the fastest is asked first; to have the first one asked, and the next only while it is down, set upstream-order: strict"
        )
      }
    } catch {
      Process.writeError("\(error)\n")
      throw ExitCode(ExitStatus.usage.rawValue)
    }
  }
}
