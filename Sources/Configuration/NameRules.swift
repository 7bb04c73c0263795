import DNSCache
import DNSPolicy
import DNSWire

/// Which names are not upstream's to answer as it likes.
package struct NameRules: Sendable {
  /// Special zones that upstream is asked about, by their names or their group's.
  var forwarded: [String] = []
  /// Special zones that are answered here though they are not by default.
  var answered: [String] = []
  /// Whether names of the internet may not lead to local addresses.
  package var isRebindProtected = false
  /// Domains whose names may all the same.
  var rebindAllowed: [Name] = []
  /// Whether loopback addresses may be led to all the same.
  var rebindAllowsLoopback = false

  /// The zones that a text means: one by its name, or a group of them.
  static func zones(_ text: String) -> [SpecialZone] {
    let name = try? Name(text)
    return SpecialZone.registry.filter { $0.name == name || $0.group == text.lowercased() }
  }

  /// The names and groups that ``zones(_:)`` knows, but for the single reverse zones.
  static var words: [String] {
    SpecialZone.registry.filter { $0.group == nil }.map { String("\($0.name)".dropLast()) }
      + [SpecialZone.reverseGroup]
  }

  /// Which setting has upstream asked about a zone that is answered here.
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
  /// What is done with names that lead to local addresses.
  package var rebindProtection: RebindProtection? {
    guard names.isRebindProtected else { return nil }
    // Zones that are not of the internet: who forwards them wants their addresses.
    var allowed = names.rebindAllowed + SpecialZone.registry.map(\.name)
    if let reserved = try? Name("internal") { allowed.append(reserved) }
    allowed += routes.filter(\.isOfOwnNetwork).flatMap(\.domains)
    return RebindProtection(allowed: allowed, allowsLoopback: names.rebindAllowsLoopback)
  }
}
