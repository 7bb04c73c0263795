import ArgumentParser
import DNSCache

/// The flags about how long answers are kept.
struct TTLOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Shortest time that records are kept; 0 stays 0.", valueName: "duration"))
  var minTtl = Duration(milliseconds: 0)

  @Option(help: ArgumentHelp("Longest time that records are kept.", valueName: "duration"))
  var maxTtl = Duration(milliseconds: Int(CacheLimits(octets: 0).maximumTTL) * 1_000)

  @Option(
    help: ArgumentHelp("Longest time that negative answers are kept.", valueName: "duration"))
  var maxNegativeTtl = Duration(
    milliseconds: Int(CacheLimits(octets: 0).maximumNegativeTTL) * 1_000)

  /// What ``minTtl`` may be: longer, and names would seem not to change.
  private static let mostMinimum = Duration(milliseconds: 3_600_000)
  /// What the others may be (RFC 8767 §4 caps TTLs at seven days).
  private static let most = Duration(milliseconds: 7 * 86_400_000)

  /// Checks the flags and sets the limits of a cache by them.
  func apply(to limits: inout CacheLimits) throws {
    limits.minimumTTL = try TTLOptions.seconds(minTtl, "--min-ttl", most: TTLOptions.mostMinimum)
    limits.maximumTTL = try TTLOptions.seconds(maxTtl, "--max-ttl", most: TTLOptions.most)
    limits.maximumNegativeTTL = try TTLOptions.seconds(
      maxNegativeTtl, "--max-negative-ttl", most: TTLOptions.most)
    guard limits.minimumTTL <= limits.maximumTTL else {
      throw StartupError(
        .usage, "--min-ttl \(minTtl): must not be more than --max-ttl, which is \(maxTtl)")
    }
  }

  /// Whole seconds, a part of one for one.
  private static func seconds(_ time: Duration, _ flag: String, most: Duration) throws -> UInt32 {
    guard time.milliseconds <= most.milliseconds else {
      throw StartupError(.usage, "\(flag) \(time): must be at most \(most)")
    }
    return UInt32((time.milliseconds + 999) / 1_000)
  }
}
