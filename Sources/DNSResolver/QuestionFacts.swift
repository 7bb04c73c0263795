import DNSCache
import DNSExchange
import DNSWire
import Memory

/// What would happen to a question that no data answers, and what happened to it before; for people.
public struct QuestionFacts: Sendable {
  /// What becomes of it.
  public let plan: Resolver.Plan
  /// The same question, if it is being asked.
  public let inFlight: Resolver.InFlightView?
  /// What is remembered of the name's questions of any type.
  public let lastFailures: [FailureView]
  /// Whom it goes to, in this order.
  public let order: [ServerCandidate]
  /// Every server.
  public let views: [UpstreamView]
}

extension Resolver {
  /// Says what would happen to a question that no data answers; changes nothing.
  public func facts(
    of key: borrowing NameKey, type: RecordType, queryFlags: QueryFlags, now: UInt64
  ) -> QuestionFacts {
    var lastFailures: [FailureView] = []
    failures.visit(key, now: now) { lastFailures.append($0) }
    var views: [UpstreamView] = []
    exchanges.visitUpstreams(now: now) { views.append($0) }
    let plan = plan(key, type: type, queryFlags: queryFlags, now: now)
    let inFlight: InFlightView? =
      if case .join(let index) = plan { inFlightView(index) } else { nil }
    return QuestionFacts(
      plan: plan, inFlight: inFlight,
      lastFailures: lastFailures.sorted { $0.age < $1.age },
      order: exchanges.order(of: group(for: key.octets, type) ?? .standard, now: now), views: views)
  }
}

/// What is remembered of a question that had no answer that could be kept.
public struct FailureView: Sendable {
  /// The type that was asked for.
  public let type: RecordType
  /// DO and CD.
  public let queryFlags: QueryFlags
  /// What was in the way.
  public let detail: FailureDetail
  /// Milliseconds since.
  public let age: UInt64
  /// Failures in a row; 0 when there was an answer.
  public let failures: Int
  /// Milliseconds for which the question is not asked again yet (RFC 9520); 0 when it may be.
  public let blockedFor: UInt64
}
