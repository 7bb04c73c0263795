import DNSPolicy
import DNSWire
import LocalFiles
import System

/// The LAN's own names as they are configured: where they stand, and what becomes of others in the LAN's domain.
package struct LocalRules: Sendable {
  /// This server's own name; nil for the host's.
  package var name: String?
  /// The domain of names without a dot in hosts files and leases.
  package var domain: Name?
  /// Files as hosts(5) describes them.
  package var hosts: [String] = []
  /// Files in which DHCP servers keep their leases.
  package var leases: [String] = []
  /// Lines of a zone file.
  package var records: [String] = []
  package var zones: [LocalZoneRule] = []
  /// Octets for local data.
  package var memory = LocalData.usualOctets
  /// Octets of a file at most.
  package var maxFileSize = 64 << 20
  /// Seconds for which local data may be kept.
  package var ttl: UInt32 = 60
  package var oneLabel = OneLabelNames.nxdomain

  package init() {}

  /// Files at most, of hosts, leases and zones together.
  package static let mostFiles = 16
  /// Lines of `local.records` at most; more belong in a zone file.
  static let mostRecords = 10_000

  /// Whether there is anything local.
  package var isEmpty: Bool {
    domain == nil && hosts.isEmpty && leases.isEmpty && records.isEmpty && zones.isEmpty
  }

  /// Seconds for which it may be kept that a name isn't there: a host that gets a lease is to be found at once.
  package var negativeTTL: UInt32? {
    isEmpty ? nil : min(ttl, leases.isEmpty ? ttl : LocalRules.leaseNegativeTTL)
  }
  private static let leaseNegativeTTL: UInt32 = 10
}

/// What becomes of addresses of names without a dot that nobody here knows.
package enum OneLabelNames: String, CaseIterable, Sendable {
  /// They don't exist, if there is a local domain.
  case nxdomain
  /// Upstream is asked.
  case forward
}

/// A zone of the LAN's own as it is configured.
package struct LocalZoneRule: Sendable, Equatable {
  package var zone: LocalZone
  /// Its zone file.
  package var file: String?

  static let kind = ItemKind(
    noun: "zone", example: "{name: lab.example, kind: static, file: lab.zone}",
    fields: [
      ItemField(
        name: "name", kind: .domain, isRequired: true,
        help: "The zone's name; names in it that have local records are always answered here."),
      ItemField(
        name: "kind", kind: .oneOf(LocalZone.Kind.allCases.map { "\($0)" }),
        help:
          "What becomes of other names in it: static, they don't exist (the default); transparent, upstream is asked; redirect, they have what the zone's own name has."
      ),
      ItemField(
        name: "file", kind: .text("path"), help: "A zone file with its records (RFC 1035 §5)."),
      ItemField(
        name: "without", kind: .recordType, arity: .some,
        help: "Types that names in a transparent zone don't have, whatever upstream says."),
    ], isKeyed: true, line: ItemLine(form: "domain=kind[,file]", split: split),
    fault: { item in
      let kind = item.values("kind").first?.value.text ?? "static"
      return item["without"] != nil && kind != "transparent"
        ? "without takes types from names that upstream is asked for; write kind: transparent" : nil
    })

  /// Reads `lab.example=static,lab.zone`.
  private static func split(
    _ text: String
  ) throws(ValueError) -> [(field: String, texts: [String])] {
    let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else {
      throw ValueError(
        description: "not a zone; write lab.example=static or lab.example=static,FILE")
    }
    let parts = sides[1].split(separator: ",", maxSplits: 1).map(String.init)
    return [("name", [String(sides[0])]), ("kind", [parts.first ?? ""])]
      + parts.dropFirst().map { ("file", [$0]) }
  }

  init?(_ item: Item) {
    guard let name = item.values("name").first?.value.domain else { return nil }
    let word = item.values("kind").first?.value.text ?? "static"
    zone = LocalZone(
      name: name, kind: LocalZone.Kind.allCases.first { "\($0)" == word } ?? .static,
      without: item.values("without").compactMap { $0.value.text.flatMap { RecordType($0) } })
    file = item.values("file").first?.value.text
  }

  /// The zone as an item of the configuration.
  var item: Item {
    var values: [String: [Value]] = ["name": [.domain(zone.name)], "kind": [.text("\(zone.kind)")]]
    if let file { values["file"] = [.text(file)] }
    if !zone.without.isEmpty { values["without"] = zone.without.map { .text("\($0)") } }
    return Item(LocalZoneRule.kind, values)
  }
}

// MARK: What can be wrong with them

extension Configuration {
  /// Zones that can't be local, that stand twice or are a route's, and more than there may be.
  func local(_ settings: Settings) -> [ConfigurationError] {
    var found: [ConfigurationError] = []
    let routed = Set(settings.routes.flatMap { $0.route.zones })
    var seen: Set<Name> = []
    for value in values("local.zones") {
      guard let zone = value.value.item.flatMap({ LocalZoneRule($0) })?.zone else { continue }
      if let fault = Configuration.fault(ofLocal: zone.name) {
        found.append(value.error("local.zones[].name", fault))
      } else if !seen.insert(zone.name).inserted {
        found.append(value.error("local.zones[].name", "stands in the list twice; name it once"))
      } else if routed.contains(zone.name) {
        found.append(
          value.error(
            "local.zones[].name",
            "has a route, too; leave out the route to answer here, or the zone to ask its servers"))
      }
    }
    if let value = values("local.zones").dropFirst(LocalZone.most).first {
      found.append(
        value.error("local.zones", "\(LocalZone.most) is the most; leave some out"))
    }
    if let value = values("local.domain").first, let domain = value.value.domain,
      let fault = Configuration.fault(ofLocal: domain)
    {
      found.append(value.error("local.domain", fault))
    }
    if let value = values("local.records").dropFirst(LocalRules.mostRecords).first {
      found.append(
        value.error(
          "local.records",
          "\(LocalRules.mostRecords) is the most; write a zone file and name it in local.zones"))
    }
    return found + localFiles() + localRecords(settings)
  }

  /// Records that are none.
  private func localRecords(_ settings: Settings) -> [ConfigurationError] {
    var file = ZoneFile(recordsIn: settings.local.domain, ttl: settings.local.ttl)
    return values("local.records").flatMap { value -> [ConfigurationError] in
      let events = file.read(Array((value.value.text ?? "").utf8), number: 1) + file.finish()
      let mistakes = events.compactMap {
        if case .mistake(let mistake) = $0 { mistake } else { nil }
      }
      return mistakes.map { value.error("local.records", $0.text) }
    }
  }

  private func localFiles() -> [ConfigurationError] {
    var found: [ConfigurationError] = []
    var seen: Set<String> = []
    let files = localFileValues
    for (key, value, path) in files where !seen.insert(path).inserted {
      found.append(value.error(key, "\(path) is named twice; name it once"))
    }
    if let (key, value, _) = files.dropFirst(LocalRules.mostFiles).first {
      found.append(
        value.error(
          key,
          "there are \(files.count) files of local names, and \(LocalRules.mostFiles) is the most; put some together"
        ))
    }
    return found
  }

  /// The files of local names that were given.
  var localFileValues: [(key: String, value: GivenValue, path: String)] {
    let lists = ["local.hosts", "local.leases"].flatMap { key in
      values(key).compactMap { value in value.value.text.map { (key, value, $0) } }
    }
    let zones = values("local.zones").compactMap(\.value.item).flatMap { $0.values("file") }
    return lists
      + zones.compactMap { value in value.value.text.map { ("local.zones[].file", value, $0) } }
  }

  private static func fault(ofLocal name: Name) -> String? {
    name.labelCount == 0
      ? "that is every name of the internet; name a domain of your own" : fault(of: name)
  }

  /// Domains that are allowed, but will surprise.
  func localWarnings() -> [ConfigurationError] {
    guard let value = values("local.domain").first, let domain = value.value.domain,
      domain.labelCount == 1
    else { return [] }
    let text = String("\(domain)".dropLast())
    if text == "local" {
      return [
        value.error(
          "local.domain",
          "local is for multicast DNS (RFC 6762): many devices never ask a server for it; write home.arpa or internal"
        )
      ]
    }
    guard !Self.reservedTopLevels.contains(text) else { return [] }
    return [
      value.error(
        "local.domain",
        "if \(text) is, or becomes, a domain of the internet, its names can't be reached; home.arpa and internal are reserved for this"
      )
    ]
  }

  /// Top-level domains that the internet will not have (RFC 2606, RFC 6762 appendix G, ICANN's decision on internal).
  private static let reservedTopLevels: Set = [
    "internal", "test", "lan", "home", "corp", "mail", "intranet", "private",
  ]
}
