import Configuration
import DNSPolicy
import DNSWire
import Observability

/// What `ctl routes` tells: whose servers are asked for which names.
struct RouteList {
  private let routes: [RouteRule]
  private let upstreams: [UpstreamServer]

  init(_ settings: Settings) {
    routes = settings.routes
    upstreams = settings.upstreams
  }

  /// The servers of a route, in the order in which they were given.
  private func servers(_ route: RouteID) -> [UpstreamServer] {
    guard let index = route.index else { return upstreams }
    return routes.indices.contains(index) ? routes[index].servers : []
  }

  /// The routes as they were given, and the default one.
  var report: StructuredValue {
    .list(
      routes.map { RouteList.row($0.domains, $0.networks, $0.servers) }
        + [RouteList.row([.root], [], upstreams)])
  }

  /// The same for people.
  var text: String {
    let sentences =
      routes.map(\.sentence) + ["all other names: \(RouteRule.words(upstreams))"]
    return sentences.joined(separator: "\n") + "\n"
  }

  private static func list(_ servers: [UpstreamServer]) -> StructuredValue {
    .list(servers.map { .text($0.description) })
  }

  private static func row(
    _ domains: [Name], _ networks: [IPNetwork], _ servers: [UpstreamServer]
  ) -> StructuredValue {
    .object([
      ("domains", .list(domains.map { .text("\($0)") })),
      ("networks", .list(networks.map { .text("\($0)") })), ("upstream", list(servers)),
    ])
  }

  /// By which zone it is decided who answers for a name, and who that is.
  func answer(
    for name: Name, by policy: borrowing Policy
  ) -> (report: StructuredValue, sentence: String) {
    let wire = name.lowercased.wire
    let zone =
      if let zone = policy.zone(of: wire.span) { Name.text(policy.name(zone)) } else { "." }
    let decision = policy.decide(wire.span, asked: .a)
    let servers: [UpstreamServer]
    let sentence: String
    switch decision {
    case .local(let match):
      servers = []
      sentence =
        if match.route != .default {
          "the route of \(zone) has no server, so no name in it exists"
        } else if case .records = match.answer {
          "the name is one of the LAN's own"
        } else {
          "names in \(zone) are answered here"
        }
    case .route(let route):
      servers = self.servers(route)
      let before = route == .default ? "no route has this name" : "names in \(zone) have a route"
      sentence = "\(before): \(RouteRule.words(servers))"
    }
    let course = if case .local = decision { "local" } else { "asked" }
    let report = StructuredValue.object([
      ("name", .text("\(name.lowercased)")), ("course", .text(course)), ("zone", .text(zone)),
      ("upstream", RouteList.list(servers)), ("text", .text(sentence)),
    ])
    return (report, sentence)
  }
}
