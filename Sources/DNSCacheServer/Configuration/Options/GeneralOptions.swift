import ArgumentParser

/// The flags about whom to serve and whom to ask.
struct GeneralOptions: ParsableArguments {
  @Option(help: .setting("listen")) var listen: [String] = []
  @Option(help: .setting("upstream")) var upstream: [String] = []
  @Option(help: .setting("upstream-order")) var upstreamOrder: String?
  @Option(help: .setting("routes")) var route: [String] = []
  @Option(help: .setting("allow")) var allow: [String] = []
  @Option(help: .setting("control")) var control: String?
  @Option(help: .setting("user")) var user: String?
  @Option(help: .setting("log.level")) var logLevel: String?
  @Flag(inversion: .prefixedNo, help: .setting("log.queries")) var logQueries: Bool?

  var given: [GivenFlag] {
    [
      GivenFlag("listen", listen), GivenFlag("upstream", upstream), GivenFlag("allow", allow),
      GivenFlag("upstream-order", upstreamOrder), GivenFlag("routes", route),
      GivenFlag("control", control),
      GivenFlag("user", user), GivenFlag("log.level", logLevel),
      GivenFlag("log.queries", logQueries),
    ].compactMap { $0 }
  }
}
