import DNSCache
import DNSPolicy
import DNSWire

/// Names that are answered here, and names whose answers are filtered.
package struct NameRules: Sendable {
  /// Special zones to ask upstream about, by name or group.
  var forwarded: [String] = []
  /// Special zones to answer here that are asked upstream by default.
  var answered: [String] = []
  /// Whether names of the internet may not lead to local addresses.
  package var isRebindProtected = false
  /// Domains that are exempt from that.
  var rebindAllowed: [Name] = []
  /// Whether loopback addresses are exempt from that.
  var rebindAllowsLoopback = false

  /// The zone with this name, or the zones of the group with this name.
  static func zones(_ text: String) -> [SpecialZone] {
    let name = try? Name(text)
    return SpecialZone.registry.filter { $0.name == name || $0.group == text.lowercased() }
  }

  /// What ``zones(_:)`` knows, without the single reverse zones.
  static var words: [String] {
    SpecialZone.registry.filter { $0.group == nil }.map { String("\($0.name)".dropLast()) }
      + [SpecialZone.reverseGroup]
  }

  /// The setting by which upstream is asked about a zone that is answered here.
  package static func remedy(_ zone: String) -> String {
    guard let zone = zones(zone).first else { return "no setting changes that" }
    let name = "\(zone.name)".dropLast()
    guard zone.isDefault else {
      return "without \(name) in names.answer-special (--answer-special) upstream is asked"
    }
    let group = zone.group.map { ", or \($0) for all such zones," } ?? ""
    return "\(name)\(group) in names.forward-special (--forward-special) has upstream asked"
  }

  /// The zones that are answered here.
  package var specialZones: [SpecialZone] {
    let forwarded = Set(forwarded.flatMap { NameRules.zones($0) }.map(\.name))
    let answered = Set(answered.flatMap { NameRules.zones($0) }.map(\.name))
    return SpecialZone.registry.filter {
      answered.contains($0.name) || $0.isDefault && !forwarded.contains($0.name)
    }
  }
}

extension Settings {
  /// How answers with local addresses are filtered; nil if they aren't.
  package var rebindProtection: RebindProtection? {
    guard names.isRebindProtected else { return nil }
    // Zones that are not the internet's: who forwards them wants their addresses.
    var allowed = names.rebindAllowed + SpecialZone.registry.map(\.name)
    if let reserved = try? Name("internal") { allowed.append(reserved) }
    allowed += local.zones.map(\.zone.name)
    if let domain = local.domain { allowed.append(domain) }
    allowed += routes.filter(\.isOfOwnNetwork).flatMap(\.domains)
    return RebindProtection(allowed: allowed, allowsLoopback: names.rebindAllowsLoopback)
  }
}
