import ArgumentParser
import DNSFrontend
import DNSResolver
import DNSWire

/// The flags that say which names are not upstream's to answer as it likes.
struct NameOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Ask upstream about this special zone, such as home.arpa, 10.in-addr.arpa or private-reverse; repeatable.",
      valueName: "zone"))
  var forwardSpecial: [String] = []

  @Option(
    help: ArgumentHelp(
      "Answer this special zone here; repeatable. All are by default, but local.",
      valueName: "zone"))
  var answerSpecial: [String] = []

  @Flag(help: "Don't let names of the internet lead to local addresses.")
  var rebindProtection = false

  @Option(
    help: ArgumentHelp(
      "Let this domain's names lead to local addresses all the same; repeatable.",
      valueName: "domain"))
  var rebindAllow: [String] = []

  @Flag(help: "Let names of the internet lead to loopback addresses, as block lists of mail do.")
  var rebindAllowLoopback = false

  /// The zones that are answered here.
  func specialZones() throws(StartupError) -> [SpecialZone] {
    let forwarded = try NameOptions.zones(forwardSpecial, flag: "--forward-special")
    let answered = try NameOptions.zones(answerSpecial, flag: "--answer-special")
    if let name = forwarded.intersection(answered).first {
      throw StartupError(
        .usage, "\(name) is named by --forward-special and by --answer-special; choose one")
    }
    return SpecialZone.registry.filter {
      answered.contains($0.name) || $0.isDefault && !forwarded.contains($0.name)
    }
  }

  /// The names of zones, groups taken apart.
  private static func zones(
    _ texts: [String], flag: String
  ) throws(StartupError) -> Set<Name> {
    let registry = SpecialZone.registry
    var names: Set<Name> = []
    for text in texts {
      let name = try? Name(text)
      let meant = registry.filter { $0.name == name || $0.group == text.lowercased() }
      guard !meant.isEmpty else {
        let known = registry.filter { $0.group == nil }.map { "\($0.name)".dropLast() }
        throw StartupError(
          .usage,
          "\(flag) \(text): not a special zone; those are \(known.joined(separator: ", ")), the reverse zones of local networks, such as 168.192.in-addr.arpa, and \(SpecialZone.reverseGroup) for all of these"
        )
      }
      names.formUnion(meant.map(\.name))
    }
    return names
  }

  /// What is done with names that lead to local addresses.
  func rebinding() throws(StartupError) -> RebindProtection? {
    var allowed: [Name] = []
    for text in rebindAllow {
      guard let name = try? Name(text) else {
        throw StartupError(.usage, "--rebind-allow \(text): not a domain name")
      }
      allowed.append(name)
    }
    guard rebindProtection else {
      if !rebindAllow.isEmpty || rebindAllowLoopback {
        throw StartupError(
          .usage, "--rebind-allow and --rebind-allow-loopback need --rebind-protection")
      }
      return nil
    }
    // Zones that are not of the internet: who forwards them wants their addresses.
    allowed += SpecialZone.registry.map(\.name)
    if let reserved = try? Name("internal") { allowed.append(reserved) }
    return RebindProtection(allowed: allowed, allowsLoopback: rebindAllowLoopback)
  }
}
