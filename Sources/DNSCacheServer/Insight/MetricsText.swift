import DNSExchange
import DNSResolver
import EventLoop
import Memory
import Observability
import System

/// What Prometheus is told.
enum MetricsText {
  /// Octets that a text has without upstreams, and for each of them, more or less: room for it is taken once.
  private static let size = (least: 48 << 10, perUpstream: 4 << 10)

  /// All figures in Prometheus' text format.
  ///
  /// - Parameters:
  ///   - statistics: what `ctl stats` shows.
  ///   - started: seconds since 1970.
  static func octets(
    of worker: borrowing Worker, _ heads: MetricHeads, _ statistics: StructuredValue,
    started: Int64
  ) -> [UInt8] {
    var views: [(view: UpstreamView, labels: PrometheusText.Labels)] = []
    worker.resolver.exchanges.visitUpstreams(now: EventLoop.now()) { view in
      views.append((view, PrometheusText.Labels([("upstream", view.address.endpoint.text)])))
    }
    var text = PrometheusText(
      capacity: MetricsText.size.least + views.count * MetricsText.size.perUpstream)
    text.begin(heads.info)
    text.sample(1, heads.version)
    text.begin(heads.startTime)
    text.sample(UInt64(clamping: started))
    if let octets = Process.residentOctets {
      text.begin(heads.residentMemory)
      text.sample(UInt64(octets))
    }
    write(statistics, heads, &text)
    writeTimes(worker, heads, &text, views)
    for (family, value) in heads.upstreams {
      text.begin(family)
      for (view, labels) in views { text.sample(value(view), labels) }
    }
    return text.octets
  }

  /// Writes the figures of `ctl stats`.
  private static func write(
    _ statistics: StructuredValue, _ heads: MetricHeads, _ text: inout PrometheusText
  ) {
    var values: [String: UInt64] = [:]
    values.reserveCapacity(2 * heads.figures.count)
    statistics.visitNumbers { path, value in values[path] = UInt64(clamping: value) }
    for (family, samples) in heads.figures {
      var hasBegun = false
      for (path, labels) in samples {
        // What isn't there now, as of HTTP when it is off, is left out.
        guard let value = values[path] else { continue }
        if !hasBegun { text.begin(family) }
        hasBegun = true
        text.sample(value, labels)
      }
    }
  }

  private static func writeTimes(
    _ worker: borrowing Worker, _ heads: MetricHeads, _ text: inout PrometheusText,
    _ views: [(view: UpstreamView, labels: PrometheusText.Labels)]
  ) {
    text.begin(heads.hits)
    text.histogram(worker.seen.value.hits)
    text.begin(heads.misses)
    text.histogram(worker.seen.value.misses)
    text.begin(heads.upstreamReplies)
    for (view, labels) in views {
      switch worker.seen.value.roundTrips[view.id.slot] {
      case .some(let histogram): text.histogram(histogram, labels)
      case .none: break
      }
    }
    text.begin(heads.slices)
    text.histogram(worker.slices.wall)
    text.begin(heads.processorSlices)
    text.histogram(worker.slices.cpu)
    text.begin(heads.replies)
    text.histogram(worker.slices.replies)
    text.begin(heads.longestSlices)
    for (work, labels) in heads.kindsOfWork {
      text.sample(microseconds: worker.slices.longestMicroseconds(work), labels)
    }
  }
}

extension StructuredValue {
  /// Visits all numbers and flags by their paths, as `cache.hits`.
  fileprivate func visitNumbers(_ path: String = "", _ body: (String, Int64) -> Void) {
    switch self {
    case .object(let members):
      for member in members {
        member.value.visitNumbers(path.isEmpty ? member.name : path + "." + member.name, body)
      }
    case .number(let number): body(path, number)
    case .flag(let flag): body(path, flag ? 1 : 0)
    case .list, .text, .null: break
    }
  }
}
