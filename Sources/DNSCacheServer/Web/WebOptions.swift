import ArgumentParser

/// The flags about HTTP.
struct WebOptions: ParsableArguments {
  @Option(help: .setting("http")) var http: String?
  @Option(help: .setting("http-token-file")) var httpTokenFile: String?
  @Option(help: .setting("http-host")) var httpHost: [String] = []

  var given: [GivenFlag] {
    [
      GivenFlag("http", http), GivenFlag("http-token-file", httpTokenFile),
      GivenFlag("http-host", httpHost),
    ].compactMap { $0 }
  }
}
