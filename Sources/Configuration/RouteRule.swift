import DNSPolicy
import DNSWire

/// A route as it is configured: names that have servers of their own.
package struct RouteRule: Sendable {
  package var domains: [Name] = []
  /// Networks whose reverse names belong to the route.
  package var networks: [IPNetwork] = []
  /// The servers in the order given; none means that the names don't exist.
  package var servers: [UpstreamServer] = []

  /// The route without its servers.
  package var route: Route { Route(domains: domains, networks: networks, isEmpty: servers.isEmpty) }

  /// Whether all servers have private addresses; local addresses in their answers are no rebinding then.
  var isOfOwnNetwork: Bool {
    servers.allSatisfy { server in
      IPNetwork.notGlobal.contains { $0.contains(server.address.address) }
    }
  }

  /// The names in words.
  var names: String {
    let all =
      domains.map { String("\($0)".dropLast()) }
      + networks.map { "the reverse names of \($0)" }
    guard let last = all.last, all.count > 1 else { return all.joined() }
    return "\(all.dropLast().joined(separator: ", ")) and \(last)"
  }

  /// Who is asked, in words.
  package static func words(_ servers: [UpstreamServer]) -> String {
    servers.isEmpty
      ? "nobody is asked" : "asked of \(servers.map(\.description).joined(separator: ", "))"
  }

  /// What is done with the names, in words.
  package var sentence: String {
    servers.isEmpty
      ? "\(names): nobody is asked, these names don't exist (NXDOMAIN)"
      : "\(names): \(RouteRule.words(servers))"
  }
}

// MARK: As an item of the settings

extension RouteRule {
  static let kind = ItemKind(
    noun: "route", example: "{domains: [home.arpa, lan], upstream: [192.168.1.1]}",
    fields: [
      ItemField(
        name: "domains", kind: .domain, arity: .some,
        help:
          "The names, each with all below it; of two routes the one with the longer name counts."),
      ItemField(
        name: "networks", kind: .network, arity: .some,
        help:
          "Networks whose reverse names these servers are asked for; clients have nothing to do with it."
      ),
      ItemField(
        name: "upstream", kind: .server, arity: .any, isRequired: true, emptyWord: "none",
        help: "Whom to ask, written as in `upstream`; none, and the names don't exist (NXDOMAIN)."),
    ],
    line: ItemLine(form: "domain=server[,server]", split: split),
    fault: { item in
      item["domains"] == nil && item["networks"] == nil
        ? "a route needs domains or networks; that for all names is `upstream`" : nil
    })

  init(_ item: Item) {
    domains = item.values("domains").compactMap(\.value.domain)
    networks = item.values("networks").compactMap(\.value.network)
    servers = item.values("upstream").compactMap(\.value.server)
  }

  /// The route as an item of the configuration.
  var item: Item {
    var values = ["upstream": servers.map(Value.server)]
    if !domains.isEmpty { values["domains"] = domains.map(Value.domain) }
    if !networks.isEmpty { values["networks"] = networks.map(Value.network) }
    return Item(RouteRule.kind, values)
  }

  /// Reads `corp.example=10.0.0.53,10.0.1.53`; in front of the sign may be several names, and networks.
  private static func split(
    _ text: String
  ) throws(ValueError) -> [(field: String, texts: [String])] {
    let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard sides.count == 2, !sides[0].isEmpty else {
      throw ValueError(
        description: ForeignWords.hint(route: text)
          ?? "not a route; write corp.example=10.0.0.53,10.0.1.53")
    }
    guard !sides[1].isEmpty else {
      throw ValueError(
        description: "no server is named; write none if the names are not to exist")
    }
    let parts = sides.map { side in
      side.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    let networks = parts[0].filter { $0.contains("/") }
    let domains = parts[0].filter { !$0.contains("/") }
    return [("domains", domains), ("networks", networks)].filter { !$0.1.isEmpty }
      + [("upstream", parts[1])]
  }
}
