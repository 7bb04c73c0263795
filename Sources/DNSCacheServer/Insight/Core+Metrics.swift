import DNSResolver
import EventLoop
import Insight
import Memory

// What Prometheus is told.

extension Core {
  /// All figures in Prometheus' text format.
  ///
  /// - Parameters:
  ///   - statistics: what `ctl stats` shows.
  ///   - upstreams: their addresses, by number.
  ///   - started: seconds since 1970.
  func metrics(_ statistics: Report, upstreams: [SocketAddress], started: Int64) -> String {
    var text = PrometheusText(prefix: Metric.prefix)
    text.family("info", .gauge, "What runs here.")
    text.sample(UInt64(1), [("version", DNSCacheServer.version)])
    text.family("start_time_seconds", .gauge, "When it was started, in seconds since 1970.")
    text.sample(UInt64(clamping: started))
    if let octets = Process.residentOctets {
      text.family("resident_memory_bytes", .gauge, "Memory of the process that is resident.")
      text.sample(UInt64(octets))
    }
    Core.write(statistics, &text)
    writeTimes(&text, upstreams)
    writeUpstreams(&text, upstreams)
    return text.text
  }

  /// Writes the figures of `ctl stats`, each with its place there in the help.
  private static func write(_ statistics: Report, _ text: inout PrometheusText) {
    var values: [String: UInt64] = [:]
    statistics.visitNumbers { path, value in values[path] = UInt64(clamping: value) }
    var rest = Metric.all[...]
    while let first = rest.first {
      let family = rest.prefix { $0.name == first.name }
      rest = rest.dropFirst(family.count)
      // What isn't there now, as of HTTP when it is off, is left out.
      guard family.contains(where: { values[$0.path] != nil }) else { continue }
      text.family(
        first.name, first.kind,
        "\(first.help) (\(family.map(\.path).joined(separator: ", "))).")
      for metric in family {
        if let value = values[metric.path] { text.sample(value, metric.labels) }
      }
    }
  }

  private func writeTimes(_ text: inout PrometheusText, _ upstreams: [SocketAddress]) {
    text.family("hit_seconds", .histogram, "From reading a query until its hit was sent.")
    text.histogram(seen.value.hits)
    text.family("miss_seconds", .histogram, "How long clients waited for what was asked upstream.")
    text.histogram(seen.value.misses)
    text.family(
      "upstream_reply_seconds", .histogram, "How long an upstream's replies over UDP took.")
    frontend.resolver.visitUpstreams(now: EventLoop.now()) { view in
      text.histogram(
        seen.value.roundTrips[view.number], [("upstream", "\(upstreams[view.number])")])
    }
    text.family("loop_slice_seconds", .histogram, "Work that held up the loop, by the clock.")
    text.histogram(slices.wall)
    text.family(
      "loop_slice_processor_seconds", .histogram, "The same, of the processor.")
    text.histogram(slices.cpu)
    text.family(
      "loop_replies_seconds", .histogram, "Turns of taking in replies of upstreams.")
    text.histogram(slices.replies)
    text.family("loop_longest_slice_seconds", .gauge, "The longest of each kind of work so far.")
    for work in SliceWork.allCases {
      text.sample(
        Double(slices.longestMicroseconds(work)) / 1_000_000, [("work", work.name)])
    }
  }

  private func writeUpstreams(_ text: inout PrometheusText, _ upstreams: [SocketAddress]) {
    var views: [UpstreamView] = []
    frontend.resolver.visitUpstreams(now: EventLoop.now()) { views.append($0) }
    func family(
      _ name: String, _ kind: PrometheusText.Kind, _ help: String, _ value: (UpstreamView) -> UInt64
    ) {
      text.family("upstream_" + name, kind, help)
      for view in views {
        text.sample(value(view), [("upstream", "\(upstreams[view.number])")])
      }
    }
    family("up", .gauge, "Whether an upstream answers.") { $0.state == .up ? 1 : 0 }
    family("packets_in_flight", .gauge, "Packets whose reply would still be good.") {
      UInt64($0.inFlight)
    }
    family("queries_total", .counter, "Packets sent to an upstream over UDP.") {
      $0.counters.queries
    }
    family("replies_total", .counter, "Packets that answered one of them.") { $0.counters.replies }
    family("timeouts_total", .counter, "Packets not answered in time.") { $0.counters.timeouts }
    family("bad_replies_total", .counter, "Replies with an error, or with what is no answer.") {
      $0.counters.errors
    }
    family("refusals_total", .counter, "Packets that the network refused.") {
      $0.counters.refusals
    }
    family("streams_total", .counter, "Questions asked over TCP.") { $0.counters.streams }
    family("outages_total", .counter, "Times that it was taken as down.") { $0.counters.downs }
  }
}

extension Report {
  /// Visits all numbers and flags by their paths, as `cache.hits`.
  fileprivate func visitNumbers(_ path: String = "", _ body: (String, Int64) -> Void) {
    switch self {
    case .object(let members):
      for member in members {
        member.value.visitNumbers(path.isEmpty ? member.name : path + "." + member.name, body)
      }
    case .number(let number): body(path, number)
    case .flag(let flag): body(path, flag ? 1 : 0)
    case .list, .text, .none: break
    }
  }
}
