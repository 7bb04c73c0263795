import DNSPolicy
import DNSWire

/// Which names are blocked, as it is configured.
package struct BlockRules: Sendable {
  package var lists: [BlockListRule] = []
  /// Names that are blocked, or not, whatever lists say: `x` means it and all below, `*.x` those below.
  package var deny: [String] = []
  package var allow: [String] = []
  /// What is answered, in words.
  var answer: [String] = ["zero"]
  /// Seconds for which a block may be kept.
  package var ttl: UInt32 = 60
  /// Whether a list may have a top-level domain.
  package var allowsBroad = false
  /// Whether clients are told not to go to other resolvers.
  package var keepsClients = true
  package var groups: [GroupRule] = []

  package init() {}

  /// Whether anything is to be blocked.
  package var isEmpty: Bool { lists.isEmpty && deny.isEmpty && groups.isEmpty }

  /// What is answered for blocked names.
  package var blockAnswer: BlockAnswer { BlockRules.answer(answer) ?? .zero }

  /// Names of `block.deny` and `block.allow` at most; more belong in a list.
  static let mostNames = 10_000
  /// Groups beside the default one at most.
  static let mostGroups = 31

  /// What words mean as an answer; nothing for what is none.
  static func answer(_ words: [String]) -> BlockAnswer? {
    switch words {
    case ["zero"]: return .zero
    case ["nxdomain"]: return .nxDomain
    case ["nodata"]: return .noData
    case ["refused"]: return .refused
    default: break
    }
    let addresses = words.compactMap { IPAddress($0) }
    guard !words.isEmpty, addresses.count == words.count else { return nil }
    let v4 = addresses.filter(\.isIPv4)
    let v6 = addresses.filter { !$0.isIPv4 }
    guard v4.count <= 1, v6.count <= 1 else { return nil }
    return .addresses(v4: v4.first, v6: v6.first)
  }

  /// A word of an answer.
  static let answerKind = ValueKind.checked("zero|nxdomain|nodata|refused|address") { text in
    answer([text]) == nil
      ? "neither zero, nxdomain, nodata or refused nor an address" : nil
  }

  /// A name with `*.` in front of it or not.
  static let patternKind = ValueKind.checked("domain or *.domain") { text in
    pattern(text) == nil
      ? "not a domain name; write ads.example, or *.ads.example for those below it" : nil
  }

  /// What a name stands for; nothing for what is none.
  package static func pattern(_ text: String) -> (name: Name, kind: NameSet.Kind)? {
    let isBelow = text.hasPrefix("*.")
    // What is kept in a file of lines has no blanks.
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
      let name = try? Name(isBelow ? String(text.dropFirst(2)) : text), name.labelCount > 0
    else { return nil }
    return (name.lowercased, isBelow ? .below : [.itself, .below])
  }

  /// What a list or a group may be called: it becomes a part of files' and metrics' names.
  static let nameKind = ValueKind.checked("name") { text in
    let isPlain = text.utf8.allSatisfy { octet in
      UInt8(ascii: "a")...UInt8(ascii: "z") ~= octet | 0x20
        || UInt8(ascii: "0")...UInt8(ascii: "9") ~= octet
        || octet == UInt8(ascii: "-") || octet == UInt8(ascii: "_")
    }
    return isPlain && (1...longestName).contains(text.utf8.count)
      ? nil : "not a name for this; take letters, digits and hyphens, \(longestName) at most"
  }
  private static let longestName = 32
}

/// A block list as it is configured.
package struct BlockListRule: Sendable, Equatable {
  package var name: String
  package var file: String
  /// What plain names in it are about; nothing for what its format says.
  package var match: String?
  /// Whether it may say what is answered.
  package var isTrusted = false

  static let kind = ItemKind(
    noun: "list", example: "{name: ads, file: lists/ads.txt}",
    fields: [
      ItemField(
        name: "name", kind: BlockRules.nameKind, isRequired: true,
        help: "What it is called, in answers, figures and by groups."),
      ItemField(
        name: "file", kind: .text("path"), isRequired: true,
        help:
          "The list: hosts, plain names, AdBlock's rules about names, dnsmasq, unbound or RPZ, told by what it holds; read again when it changes."
      ),
      ItemField(
        name: "match", kind: .oneOf(["exact", "subtree"]),
        help:
          "What a plain name or one of a hosts file is about: the name alone, or all below it, too. By default hosts files are about names alone."
      ),
      ItemField(
        name: "trust", kind: .oneOf(["block", "full"]),
        help:
          "What it may do: block and except names (the default), or say what is answered, too: addresses, aliases, RPZ's actions."
      ),
    ], isKeyed: true, line: ItemLine(form: "path", split: split))

  /// A path alone: the list is called as its file.
  private static func split(
    _ text: String
  ) throws(ValueError) -> [(field: String, texts: [String])] {
    let file = text.split(separator: "/").last ?? ""
    let name = file.split(separator: ".", omittingEmptySubsequences: false).first ?? ""
    guard !name.isEmpty else {
      throw ValueError(
        description: "not a list; write the path of its file, or {name: ads, file: ads.txt}")
    }
    return [("name", [String(name)]), ("file", [text])]
  }

  init?(_ item: Item) {
    guard let name = item.values("name").first?.value.text,
      let file = item.values("file").first?.value.text
    else { return nil }
    self.name = name
    self.file = file
    match = item.values("match").first?.value.text
    isTrusted = item.values("trust").first?.value.text == "full"
  }

  /// The list as an item of the configuration.
  var item: Item {
    var values: [String: [Value]] = ["name": [.text(name)], "file": [.text(file)]]
    if let match { values["match"] = [.text(match)] }
    if isTrusted { values["trust"] = [.text("full")] }
    return Item(BlockListRule.kind, values)
  }
}

/// What counts for some clients.
package struct GroupRule: Sendable, Equatable {
  package var name: String
  /// Addresses and networks.
  package var clients: [String] = []
  /// The lists that count; nothing for all.
  package var lists: [String]?
  package var deny: [String] = []
  package var allow: [String] = []
  /// What is answered, in words; nothing for what `block.answer` says.
  var answer: [String] = []
  package var isSafeSearch = false
  /// When it counts: days and times.
  package var active: String?

  /// What the group of everybody else is called.
  package static let defaultName = "default"

  /// What is answered for blocked names; nothing for what `block.answer` says.
  package var blockAnswer: BlockAnswer? { BlockRules.answer(answer) }

  static let kind = ItemKind(
    noun: "group", example: "{name: kids, clients: [192.168.1.64/28], lists: [ads, adult]}",
    fields: [
      ItemField(
        name: "name", kind: BlockRules.nameKind, isRequired: true,
        help: "What it is called; default is the group of all clients that are in no other."),
      ItemField(
        name: "clients", kind: clientKind, arity: .some,
        help: "Who is in it: addresses and networks; the most exact counts."),
      ItemField(
        name: "lists", kind: BlockRules.nameKind, arity: .any,
        help: "The lists that count for it; all when it names none, and [] for no list."),
      ItemField(
        name: "deny", kind: BlockRules.patternKind, arity: .some,
        help: "Names that are blocked for it, with all below them."),
      ItemField(
        name: "allow", kind: BlockRules.patternKind, arity: .some,
        help: "Names that are not, whatever lists say."),
      ItemField(
        name: "answer", kind: BlockRules.answerKind, arity: .some,
        help: "What is answered in place of block.answer."),
      ItemField(
        name: "safe-search", kind: .boolean,
        help: "Whether search engines and YouTube are asked to leave out what is not for children."),
      ItemField(
        name: "active", kind: timesKind,
        help:
          "When it counts, as \"mon-fri 20:00-07:00\"; at other times its clients are in the default group."
      ),
    ], isKeyed: true,
    fault: { item in
      let name = item.values("name").first?.value.text
      if name == defaultName, item["active"] != nil {
        return "default always counts; leave out active"
      }
      if name == defaultName {
        return item["clients"] == nil
          ? nil : "default has all clients that are in no other group; leave out clients"
      }
      return item["clients"] == nil ? "a group has clients; write clients: [192.168.1.20]" : nil
    })

  /// Times of the week.
  private static let timesKind = ValueKind.checked("times") { text in
    do throws(WeekSchedule.Fault) {
      _ = try WeekSchedule(text)
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// When it counts; nothing for always.
  package var schedule: WeekSchedule? { active.flatMap { try? WeekSchedule($0) } }

  /// A client or several.
  private static let clientKind = ValueKind.checked("address or network") { text in
    IPNetwork(text) == nil
      ? "neither an address nor a network; write 192.168.1.20 or 192.168.1.64/28" : nil
  }

  init?(_ item: Item) {
    guard let name = item.values("name").first?.value.text else { return nil }
    func texts(_ field: String) -> [String] { item.values(field).compactMap(\.value.text) }
    self.name = name
    clients = texts("clients")
    lists = item["lists"] == nil ? nil : texts("lists")
    deny = texts("deny")
    allow = texts("allow")
    answer = texts("answer")
    isSafeSearch = item.values("safe-search").first?.value.boolean ?? false
    active = item.values("active").first?.value.text
  }

  /// The group as an item of the configuration.
  var item: Item {
    var values: [String: [Value]] = ["name": [.text(name)]]
    for (field, texts) in [
      ("clients", clients), ("deny", deny), ("allow", allow), ("answer", answer),
    ] where !texts.isEmpty {
      values[field] = texts.map { .text($0) }
    }
    if let lists { values["lists"] = lists.map { .text($0) } }
    if isSafeSearch { values["safe-search"] = [.boolean(true)] }
    if let active { values["active"] = [.text(active)] }
    return Item(GroupRule.kind, values)
  }
}

// MARK: What can be wrong with them

extension Configuration {
  /// Lists and groups that stand twice, are not there or are too many.
  func blocking(_ settings: Settings) -> [ConfigurationError] {
    var found =
      tooMany("block.lists", NameSet.mostLists) + tooMany("groups", BlockRules.mostGroups + 1)
    for key in ["block.deny", "block.allow"] { found += tooMany(key, BlockRules.mostNames) }
    if !values("block.answer").isEmpty, BlockRules.answer(settings.block.answer) == nil,
      let value = values("block.answer").dropFirst().first
    {
      found.append(
        value.error("block.answer", "two answers can only be an IPv4 and an IPv6 address"))
    }
    var names: Set<String> = []
    for value in values("block.lists") {
      guard let list = value.value.item.flatMap({ BlockListRule($0) }) else { continue }
      if !names.insert(list.name.lowercased()).inserted {
        found.append(
          value.error(
            "block.lists[].name", "\(list.name) is the name of two lists; name them differently"))
      }
    }
    return found + groups(listNames: Set(settings.block.lists.map(\.name)))
  }

  private func groups(listNames: Set<String>) -> [ConfigurationError] {
    var found: [ConfigurationError] = []
    var names: Set<String> = []
    var clients: [String: String] = [:]
    for value in values("groups") {
      guard let group = value.value.item.flatMap({ GroupRule($0) }) else { continue }
      if !names.insert(group.name).inserted {
        found.append(
          value.error("groups[].name", "\(group.name) is the name of two groups; put them together")
        )
      }
      for list in group.lists ?? [] where !listNames.contains(list) {
        let known = listNames.sorted().joined(separator: ", ")
        found.append(
          value.error(
            "groups[].lists",
            "there is no list \(list) in block.lists\(known.isEmpty ? "" : "; there are \(known)")")
        )
      }
      for client in group.clients {
        let client = IPNetwork(client).map { "\($0)" } ?? client.lowercased()
        if let other = clients.updateValue(group.name, forKey: client), other != group.name {
          found.append(
            value.error("groups[].clients", "\(client) is in \(other), too; a client has one group")
          )
        }
      }
      if !group.answer.isEmpty, group.blockAnswer == nil {
        found.append(
          value.error("groups[].answer", "two answers can only be an IPv4 and an IPv6 address"))
      }
    }
    return found
  }

  private func tooMany(_ key: String, _ most: Int) -> [ConfigurationError] {
    guard let value = values(key).dropFirst(most).first else { return [] }
    return [value.error(key, "\(most) is the most; leave some out")]
  }
}
