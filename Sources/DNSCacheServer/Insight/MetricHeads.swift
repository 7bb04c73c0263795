import DNSExchange
import DNSResolver
import Observability

/// What every text for Prometheus has in common: heads, names, labels, made once at the start.
struct MetricHeads {
  /// Those of ``Metric/all``, each with where its samples stand in `ctl stats`.
  let figures: [(family: Family, samples: [(path: String, labels: PrometheusText.Labels)])]

  typealias Family = PrometheusText.Family

  let info = MetricHeads.family("info", .gauge, "What runs here.")
  let version = PrometheusText.Labels([("version", DNSCacheServer.version)])
  let startTime = MetricHeads.family(
    "start_time_seconds", .gauge, "When it was started, in seconds since 1970.")
  let residentMemory = MetricHeads.family(
    "resident_memory_bytes", .gauge, "Memory of the process that is resident.")
  let hits = MetricHeads.family(
    "hit_seconds", .histogram, "From reading a query until its hit was sent.")
  let misses = MetricHeads.family(
    "miss_seconds", .histogram, "How long clients waited for what was asked upstream.")
  let upstreamReplies = MetricHeads.family(
    "upstream_reply_seconds", .histogram, "How long an upstream's replies over UDP took.")
  let slices = MetricHeads.family(
    "loop_slice_seconds", .histogram, "Work that held up the loop, by the clock.")
  let processorSlices = MetricHeads.family(
    "loop_slice_processor_seconds", .histogram, "The same, of the processor.")
  let replies = MetricHeads.family(
    "loop_replies_seconds", .histogram, "Turns of taking in replies of upstreams.")
  let longestSlices = MetricHeads.family(
    "loop_longest_slice_seconds", .gauge, "The longest of each kind of work so far.")
  let kindsOfWork = SliceWork.allCases.map {
    (work: $0, labels: PrometheusText.Labels([("work", $0.name)]))
  }
  /// A sample for each upstream.
  let upstreams: [(family: Family, value: @Sendable (UpstreamView) -> UInt64)] = [
    upstream("up", .gauge, "Whether an upstream answers.") { $0.state == .up ? 1 : 0 },
    upstream("packets_in_flight", .gauge, "Packets whose reply would still be good.") {
      UInt64($0.inFlight)
    },
    upstream("queries_total", .counter, "Packets sent to an upstream over UDP.") {
      $0.counters.queries
    },
    upstream("replies_total", .counter, "Packets that answered one of them.") {
      $0.counters.replies
    },
    upstream("timeouts_total", .counter, "Packets not answered in time.") {
      $0.counters.timeouts
    },
    upstream(
      "bad_replies_total", .counter, "Replies with an error, or with what is no answer."
    ) { $0.counters.errors },
    upstream("refusals_total", .counter, "Packets that the network refused.") {
      $0.counters.refusals
    },
    upstream("streams_total", .counter, "Questions asked over TCP.") { $0.counters.streams },
    upstream("outages_total", .counter, "Times that it was taken as down.") {
      $0.counters.downs
    },
  ]

  init() {
    var figures: [(family: Family, samples: [(path: String, labels: PrometheusText.Labels)])] = []
    var rest = Metric.all[...]
    while let first = rest.first {
      let rows = rest.prefix { $0.name == first.name }
      rest = rest.dropFirst(rows.count)
      // Where it stands there is part of the help.
      let help = "\(first.help) (\(rows.map(\.path).joined(separator: ", ")))."
      figures.append(
        (
          MetricHeads.family(first.name, first.kind, help),
          rows.map { ($0.path, PrometheusText.Labels($0.labels)) }
        ))
    }
    self.figures = figures
  }

  private static func family(
    _ name: String, _ kind: PrometheusText.Kind, _ help: String
  ) -> Family {
    Family(Metric.prefix + name, kind, help)
  }

  private static func upstream(
    _ name: String, _ kind: PrometheusText.Kind, _ help: String,
    _ value: @escaping @Sendable (UpstreamView) -> UInt64
  ) -> (family: Family, value: @Sendable (UpstreamView) -> UInt64) {
    (family("upstream_" + name, kind, help), value)
  }
}
