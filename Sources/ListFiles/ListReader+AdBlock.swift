import DNSWire
import Memory

// The part of AdBlock's language that is about names.

extension ListReader {
  /// Reads `||name^$modifiers` and the like.
  ///
  /// - Parameter start: behind `@@`.
  mutating func readAdBlock(_ start: Int, isException: Bool) -> ListEvent? {
    var position = start
    var match = NameMatch.subtree
    if position < lineEnd, buffer[position] == UInt8(ascii: "/") { return .ignored(.expression) }
    if position < lineEnd, buffer[position] == UInt8(ascii: "|") {
      position += 1
      if position < lineEnd, buffer[position] == UInt8(ascii: "|") {
        position += 1
      } else {
        match = .exact
      }
    }
    if isAt(position, "*.") {
      position += 2
      match = .below
    }
    let begin = position
    guard readName(&position) else {
      return position == begin && position < lineEnd ? .ignored(.pattern) : mistake()
    }
    // `||ads.` is the beginning of names.
    guard buffer[position - 1] != UInt8(ascii: ".") else { return .ignored(.pattern) }
    if position < lineEnd, buffer[position] == UInt8(ascii: "^") {
      position += 1
      // `^|` says that the name ends there, as it does anyhow.
      if position < lineEnd, buffer[position] == UInt8(ascii: "|") { position += 1 }
    }
    guard position < lineEnd else { return rule(match, .adblock, isException: isException) }
    switch buffer[position] {
    case UInt8(ascii: "$"):
      return readModifiers(position + 1, match, isException: isException)
    case UInt8(ascii: "#"): return .ignored(.cosmetic)
    case 0x20, 9:
      skipBlanks(&position)
      return position < lineEnd && buffer[position] == UInt8(ascii: "#")
        ? rule(match, .adblock, isException: isException) : .ignored(.pattern)
    default: return .ignored(.pattern)
    }
  }

  /// Reads what stands behind the `$`; a line with something that isn't understood is left out as a whole.
  private mutating func readModifiers(
    _ start: Int, _ match: NameMatch, isException: Bool
  ) -> ListEvent? {
    var details = RuleDetails()
    var isBadFilter = false
    for word in text(start..<lineEnd).split(separator: ",", omittingEmptySubsequences: false) {
      let sides = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = sides.count > 1 ? sides[1] : ""
      switch (sides[0].lowercased(), value.isEmpty) {
      case ("important", true): details.isImportant = true
      case ("badfilter", true): isBadFilter = true
      case ("all", true): break
      case ("denyallow", false):
        for text in entries(value) {
          guard let octets = Punycode.wire(text), let name = try? Name(wire: octets) else {
            return .mistake(.badModifier)
          }
          details.exempt.append(name)
        }
      case ("dnstype", false):
        for text in entries(value) {
          let isExcepted = text.hasPrefix("~")
          if !details.types.isEmpty, isExcepted != details.exceptsTypes {
            return .mistake(.badModifier)
          }
          details.exceptsTypes = isExcepted
          guard let type = RecordType(text.dropFirst(isExcepted ? 1 : 0).uppercased()) else {
            return .mistake(.badModifier)
          }
          details.types.append(type)
        }
      case ("client", false):
        for text in entries(value) {
          guard let network = IPNetwork(text) else { return .ignored(.modifier) }
          details.clients.append(network)
        }
      case ("dnsrewrite", false):
        // An exception to rewrites alone is no exception to blocks.
        guard trust == .full, !isException, let answer = ListReader.rewrite(String(value)) else {
          return .ignored(.modifier)
        }
        details.answer = answer
      default: return .ignored(.modifier)
      }
    }
    guard
      [details.types.count, details.clients.count, details.exempt.count].allSatisfy({
        $0 <= RuleDetails.mostEntries
      })
    else { return .mistake(.badModifier) }
    self.details = details
    let event = rule(match, .adblock, isException: isException, hasDetails: !details.isEmpty)
    guard isBadFilter, case .rule(var rule) = event else { return event }
    rule.isBadFilter = true
    return .rule(rule)
  }

  /// What stands between bars; an empty entry is one, too, and no name, type or network.
  private func entries(_ value: Substring) -> [String] {
    value.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
  }

  /// What a rewrite answers; nothing for what isn't understood.
  ///
  /// Either an answer by itself, or code, type and value between semicolons.
  private static func rewrite(_ text: String) -> ListAnswer? {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 1 || parts.count == 3 else { return nil }
    let value = parts.count == 3 ? parts[2] : ""
    switch (parts[0].uppercased(), value.isEmpty) {
    case ("NXDOMAIN", true): return .nxDomain
    case ("REFUSED", true): return .refused
    case ("NOERROR", true), ("NODATA", true): return .noData
    case ("NOERROR", false): return self.answer(value, type: parts[1].uppercased())
    default: return parts.count == 1 ? answer(parts[0], type: nil) : nil
    }
  }

  private static func answer(_ value: String, type: String?) -> ListAnswer? {
    if let address = IPAddress(value) {
      return type == nil || type == (address.isIPv4 ? "A" : "AAAA") ? .address(address) : nil
    }
    // Codes are words without a dot.
    guard type == nil || type == "CNAME", value.contains("."),
      let octets = Punycode.wire(value), let name = try? Name(wire: octets)
    else { return nil }
    return .alias(name)
  }
}
