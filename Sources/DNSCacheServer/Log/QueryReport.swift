import DNSPolicy
import DNSService
import DNSWire
import EventLoop
import Memory
import Observability

/// What `ctl log` and the page tell of the last queries.
enum QueryReport {
  /// Queries that are told at once at most.
  static let most = 500

  /// Which queries are wanted.
  struct Filter {
    var client: IPAddress?
    /// What the name has in it, in lower case.
    var part: String?
    var isBlocked = false
    /// Those with this number and later ones.
    var after: UInt64?
    var count = 100
  }

  /// The newest that are wanted, in their order, the same as lines, and the number of the next query.
  static func report(
    _ filter: Filter, of server: Server
  ) -> (value: StructuredValue, text: String, next: UInt64) {
    let ring = server.worker.value.ring
    var rows: [StructuredValue] = []
    var lines: [String] = []
    let first = max(ring.value.first, filter.after ?? 0)
    var number = ring.value.count
    let clock = (now: EventLoop.now(), wall: EventLoop.wallClock())
    while number > first, rows.count < filter.count {
      number -= 1
      guard let record = ring.value.record(number), matches(record, number, filter, ring.value)
      else { continue }
      let row = Row(record, ring.value.question(number), clock, server)
      rows.append(row.value)
      lines.append(row.line)
    }
    let next = ring.value.count
    return (
      .object([("next", .number(Int64(clamping: next))), ("queries", .list(rows.reversed()))]),
      lines.reversed().joined(), next
    )
  }

  private static func matches(
    _ record: QueryRing.Record, _ number: UInt64, _ filter: Filter, _ ring: borrowing QueryRing
  ) -> Bool {
    if filter.isBlocked && record.outcome.source != .blocked { return false }
    if let client = filter.client, record.client != client { return false }
    guard let part = filter.part else { return true }
    return ring.question(number).name?.contains(part) ?? false
  }

  /// The lines of an answer as text, and the number behind them.
  static func split(_ text: String, isJSON: Bool) -> (lines: String, next: UInt64?) {
    if isJSON {
      let next = text.firstRange(of: "\"next\":").flatMap { range in
        UInt64(text[range.upperBound...].prefix { $0.isNumber })
      }
      return (text.contains("\"queries\":[]") ? "" : text, next)
    }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
    let next = lines.last.flatMap { $0.split(separator: " ").last }.flatMap { UInt64($0) }
    return (lines.dropLast().map { "\($0)\n" }.joined(), next)
  }

  /// A query in words.
  private struct Row {
    let value: StructuredValue
    let line: String

    init(
      _ record: QueryRing.Record, _ question: (name: String?, type: RecordType),
      _ clock: (now: UInt64, wall: Int64),
      _ server: Server
    ) {
      let age = Int64(clamping: (clock.now - min(record.time, clock.now)) / 1_000)
      let time = Timestamp.rfc3339(clock.wall - age)
      let isKnown = server.settings.logPrivacy != .clients
      let client = isKnown ? "\(record.client)" : "-"
      let host = isKnown ? server.local.name(of: record.client) : nil
      let filter = server.worker.value.policy.value.filter
      let groups = server.settings.groupNames
      let number = filter.value.group(of: record.client)
      let group = isKnown && groups.count > 1 && number < groups.count ? groups[number] : nil
      let outcome = record.outcome
      let code =
        outcome.rcode == QueryOutcome.none
        ? nil : "\(ResponseCode(headerBits: outcome.rcode, extendedBits: 0))"
      let list =
        outcome.list == QueryOutcome.none ? nil : filter.value.listName(Int(outcome.list))
      let source = QueryReport.words(outcome.source, list)
      let transport = record.transport == .tcp ? "tcp" : "udp"
      value = .object([
        ("time", .text(time)), ("client", .text(client)), ("host", .optional(host)),
        ("group", .optional(group)), ("transport", .text(transport)),
        ("name", .optional(question.name)), ("type", .text("\(question.type)")),
        ("rcode", .optional(code)), ("source", .optional(outcome.source?.rawValue)),
        ("list", .optional(list)), ("us", .count(Int(record.microseconds))),
      ])
      line = [
        time, host.map { "\(client) (\($0))" } ?? client, group, transport,
        question.name ?? "-", "\(question.type)", code ?? "-", source,
        "\(record.microseconds) µs\n",
      ].compactMap { $0 }.joined(separator: "  ")
    }
  }

  /// Where an answer came from, in words.
  private static func words(_ source: AnswerSource?, _ list: String?) -> String {
    switch source {
    case .hit: "cache"
    case .stale: "cache, stale"
    case .miss: "upstream"
    case .joined: "upstream, asked already"
    case .local: "local"
    case .blocked: list.map { "blocked by list \($0)" } ?? "blocked by a rule"
    case .refused: "refused"
    case .limited: "over a limit"
    case .failure: "failed"
    case nil: "-"
    }
  }
}
