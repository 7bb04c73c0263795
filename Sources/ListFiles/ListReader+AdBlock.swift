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
    if position + 1 < lineEnd, buffer[position] == UInt8(ascii: "*"),
      buffer[position + 1] == UInt8(ascii: ".")
    {
      position += 2
      match = .below
    }
    let begin = position
    let isName = readName(&position)
    if position < lineEnd, buffer[position] >= 0x80 {
      var end = position
      while end < lineEnd, buffer[end] != UInt8(ascii: "^"), buffer[end] != UInt8(ascii: "$") {
        end += 1
      }
      guard let ascii = Punycode.ascii(text(begin..<end)), take(ascii) else {
        return .mistake(.notAName)
      }
      position = end
    } else if !isName {
      return position < lineEnd ? .ignored(.pattern) : mistake()
    }
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
        for text in value.split(separator: "|") {
          guard let ascii = Punycode.ascii(String(text)),
            let name = try? Name(String(decoding: ascii, as: UTF8.self))
          else { return .mistake(.badModifier) }
          details.exempt.append(name.lowercased)
        }
      case ("dnstype", false):
        for text in value.split(separator: "|") {
          let isExcepted = text.hasPrefix("~")
          if !details.types.isEmpty, isExcepted != details.exceptsTypes {
            return .mistake(.badModifier)
          }
          details.exceptsTypes = isExcepted
          guard let type = RecordType(text.drop { $0 == "~" }.uppercased()) else {
            return .mistake(.badModifier)
          }
          details.types.append(type)
        }
      case ("client", false):
        for text in value.split(separator: "|") {
          guard let network = IPNetwork(String(text)) else { return .ignored(.modifier) }
          details.clients.append(network)
        }
      case ("dnsrewrite", false):
        guard trust == .full else { return .ignored(.modifier) }
        guard let answer = ListReader.rewrite(String(value)) else { return .ignored(.modifier) }
        details.answer = answer
      default: return .ignored(.modifier)
      }
    }
    guard
      [details.types.count, details.clients.count, details.exempt.count].allSatisfy({
        $0 <= RuleDetails.mostEntries
      })
    else { return .mistake(.badModifier) }
    let event = rule(match, .adblock, isException: isException)
    guard case .rule(var rule) = event else { return event }
    rule.isBadFilter = isBadFilter
    rule.hasDetails = !details.isEmpty
    self.details = details
    return .rule(rule)
  }

  /// What a rewrite answers; nothing for what isn't understood.
  private static func rewrite(_ text: String) -> ListAnswer? {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
    let value = parts.last ?? ""
    switch (parts[0].uppercased(), parts.count) {
    case ("NXDOMAIN", _): return .nxDomain
    case ("REFUSED", _): return .refused
    case ("NOERROR", 1), ("NODATA", 1): return .noData
    default: break
    }
    guard parts.count == 1 || parts.count == 3 && parts[0].uppercased() == "NOERROR" else {
      return nil
    }
    if let address = IPAddress(value) { return .address(address) }
    return (try? Name(value)).map { .alias($0.lowercased) }
  }
}
