import Configuration
import DNSPolicy
import DNSWire

/// A rule that was made by `ctl block allow` or `ctl block deny`, as a line of a file keeps it.
struct MadeRule: Equatable {
  var isAllowing: Bool
  /// The name, with `*.` in front when it is about those below it alone.
  var name: String
  /// Seconds since 1970 at which it ends; nothing for never.
  var end: Int64?

  /// Rules at most.
  static let most = 1_000
  /// Seconds that one may be made for.
  static let longest: Int64 = 30 * 86_400

  init(isAllowing: Bool, name: String, end: Int64? = nil) {
    self.isAllowing = isAllowing
    self.name = name
    self.end = end
  }

  /// Reads a line; nothing for what is none.
  init?(_ line: some StringProtocol) {
    let words = line.split(separator: " ")
    guard words.count == 3, words[0] == "allow" || words[0] == "deny",
      BlockRules.pattern(String(words[1])) != nil, let end = Int64(words[2])
    else { return nil }
    self.init(
      isAllowing: words[0] == "allow", name: String(words[1]), end: end == 0 ? nil : end)
  }

  var line: String { "\(isAllowing ? "allow" : "deny") \(name) \(end ?? 0)\n" }

  /// The rule as the filter has it.
  var rule: BlockRule? {
    BlockRules.pattern(name).map {
      BlockRule(isAllowing ? .allow : .deny, $0.name, $0.kind, from: .hand)
    }
  }
}
