import DNSWire

/// An upstream, for people.
public struct UpstreamView: Sendable {
  /// What names it.
  public let id: ServerID
  /// Where it is asked, and how.
  public let address: ServerAddress
  /// Whether it has sent us our own queries.
  public let isLooping: Bool
  /// Whether it answers.
  public let state: State
  /// Smoothed round-trip time and its variance, in milliseconds; nothing before the first reply.
  public let roundTrip: UInt64?
  /// See ``roundTrip``.
  public let variance: UInt64?
  /// How long the first attempt of a question waits for it, in milliseconds.
  public let timeout: UInt64
  /// Packets whose reply would still be good.
  public let inFlight: Int
  /// What was sent and what came back.
  public let counters: ServerCounters
  /// The size that EDNS offers; 0 without EDNS.
  public let udpSize: UInt16
  /// Whether it is asked in lower case because it doesn't keep letter case.
  public let usesLowerCase: Bool
  /// Whether it speaks cookies.
  public let cookies: CookieUse
  /// What it is asked with, as it was set.
  public let rules: ServerRules
  /// What it turned out not to bear, in words: "edns", "cookies", "letter-case", "large-replies", "udp".
  public let without: [String]
  /// Milliseconds until the first of that is tried again.
  public let untilRetry: UInt64?
  /// Why it failed last.
  public let cause: ResolutionError?
  /// Milliseconds since then.
  public let sinceFailure: UInt64?
  /// Milliseconds until the next probe, while it is down.
  public let untilProbe: UInt64?

  /// Whether an upstream answers.
  public enum State: String, Sendable {
    /// It does, as far as is known.
    case up
    /// It failed again and again; it is probed, and asked when there is no other.
    case probing
    /// It has been silent for so long that it is only probed.
    case down
  }
}

extension Exchanges {
  /// Another number whenever a server went down or came back, or turned out to send us our own queries.
  public var serverNews: UInt64 { counters.downs &+ counters.recoveries &+ loopsFound }

  /// Whether there is an upstream that a question would be sent to.
  public func canResolve(now: UInt64) -> Bool {
    // What a route's servers do says nothing of other names.
    let servers = servers.servers(of: .standard)
    return servers.contains { !self.servers.isGivenUp($0, now: now) }
  }

  /// Whether servers are asked in the order in which they were given, rather than the fastest first.
  public var asksInOrder: Bool { servers.isStrict(.standard) }

  /// The servers that are asked, each once: those of the default route first, in the order in which they were given,
  /// then those of the others.
  private var listed: [ServerID] {
    var seen: Set<ServerID> = []
    return (0..<groupCount).flatMap { servers.servers(of: ServerGroupID($0)) }
      .filter { seen.insert($0).inserted }
  }

  /// The servers that a group's questions are sent to, in this order.
  public func order(of group: ServerGroupID, now: UInt64) -> [ServerCandidate] {
    servers.order(of: group, now: now)
  }

  /// Why none of a group's servers can be asked.
  public func cause(ofSilent group: ServerGroupID) -> ResolutionError {
    guard let first = servers.firstMember(of: group) else { return .noUpstream }
    return servers[first].lastCause ?? .silence
  }

  /// Visits the servers that are asked: those of the default route first, in the order in which they were given.
  public func visitUpstreams(now: UInt64, _ body: (UpstreamView) -> Void) {
    for id in listed {
      let server = servers[id]
      let isMeasured = server.roundTrip.isMeasured
      body(
        UpstreamView(
          id: id, address: server.address, isLooping: server.isLooping,
          state: !server.isDown ? .up : servers.isGivenUp(id, now: now) ? .down : .probing,
          roundTrip: isMeasured ? server.roundTrip.milliseconds : nil,
          variance: isMeasured ? server.roundTrip.varianceMilliseconds : nil,
          timeout: server.roundTrip.timeout, inFlight: Int(server.inFlight),
          counters: server.counters, udpSize: server.offer(now: now).octets,
          usesLowerCase: server.lowerCase.isInForce || !server.rules.usesLetterCase,
          cookies: server.cookie.use, rules: server.rules,
          without: Fallback.Kind.allCases.filter { server.isDone($0, now: now) }.map(\.word),
          untilRetry: Fallback.Kind.allCases.filter { server.isDone($0, now: now) }
            .map { max(server[$0].until, now) - now }.min(),
          cause: server.lastCause,
          sinceFailure: server.cause == nil ? nil : now &- server.failedAt,
          untilProbe: server.isDown
            ? server.nextProbe &- min(now, server.nextProbe) : nil))
    }
  }
}

extension Server {
  /// What EDNS a query to it has.
  fileprivate func offer(now: UInt64) -> EDNSOffer {
    if !rules.usesEDNS || withoutEDNS.isInForce { return .none }
    return isDone(.small, now: now) ? .small : .full
  }

  /// Whether something is done because it turned out to be needed.
  fileprivate func isDone(_ kind: Fallback.Kind, now: UInt64) -> Bool {
    // This one simply ends.
    kind == .small ? now < small.until : self[kind].isInForce
  }
}

extension Fallback.Kind {
  /// What an upstream is asked without.
  fileprivate var word: String {
    switch self {
    case .withoutEDNS: "edns"
    case .withoutCookies: "cookies"
    case .lowerCase: "letter-case"
    case .small: "large-replies"
    case .overStream: "udp"
    }
  }
}

/// A server that a question may be sent to.
public struct ServerCandidate: Sendable {
  /// What names it.
  public let server: ServerID
  /// When it is asked.
  public let turn: ServerTurn
}

/// When a server is asked.
public enum ServerTurn: String, Sendable {
  /// It may be asked first.
  case first
  /// It is asked when others don't answer.
  case later
  /// It is down, and asked when there is no other.
  case last
  /// It has been silent for so long that it is only probed.
  case never
}
