import ArgumentParser

/// The flags about what one client may ask.
struct ClientOptions: ParsableArguments {
  @Option(help: .setting("client.rate")) var clientRate: String?
  @Option(help: .setting("client.misses")) var clientMisses: String?
  @Option(help: .setting("client.in-flight")) var clientInFlight: String?
  @Option(help: .setting("client.amplification")) var clientAmplification: String?
  @Option(help: .setting("client.exempt")) var clientExempt: [String] = []
  @Option(help: .setting("client.cookie-secret-file")) var cookieSecretFile: String?

  var given: [GivenFlag] {
    [
      GivenFlag("client.rate", clientRate), GivenFlag("client.misses", clientMisses),
      GivenFlag("client.in-flight", clientInFlight),
      GivenFlag("client.amplification", clientAmplification),
      GivenFlag("client.exempt", clientExempt),
      GivenFlag("client.cookie-secret-file", cookieSecretFile),
    ].compactMap { $0 }
  }
}
