import DNSCache
import DNSExchange
import DNSResolver
import DNSService
import EventLoop
import Observability

/// What control shows of the upstreams.
enum UpstreamsReport {
  /// Each upstream and whether it answers, for the log.
  static func states(_ resolver: borrowing Resolver) -> [UpstreamNews.State] {
    var states: [UpstreamNews.State] = []
    resolver.exchanges.visitUpstreams(now: EventLoop.now()) { view in
      states.append(
        UpstreamNews.State(
          address: view.address.endpoint.text, isDown: view.state != .up, cause: view.cause,
          isLooping: view.isLooping))
    }
    return states
  }

  /// What `ctl status` says first: whether names can be resolved.
  static func health(_ resolver: borrowing Resolver) -> [(name: String, value: StructuredValue)] {
    let states = states(resolver)
    let down = states.filter(\.isDown).map(\.address)
    let up = states.count - down.count
    let resolves = resolver.exchanges.canResolve(now: EventLoop.now())
    let list = down.joined(separator: ", ")
    let sentence =
      if states.isEmpty {
        "no upstream is known yet"
      } else if down.isEmpty {
        "all upstreams answer, as far as is known"
      } else if up > 0 {
        "\(up) of \(states.count) upstreams answer; silent: \(list)"
      } else if resolves {
        "no upstream has answered lately; tried again: \(list)"
      } else {
        "no upstream answers: \(list)"
      }
    return [("health", .text(sentence)), ("resolves", .flag(resolves))]
  }

  /// A row for each upstream, in the order in which they were given.
  static func rows(_ worker: borrowing Worker) -> StructuredValue {
    let now = EventLoop.now()
    let isStrict = worker.resolver.exchanges.asksInOrder
    var views: [UpstreamView] = []
    worker.resolver.exchanges.visitUpstreams(now: now) { views.append($0) }
    var rows: [StructuredValue] = []
    for (index, view) in views.enumerated() {
      rows.append(
        .object([
          ("address", .text(view.address.endpoint.text)), ("state", .text(view.state.rawValue)),
          ("rtt_ms", view.roundTrip.map { .count($0) } ?? .null),
          ("variance_ms", view.variance.map { .count($0) } ?? .null),
          ("timeout_ms", .count(view.timeout)), ("inflight", .count(view.inFlight)),
          ("queries", .count(view.counters.queries)), ("replies", .count(view.counters.replies)),
          ("timeouts", .count(view.counters.timeouts)), ("errors", .count(view.counters.errors)),
          ("refusals", .count(view.counters.refusals)), ("tcp", .count(view.counters.streams)),
          ("tcp_connections", .count(worker.upstreamStreams?.count(to: view.id) ?? 0)),
          ("downs", .count(view.counters.downs)),
          ("edns", .text(view.udpSize == 0 ? "off" : "\(view.udpSize)")),
          ("cookies", .text(view.cookies.rawValue)),
          ("letter_case", .text(view.isFolded ? "lower" : "random")),
          (
            "ad",
            .text(
              worker.cache.limits.adTrust.includes(view.address.endpoint)
                ? "believed" : "ignored")
          ),
          // Its turn, where there is such.
          ("order", isStrict ? .count(index + 1) : .null),
          (
            "transport",
            .text(view.address.transport == .tcp || view.without.contains("udp") ? "tcp" : "udp")
          ),
          (
            "without",
            view.without.isEmpty ? .null : .text(view.without.joined(separator: " "))
          ),
          ("without_ms", view.untilRetry.map { .count($0) } ?? .null),
          ("last_failure", view.cause.map { .text("\($0)") } ?? .null),
          ("last_failure_ms", view.sinceFailure.map { .count($0) } ?? .null),
          ("next_probe_ms", view.untilProbe.map { .count($0) } ?? .null),
        ]))
    }
    return .list(rows)
  }
}
