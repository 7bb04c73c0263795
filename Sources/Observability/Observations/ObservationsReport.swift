import DNSExchange
import DNSService
import DNSWire
import Memory

/// What control shows of what was seen.
package enum ObservationsReport {
  /// The last hour, the oldest sample first.
  ///
  /// - Parameter last: samples at most.
  package static func history(_ seen: borrowing Observations, last: Int) -> StructuredValue {
    var samples: [StructuredValue] = []
    seen.history.visit(last: last) { sample in
      samples.append(
        .object([
          ("time", .number(sample.time)), ("queries", .count(sample.queries)),
          ("hits", .count(sample.hits)), ("misses", .count(sample.misses)),
          ("stale", .count(sample.stale)), ("failures", .count(sample.failures)),
          ("hit_p50_us", .count(sample.hitMedian)), ("hit_p99_us", .count(sample.hitTail)),
          ("miss_p50_us", .count(sample.missMedian)), ("miss_p99_us", .count(sample.missTail)),
          ("cache_bytes", .count(sample.cacheOctets)),
          ("limit_bytes", .count(sample.limitOctets)),
        ]))
    }
    return .object([
      ("interval_seconds", .count(History.interval)), ("samples", .list(samples)),
    ])
  }

  /// What came most, the first rows of a list.
  ///
  /// - Parameter hostName: what a client is called, if it has a name on the LAN.
  package static func top(
    _ list: TopList, limit: Int, of seen: borrowing Observations,
    hostName: (IPAddress) -> String? = { _ in nil }
  ) -> (total: UInt64, rows: [StructuredValue]) {
    var rows: [StructuredValue] = []
    func row(
      _ facts: [(name: String, value: StructuredValue)], _ estimate: HeavyHitters.Estimate
    ) {
      let range = estimate.range
      rows.append(
        .object(
          facts + [
            ("count", .count(estimate.count)), ("error", .count(estimate.error)),
            ("at_least", .count(range.lowerBound)), ("at_most", .count(range.upperBound)),
          ]))
    }
    switch list {
    case .names:
      seen.topNames(limit) { name, type, estimate in
        row([("name", .text(Name.text(name))), ("type", .text("\(type)"))], estimate)
      }
      return (seen.queries, rows)
    case .clients:
      seen.topClients(limit) { address, estimate in
        let name = hostName(address).map { [("host", StructuredValue.text($0))] } ?? []
        row([("client", .text("\(address)"))] + name, estimate)
      }
      return (seen.queries, rows)
    case .failures:
      seen.topFailures(limit) { name, type, number, estimate in
        let reason = ResolutionError(rawValue: UInt8(truncatingIfNeeded: number))
        row(
          [
            ("name", .text(Name.text(name))), ("type", .text("\(type)")),
            ("reason", .text(reason?.words ?? "?")),
          ], estimate)
      }
      return (seen.failures.total, rows)
    }
  }
}

extension ResolutionError {
  /// Why, for people.
  fileprivate var words: String {
    switch self {
    case .silence: "no reply from upstream"
    case .unreachable: "upstream unreachable"
    case .upstreamError, .looping, .nameTooLong: "upstream error"
    case .overload: "too much in flight"
    case .ending: "stopping"
    case .endlessAliases: "endless aliases"
    case .noUpstream: "no upstream is known"
    case .budget: "too many packets"
    }
  }
}

extension Name {
  /// A name in wire form as text.
  package static func text(_ wire: Span<UInt8>) -> String {
    (try? Name(wire: wire)).map { "\($0)" } ?? "?"
  }
}
