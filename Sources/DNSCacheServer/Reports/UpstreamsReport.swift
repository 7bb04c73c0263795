import DNSExchange
import DNSResolver
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
          address: view.address.endpoint.description, isDown: view.state != .up, cause: view.cause,
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
}
