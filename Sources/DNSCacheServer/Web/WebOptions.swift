import ArgumentParser
import EventLoop

/// The flags about HTTP.
struct WebOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The page, the verbs of ctl and metrics over HTTP at this address.",
      valueName: "address:port"))
  var http: String?

  @Option(
    help: ArgumentHelp(
      "File with the token that HTTP requests must bring; needed but on loopback.",
      valueName: "path"))
  var httpTokenFile: String?

  @Option(
    help: ArgumentHelp(
      "Name under which HTTP is asked for, beside addresses and localhost; repeatable.",
      valueName: "name"))
  var httpHost: [String] = []

  /// Checks the flags.
  func settings() throws -> WebSettings {
    var settings = WebSettings(tokenFile: httpTokenFile, hosts: httpHost)
    guard let http else { return settings }
    // Without a port, the default would be the one of DNS: 0 shows that there was none.
    guard let address = SocketAddress(http, defaultPort: 0),
      address.port != 0 || http.hasSuffix(":0")
    else {
      throw StartupError(
        .usage, "--http \(http): not an address with a port; write 127.0.0.1:8053 or [::1]:8053")
    }
    settings.address = address
    return settings
  }
}
