import DNSCache
import DNSFrontend
import DNSResolver
import EventLoop

// What control shows of the upstreams.

extension Worker {
  /// Each upstream and whether it answers, for the log.
  func upstreamStates(_ addresses: [SocketAddress]) -> [UpstreamNews.State] {
    var states: [UpstreamNews.State] = []
    resolver.visitUpstreams(now: EventLoop.now()) { view in
      states.append(
        UpstreamNews.State(
          address: "\(addresses[view.number])", isDown: view.state != .up, cause: view.cause,
          isLooping: resolver.looping & 1 << UInt64(view.number) != 0))
    }
    return states
  }

  /// What `ctl status` says first: whether names can be resolved.
  func healthReport(_ addresses: [SocketAddress]) -> [(name: String, value: Report)] {
    let states = upstreamStates(addresses)
    let down = states.filter(\.isDown).map(\.address)
    let up = states.count - down.count
    let resolves = resolver.canResolve(now: EventLoop.now())
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
  func upstreamsReport(_ addresses: [SocketAddress]) -> Report {
    let now = EventLoop.now()
    let isStrict = resolver.settings.isStrict
    var views: [UpstreamView] = []
    resolver.visitUpstreams(now: now) { views.append($0) }
    views.sort { $0.rank < $1.rank }
    var rows: [Report] = []
    for view in views {
      rows.append(
        .object([
          ("address", .text("\(addresses[view.number])")), ("state", .text(view.state.rawValue)),
          ("rtt_ms", view.roundTrip.map { .count($0) } ?? .none),
          ("variance_ms", view.variance.map { .count($0) } ?? .none),
          ("timeout_ms", .count(view.timeout)), ("inflight", .count(view.inFlight)),
          ("queries", .count(view.counters.queries)), ("replies", .count(view.counters.replies)),
          ("timeouts", .count(view.counters.timeouts)), ("errors", .count(view.counters.errors)),
          ("refusals", .count(view.counters.refusals)), ("tcp", .count(view.counters.streams)),
          ("tcp_connections", .count(upstreamStreams?.count(to: view.number) ?? 0)),
          ("downs", .count(view.counters.downs)),
          ("edns", .text(view.udpSize == 0 ? "off" : "\(view.udpSize)")),
          ("cookies", .text(view.cookies.rawValue)),
          ("letter_case", .text(view.isFolded ? "lower" : "random")),
          (
            "ad",
            .text(
              cache.limits.adTrust.includes(Source(addresses[view.number]))
                ? "believed" : "ignored")
          ),
          // Its turn, where there is such.
          ("order", isStrict ? .count(view.rank + 1) : .none),
          (
            "transport",
            .text(view.rules.isStreamOnly || view.without.contains("udp") ? "tcp" : "udp")
          ),
          (
            "without",
            view.without.isEmpty ? .none : .text(view.without.joined(separator: " "))
          ),
          ("without_ms", view.untilRetry.map { .count($0) } ?? .none),
          ("last_failure", view.cause.map { .text("\($0)") } ?? .none),
          ("last_failure_ms", view.sinceFailure.map { .count($0) } ?? .none),
          ("next_probe_ms", view.untilProbe.map { .count($0) } ?? .none),
        ]))
    }
    return .list(rows)
  }
}
