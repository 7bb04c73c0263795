import DNSWire
import Memory

// Lines of other servers' configurations: dnsmasq, unbound, response policy zones.

extension ListReader {
  /// Reads a line of dnsmasq's or unbound's; nothing when it is none.
  mutating func readNamed(_ start: Int) -> ListEvent?? {
    switch buffer[start] {
    case UInt8(ascii: "a") where isAt(start, "address=/"):
      return .some(readDnsmasq(start + 9, isAddress: true))
    case UInt8(ascii: "s") where isAt(start, "server=/"):
      return .some(readDnsmasq(start + 8, isAddress: false))
    case UInt8(ascii: "l") where isAt(start, "local=/"):
      return .some(readDnsmasq(start + 7, isAddress: false))
    case UInt8(ascii: "l") where isAt(start, "local-zone:"):
      return .some(readUnbound(start + 11))
    case UInt8(ascii: "l") where isAt(start, "local-data"),
      UInt8(ascii: "s") where isAt(start, "server:"):
      return .some(.ignored(.setting))
    default: return nil
    }
  }

  /// Reads the names of `address=/a/b/1.2.3.4`; of several all are given, one after the other.
  private mutating func readDnsmasq(_ start: Int, isAddress: Bool) -> ListEvent? {
    var position = start
    var last = start
    while position < lineEnd {
      if buffer[position] == UInt8(ascii: "/") { last = position + 1 }
      position += 1
    }
    let value = text(last..<lineEnd)
    // `server=/x/1.2.3.4` asks another server; `server=/x/` and `local=/x/` ask none.
    guard isAddress || value.isEmpty else { return .ignored(.setting) }
    var details = RuleDetails()
    if isAddress, trust == .full, !value.isEmpty, value != "#" {
      guard let address = IPAddress(value) else { return .mistake(.notAName) }
      details.answer = .address(address)
    }
    var end = start
    while end < lineEnd, buffer[end] != UInt8(ascii: "/") { end += 1 }
    // One name a line, as lists have it; more are a line of somebody's own.
    guard end < lineEnd, end + 1 == last else { return .ignored(.pattern) }
    var name = start
    if isAt(name, "*.") { name += 2 } else if buffer[name] == UInt8(ascii: ".") { name += 1 }
    if buffer[name] == UInt8(ascii: "#") { return .ignored(.pattern) }
    guard readName(&name), name == end else { return mistake() }
    return rule(.subtree, .dnsmasq, details)
  }

  /// Reads `local-zone: "name" always_nxdomain`.
  private mutating func readUnbound(_ start: Int) -> ListEvent? {
    var position = start
    skipBlanks(&position)
    let isQuoted = position < lineEnd && buffer[position] == UInt8(ascii: "\"")
    if isQuoted { position += 1 }
    guard readName(&position) else { return mistake() }
    if isQuoted {
      guard position < lineEnd, buffer[position] == UInt8(ascii: "\"") else { return mistake() }
      position += 1
    }
    skipBlanks(&position)
    var end = position
    while end < lineEnd, buffer[end] > 0x20, buffer[end] != UInt8(ascii: "#") { end += 1 }
    if isAt(position, "always_nxdomain"), end == position + 15 {
      return rule(.subtree, .unbound, answered: .nxDomain)
    }
    switch text(position..<end) {
    case "always_null", "redirect", "static", "inform_deny", "inform_redirect":
      return rule(.subtree, .unbound)
    case "always_nodata": return rule(.subtree, .unbound, answered: .noData)
    case "always_refuse", "refuse": return rule(.subtree, .unbound, answered: .refused)
    case "always_deny", "deny": return rule(.subtree, .unbound, answered: .drop)
    case "always_transparent": return rule(.subtree, .unbound, isException: true)
    default: return .ignored(.setting)
    }
  }

  // MARK: Response policy zones

  /// Whether the line goes on with a record's type, TTL or class.
  var isZoneLine: Bool {
    var position = lineStart
    return isZoneWord(&position)
  }

  /// Whether a record of a zone file follows a name.
  func hasZoneRecord(_ start: Int) -> Bool {
    var position = start
    skipBlanks(&position)
    return isZoneWord(&position)
  }

  private func isZoneWord(_ position: inout Int) -> Bool {
    let start = position
    while position < lineEnd, buffer[position] > 0x20 { position += 1 }
    guard position - start <= 10, position > start else { return false }
    let word = text(start..<position).uppercased()
    if word == "IN" || UInt32(word) != nil {
      skipBlanks(&position)
      var next = position
      while next < lineEnd, buffer[next] > 0x20 { next += 1 }
      return next > position
        && (ListReader.zoneTypes.contains(text(position..<next).uppercased())
          || text(position..<next).uppercased() == "IN")
    }
    return ListReader.zoneTypes.contains(word)
  }

  private static var zoneTypes: Set<String> {
    ["CNAME", "A", "AAAA", "SOA", "NS", "TXT", "MX", "SRV", "PTR", "DNAME"]
  }

  /// Passes over the lines of a record that is in parentheses.
  mutating func goOnInParentheses() -> ListEvent? {
    for index in lineStart..<lineEnd where buffer[index] == UInt8(ascii: ")") {
      isInParentheses = false
    }
    return nil
  }

  /// Reads a line of a zone file.
  mutating func readZoneLine(_ start: Int) -> ListEvent? {
    var words = text(start..<lineEnd).split { $0 == " " || $0 == "\t" }.map(String.init)
    if let comment = words.firstIndex(where: { $0.hasPrefix(";") }) {
      words.removeSubrange(comment...)
    }
    guard let first = words.first else { return nil }
    if first.uppercased() == "$ORIGIN" {
      if words.count > 1, let name = try? Name(words[1]) { origin = name.lowercased.wire }
      return nil
    }
    if first.hasPrefix("$") { return first.uppercased() == "$TTL" ? nil : .ignored(.setting) }
    // A line that begins with blanks is about the name before; only a zone's own data is written so.
    var record = isIndented ? words[...] : words.dropFirst()
    while let word = record.first, UInt32(word) != nil || word.uppercased() == "IN" {
      record = record.dropFirst()
    }
    guard let type = record.first?.uppercased() else { return mistake() }
    if type == "SOA" {
      if first != "@", !isIndented, let name = try? Name(first) { origin = name.lowercased.wire }
      isInParentheses = words.contains { $0.contains("(") } && !words.contains { $0.contains(")") }
      return nil
    }
    if isIndented || first == "@" || type == "NS" || type == "TXT" { return nil }
    return readPolicy(first, type, record.dropFirst().first ?? "")
  }

  /// Reads a rule: `name CNAME .` and the like.
  private mutating func readPolicy(_ owner: String, _ type: String, _ value: String) -> ListEvent? {
    guard let name = policyOwner(owner) else { return .mistake(.notAName) }
    for trigger in [".rpz-ip", ".rpz-nsdname", ".rpz-nsip", ".rpz-client-ip"]
    where name.hasSuffix(trigger) {
      return .ignored(.address)
    }
    var match = NameMatch.exact
    var text = Substring(name)
    if text.hasPrefix("*.") {
      match = .below
      text = text.dropFirst(2)
    }
    guard let ascii = Punycode.ascii(String(text)), take(ascii) else { return .mistake(.notAName) }
    switch (type, value.lowercased()) {
    case ("CNAME", "."): return rule(match, .rpz, answered: .nxDomain)
    case ("CNAME", "*."): return rule(match, .rpz, answered: .noData)
    case ("CNAME", "rpz-passthru."): return rule(match, .rpz, isException: true)
    case ("CNAME", "rpz-drop."): return rule(match, .rpz, answered: .drop)
    case ("CNAME", "rpz-tcp-only."):
      return trust == .full ? rule(match, .rpz, answered: .truncated) : .ignored(.setting)
    case ("CNAME", let target):
      guard let other = try? Name(target) else { return .mistake(.notAName) }
      return rule(match, .rpz, answered: .alias(other.lowercased))
    case ("A", let address), ("AAAA", let address):
      guard let address = IPAddress(address) else { return .mistake(.notAName) }
      return rule(match, .rpz, answered: .address(address))
    default: return .ignored(.setting)
    }
  }

  /// The name that a rule is about, without the zone's; nothing for what is none.
  private func policyOwner(_ text: String) -> String? {
    guard text.hasSuffix("."), origin.count > 1,
      let zone = try? Name(wire: origin.span)
    else { return text.hasSuffix(".") ? String(text.dropLast()) : text }
    let suffix = "." + "\(zone)".lowercased()
    return text.lowercased().hasSuffix(suffix)
      ? String(text.dropLast(suffix.count)) : String(text.dropLast())
  }

  // MARK: Rules with an answer

  /// A rule that has an answer of its own, if the list may say so.
  private mutating func rule(
    _ match: NameMatch, _ format: ListFormat, answered answer: ListAnswer
  ) -> ListEvent {
    var details = RuleDetails()
    if trust == .full { details.answer = answer }
    return rule(match, format, details)
  }

  private mutating func rule(
    _ match: NameMatch, _ format: ListFormat, _ details: RuleDetails
  ) -> ListEvent {
    let event = rule(match, format)
    guard !details.isEmpty, case .rule(var rule) = event else { return event }
    rule.hasDetails = true
    self.details = details
    return .rule(rule)
  }
}
