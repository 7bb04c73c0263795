import Foundation

/// What dnsperf counted in one run.
struct Dnsperf {
  let sent: Int
  let completed: Int
  let lost: Int
  /// Replies by response code.
  let codes: [String: Int]
  let output: String

  /// Asks each line of a file once; `NAME TYPE` a line.
  static func run(
    _ server: Endpoint, queries: String, passes: Int = 1, outstanding: Int = 200,
    timeout: Duration = .seconds(120)
  ) throws -> Dnsperf {
    let limit = Int(timeout.components.seconds)
    let result = try Tool.run(
      "dnsperf",
      [
        "-s", server.address, "-p", "\(server.port)", "-d", queries, "-n", "\(passes)",
        "-q", "\(outstanding)", "-c", "4", "-T", "1", "-t", "6", "-l", "\(limit)",
      ], timeout: timeout + .seconds(10))
    func number(_ label: String) -> Int {
      for line in result.output.split(separator: "\n") where line.contains(label) {
        return line.split(separator: ":").last?.split(separator: " ").first.flatMap { Int($0) }
          ?? -1
      }
      return -1
    }
    var codes: [String: Int] = [:]
    for match in result.output.matches(of: /([A-Z]+) (\d+) \([0-9.]+%\)/) {
      codes[String(match.output.1)] = Int(match.output.2)
    }
    return Dnsperf(
      sent: number("Queries sent:"), completed: number("Queries completed:"),
      lost: number("Queries lost:"), codes: codes, output: result.output + result.errors)
  }

  /// Writes a file of questions for the addresses of `PREFIX1.ZONE` to `PREFIXn.ZONE`.
  static func writeQueries(
    _ count: Int, prefix: String = "n", zone: String, to path: String
  ) throws {
    // seq and not a loop here: a million lines take a debug build of these tests a while.
    let result = try Tool.run(
      "bash", ["-c", "seq -f '\(prefix)%.0f.\(zone) A' 1 \(count) >'\(path)'"])
    guard result.status == 0 else { throw SystemError("seq", EIO) }
  }
}
