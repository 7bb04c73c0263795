import DNSExchange
import EventLoop
import Memory
import Observability

/// An upstream at a moment, with the worker that knows more of it.
struct UpstreamReading {
  let view: UpstreamView
  /// Its place among all of them.
  let place: Int
  let worker: Pinned<Worker>

  /// The labels that tell its samples from those of others.
  var labels: PrometheusText.Labels {
    PrometheusText.Labels([("upstream", view.address.endpoint.description)])
  }

  /// Each upstream, in the order in which they were given.
  static func all(of worker: Pinned<Worker>) -> [UpstreamReading] {
    var readings: [UpstreamReading] = []
    worker.value.resolver.exchanges.visitUpstreams(now: EventLoop.now()) {
      readings.append(UpstreamReading(view: $0, place: readings.count, worker: worker))
    }
    return readings
  }
}

extension Figures {
  /// What `ctl upstreams` and Prometheus are told of each upstream.
  static let upstreams = FigureTable<UpstreamReading>(
    health + traffic + [
      Figure("edns", .text, "The size that EDNS offers, or off") {
        .text($0.view.udpSize == 0 ? "off" : "\($0.view.udpSize)")
      },
      Figure("cookies", .text, "Whether it speaks cookies") { .text($0.view.cookies.rawValue) },
      Figure("letter_case", .text, "The letter case that it is asked in") {
        .text($0.view.usesLowerCase ? "lower" : "random")
      },
      Figure("ad", .text, "Whether its AD bit is believed") {
        .text(
          $0.worker.value.cache.limits.adTrust.includes($0.view.address.endpoint)
            ? "believed" : "ignored")
      },
      Figure("order", .count, "Its turn, where upstreams are asked in order") {
        .count($0.worker.value.resolver.exchanges.asksInOrder ? $0.place + 1 : nil)
      },
      Figure("transport", .text, "What it is asked over") {
        let isStream = $0.view.address.transport == .tcp || $0.view.without.contains("udp")
        return .text(isStream ? "tcp" : "udp")
      },
      Figure("without", .text, "What it turned out not to bear") {
        .optional($0.view.without.isEmpty ? nil : $0.view.without.joined(separator: " "))
      },
      Figure("without_ms", .milliseconds, "Until the first of that is tried again") {
        .count($0.view.untilRetry)
      },
      Figure("last_failure", .text, "Why it failed last") {
        .optional($0.view.cause.map { "\($0)" })
      },
      Figure("last_failure_ms", .milliseconds, "Since then") { .count($0.view.sinceFailure) },
      Figure("next_probe_ms", .milliseconds, "Until the next probe, while it is down") {
        .count($0.view.untilProbe)
      },
      Figure(histogram: "upstream_reply_seconds", "How long an upstream's replies over UDP took") {
        reading, take in
        switch reading.worker.value.seen.value.roundTrips[reading.view.id.slot] {
        case .some(let histogram): take(histogram)
        case .none: break
        }
      },
    ])

  private static let health: [Figure<UpstreamReading>] = [
    Figure(
      nil, .flag, "Whether an upstream answers", metric: .init("upstream_up", .gauge)
    ) { .flag($0.view.state == .up) },
    Figure("address", .text, "Where it is") { .text($0.view.address.endpoint.description) },
    Figure("state", .text, "Whether it answers: up, probing or down") {
      .text($0.view.state.rawValue)
    },
    Figure("rtt_ms", .milliseconds, "Smoothed round-trip time") { .count($0.view.roundTrip) },
    Figure("variance_ms", .milliseconds, "Its variance") { .count($0.view.variance) },
    Figure("timeout_ms", .milliseconds, "How long a first packet's reply is waited for") {
      .count($0.view.timeout)
    },
  ]

  private static let traffic: [Figure<UpstreamReading>] =
    [
      .gauge(
        "inflight", "Packets whose reply would still be good", metric: "upstream_packets_in_flight"
      ) { $0.view.inFlight },
      Figure("tcp_connections", .count, "TCP connections to it") {
        .count($0.worker.value.upstreamStreams?.count(to: $0.view.id) ?? 0)
      },
    ]
    + counters.map { name, metric, help, path in
      .counter(name, help, metric: .init("upstream_\(metric)_total", .counter)) {
        $0.view.counters[keyPath: path]
      }
    }

  private static let counters:
    [(name: String, metric: String, help: String, path: KeyPath<ServerCounters, UInt64> & Sendable)] =
      [
        ("queries", "queries", "Packets sent to an upstream over UDP", \.queries),
        ("replies", "replies", "Packets that answered one of them", \.replies),
        ("timeouts", "timeouts", "Packets not answered in time", \.timeouts),
        ("errors", "bad_replies", "Replies with an error, or with what is no answer", \.errors),
        ("refusals", "refusals", "Packets that the network refused", \.refusals),
        ("tcp", "streams", "Questions asked over TCP", \.streams),
        ("downs", "outages", "Times that it was taken as down", \.downs),
      ]
}
