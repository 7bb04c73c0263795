import DNSCache
import DNSWire
import Memory

/// What would happen to a question that no data answers, and what happened to it before; for people.
public struct QuestionFacts: Sendable {
  /// The same question, if it is being asked.
  public let inFlight: Resolver.InFlightView?
  /// What is remembered of the name's questions of any type.
  public let troubles: [TroubleView]
  /// Whom it goes to, in this order.
  public let order: [Candidate]
  /// Every server.
  public let views: [UpstreamView]

  /// A server that a question may be sent to.
  public struct Candidate: Sendable {
    /// What names it.
    public let server: ServerID
    /// When it is asked.
    public let turn: Turn
  }

  /// When a server is asked.
  public enum Turn: String, Sendable {
    /// It may be asked first.
    case first
    /// It is asked when others don't answer.
    case later
    /// It is down, and asked when there is no other.
    case last
    /// It has been silent for so long that it is only probed.
    case never
  }

  /// Whether the question fails at once because nobody is there to be asked.
  public var isNobodyThere: Bool { order.allSatisfy { $0.turn == .never } }
}

extension Resolver {
  /// Says what would happen to a question that no data answers; changes nothing.
  public func facts(
    of key: borrowing NameKey, type: RecordType, needs: DNSSECNeeds, now: UInt64
  ) -> QuestionFacts {
    var troubles: [TroubleView] = []
    failures.visit(key, now: now) { troubles.append($0) }
    var views: [UpstreamView] = []
    visitUpstreams(now: now) { views.append($0) }
    let order = servers.order(of: group(for: key.octets, type) ?? .standard, now: now).map {
      QuestionFacts.Candidate(server: $0.server, turn: $0.turn)
    }
    return QuestionFacts(
      inFlight: find(key, type, needs).map { inFlightView($0) },
      troubles: troubles.sorted { $0.age < $1.age }, order: order, views: views)
  }

  /// Says by which number the cache knows a server's address.
  public mutating func setSource(_ source: UInt8, of server: ServerID) {
    servers[server].source = source
  }
}
