import ArgumentParser
import DNSFrontend
import DNSWire

/// The flags that say what one client may ask.
struct ClientOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Queries a second from one client; 0 for any number.", valueName: "number"))
  var clientRate = ClientLimits().queries

  @Option(
    help: ArgumentHelp(
      "Questions to be asked upstream, and errors, a second for one client; 0 for any number.",
      valueName: "number"))
  var clientMisses = ClientLimits().misses

  @Option(
    help: ArgumentHelp(
      "Questions of one client that may wait for upstream.", valueName: "number"))
  var clientInFlight = ClientLimits().inFlight

  @Option(
    help: ArgumentHelp(
      "No limits of rate for clients of this network; repeatable. Default: loopback.",
      valueName: "network"))
  var clientExempt: [String] = []

  @Option(
    help: ArgumentHelp(
      "Secrets of server cookies, for servers that share an address. Default: random.",
      valueName: "path"))
  var cookieSecretFile: String?

  /// Checks the flags.
  func limits() throws(StartupError) -> ClientLimits {
    var limits = ClientLimits()
    limits.queries = try number(
      clientRate, "--client-rate", 0...ClientLimits.mostPerSecond)
    limits.misses = try number(
      clientMisses, "--client-misses", 0...ClientLimits.mostPerSecond)
    limits.inFlight = try number(
      clientInFlight, "--client-in-flight", 1...ClientLimits.mostInFlight)
    if !clientExempt.isEmpty {
      limits.exempt = []
      for text in clientExempt {
        limits.exempt.append(try RunCommand.network(text, flag: "--client-exempt"))
      }
    }
    return limits
  }

  private func number(
    _ value: Int, _ flag: String, _ range: ClosedRange<Int>
  ) throws(StartupError) -> Int {
    guard range.contains(value) else {
      throw StartupError(
        .usage, "\(flag) \(value): must be \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// The secrets of the file, if one is named.
  func cookieSecrets() throws(StartupError) -> CookieSecrets? {
    guard let cookieSecretFile else { return nil }
    return try CookieSecretFile.read(cookieSecretFile)
  }
}
