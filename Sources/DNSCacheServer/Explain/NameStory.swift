import DNSWire
import Observability

/// What `ctl explain` tells of a name: the same facts as JSON, and as a story.
struct NameStory {
  var name: String
  var type: String
  /// What is known of the name and of those that aliases lead to.
  var sets: [KnownSet] = []
  /// What becomes of the question, in a word and in a sentence.
  var answer: (course: String, rcode: String?, sentence: String)
  /// The name and type that upstream would be asked for.
  var question: String
  /// Who would be asked, in this order; nobody when it is answered here.
  var wouldAsk: [Candidate] = []
  var inFlight: StructuredValue = .null
  var failures: [PastFailure] = []
  /// The rules and limits that touched the name.
  var rules: [(rule: String, sentence: String)] = []

  /// An RRset or negative fact.
  struct KnownSet {
    var name: String
    var type: String
    /// "records", "nodata" or "nxdomain".
    var kind: String
    var count: Int
    /// Records as text, the first of them if there are many.
    var data: [String]
    var ttl: Int
    /// Seconds since 1970.
    var since: Int64
    var until: Int64
    /// Seconds left; below zero when it is stale.
    var left: Int
    var rank: String
    var section: String
    var flags: String
    /// The server that it came from.
    var upstream: String?
    /// Whether it answers the question, or leads on.
    var isUsed: Bool
  }

  /// An upstream that may be asked.
  struct Candidate {
    var upstream: String
    /// When: "first", "later", "last", "never".
    var turn: String
    var state: String
    var roundTrip: UInt64?
    /// What the packet has: EDNS, cookie, letter case.
    var packet: String
    /// Why it failed last, and milliseconds since.
    var failure: (cause: String, age: UInt64)?
  }

  /// A question that had no answer that could be kept.
  struct PastFailure {
    var type: String
    var reason: String
    var upstream: String?
    var age: UInt64
    /// Failures in a row.
    var count: Int
    /// Milliseconds for which it isn't asked again.
    var blockedFor: UInt64
  }

  /// The most records of an RRset that are shown.
  static let recordsShown = 8
  /// The most RRsets that are shown.
  static let setsShown = 100

  // MARK: For programs

  var report: StructuredValue {
    .object([
      ("name", .text(name)), ("type", .text(type)),
      (
        "answer",
        .object([
          ("course", .text(answer.course)), ("rcode", .optional(answer.rcode)),
          ("text", .text(answer.sentence)),
        ])
      ),
      ("cached", .list(sets.map(\.report))), ("question", .text(question)),
      ("would_ask", .list(wouldAsk.map(\.report))), ("in_flight", inFlight),
      ("last_failure", failures.first?.report ?? .null),
      ("failures", .list(failures.map(\.report))),
      (
        "rules",
        .list(rules.map { .object([("rule", .text($0.rule)), ("text", .text($0.sentence))]) })
      ),
    ])
  }

  // MARK: For people

  var text: String {
    var lines = ["\(name) \(type)", answer.sentence]
    if sets.isEmpty {
      lines += ["", "In the cache: nothing."]
    } else {
      lines += ["", "In the cache:"] + sets.flatMap(\.lines)
    }
    if !rules.isEmpty {
      lines += ["", "Rules and limits:"] + rules.map { "  \($0.rule): \($0.sentence)" }
    }
    lines += ["", "Last failure:" + (failures.isEmpty ? " none is remembered." : "")]
    lines += failures.map { "  \($0.text)" }
    if !wouldAsk.isEmpty {
      lines += ["", "Upstream would be asked for \(question):"] + wouldAsk.map { "  \($0.text)" }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension NameStory.KnownSet {
  fileprivate var report: StructuredValue {
    .object([
      ("name", .text(name)), ("type", .text(type)), ("kind", .text(kind)),
      ("records", .count(count)), ("data", .list(data.map { .text($0) })), ("ttl", .count(ttl)),
      ("left", .count(max(left, 0))), ("stale", left > 0 ? .null : .count(-left)),
      ("since", .number(since)), ("until", .number(until)), ("rank", .text(rank)),
      ("section", .text(section)), ("flags", .text(flags)), ("upstream", .optional(upstream)),
      ("used", .flag(isUsed)),
    ])
  }

  fileprivate var lines: [String] {
    let what =
      switch kind {
      case "records": "\(name) \(type)"
      case "nodata": "\(name) has no \(type)"
      default: "\(name) does not exist"
      }
    let more = count > data.count ? ["    and \(count - data.count) more"] : []
    let age = Int(until - since) - left
    let end =
      left > 0
      ? "good for \(Elapsed.text(seconds: left)) more, until \(Elapsed.moment(until))"
      : "stale: its time was over \(Elapsed.text(seconds: -left)) ago, \(Elapsed.moment(until))"
    let marks = flags.isEmpty ? "" : ", flags \(flags)"
    return ["  \(what)" + (isUsed ? ", which is what counts here" : "")]
      + data.map { "    \($0)" } + more + [
        "    came \(Elapsed.text(seconds: max(age, 0))) ago, \(Elapsed.moment(since)), from \(upstream ?? "an upstream that isn't known any more")",
        "    TTL \(ttl) s; \(end)",
        "    section \(section), rank \(rank)\(marks)",
      ]
  }
}

extension NameStory.Candidate {
  fileprivate var report: StructuredValue {
    .object([
      ("upstream", .text(upstream)), ("turn", .text(turn)), ("state", .text(state)),
      ("rtt", roundTrip.map { .count($0) } ?? .null), ("packet", .text(packet)),
      ("last_failure", .optional(failure?.cause)),
      ("last_failure_ms", failure.map { .count($0.age) } ?? .null),
    ])
  }

  fileprivate var text: String {
    let speed = roundTrip.map { "answers in \($0) ms" } ?? "not timed yet"
    let trouble =
      failure.map { "; failed \(Elapsed.text(milliseconds: $0.age)) ago: \($0.cause)" } ?? ""
    return "\(turn): \(upstream), \(state), \(speed), \(packet)\(trouble)"
  }
}

extension NameStory.PastFailure {
  fileprivate var report: StructuredValue {
    .object([
      ("type", .text(type)), ("reason", .text(reason)), ("upstream", .optional(upstream)),
      ("age_ms", .count(age)), ("in_a_row", .count(count)), ("blocked_ms", .count(blockedFor)),
    ])
  }

  fileprivate var text: String {
    let row = count > 1 ? ", \(count) times in a row" : ""
    let end =
      blockedFor > 0 ? "; not asked again for \(Elapsed.text(milliseconds: blockedFor))" : ""
    return
      "\(type), \(Elapsed.text(milliseconds: age)) ago\(row): \(reason), \(upstream ?? "no upstream")\(end)"
  }
}
