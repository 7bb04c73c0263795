import Configuration
import DNSPolicy
import DNSWire

// What the filter of names is made of.

extension Settings {
  /// Lists as they are kept.
  var blockLists: [BlockList.Rule] {
    block.lists.map {
      BlockList.Rule(name: $0.name, path: $0.file, match: $0.match, isTrusted: $0.isTrusted)
    }
  }

  /// Names that no list may block, each with all below it: those that are asked of others or known here, and those
  /// that clients find out with where they are.
  var protectedNames: [Name] {
    guard !block.isEmpty else { return [] }
    var names = routes.flatMap { $0.route.zones } + SpecialZone.registry.map(\.name)
    names += [local.domain].compactMap { $0 } + local.zones.map(\.zone.name)
    names += ["ipv4only.arpa", "resolver.arpa"].compactMap { try? Name($0) }
    return names
  }

  /// The groups by their numbers, the default one first.
  var groupNames: [String] {
    [GroupRule.defaultName] + block.groups.map(\.name).filter { $0 != GroupRule.defaultName }
  }

  private func number(of group: GroupRule) -> Int { groupNames.firstIndex(of: group.name) ?? 0 }

  /// What counts for each group.
  var groupRules: [NameFilter.GroupRules] {
    groupNames.map { name in
      let group = block.groups.first { $0.name == name }
      var lists = UInt16.max
      if let named = group?.lists {
        lists = 0
        for (number, list) in block.lists.enumerated() where named.contains(list.name) {
          lists |= 1 << UInt16(number & 15)
        }
      }
      return NameFilter.GroupRules(lists: lists, answer: group?.blockAnswer ?? block.blockAnswer)
    }
  }

  /// Which clients are in which group at a time; those of one that doesn't count then are in the default one.
  ///
  /// - Parameter minute: of the week, from Monday 0:00 on.
  func clientGroups(at minute: Int) -> ClientGroups {
    let groups = block.groups.filter { $0.schedule?.isActive(at: minute) ?? true }
    return ClientGroups(
      groups.flatMap { group in
        group.clients.compactMap { client in
          IPNetwork(client).map { (network: $0, group: number(of: group)) }
        }
      })
  }

  /// The rules that go before lists.
  var blockRules: [BlockRule] {
    guard !block.isEmpty else { return [] }
    var rules = protectedNames.map { BlockRule(.protect, $0, from: .builtIn) }
    if block.keepsClients {
      rules += Settings.bypassNames.compactMap { try? Name($0) }.map {
        BlockRule(.deny, $0, from: .builtIn)
      }
    }
    func add(
      _ texts: [String], _ action: BlockRule.Action, _ origin: BlockRule.Origin, _ groups: UInt32
    ) {
      rules += texts.compactMap { BlockRules.pattern($0) }.map {
        BlockRule(action, $0.name, $0.kind, from: origin, groups: groups)
      }
    }
    add(block.deny, .deny, .configuration, .max)
    add(block.allow, .allow, .configuration, .max)
    for group in block.groups {
      let bit: UInt32 = 1 << UInt32(number(of: group) & 31)
      add(group.deny, .deny, .group, bit)
      add(group.allow, .allow, .group, bit)
      if group.isSafeSearch { rules += SafeSearch.rules(for: bit) }
    }
    return rules
  }

  /// What clients ask for to find out whether they may go to another resolver: Firefox, and Apple's relay.
  private static let bypassNames = [
    "use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com",
  ]
}
