import DNSWire
import Memory

// Lines of other servers' configurations: dnsmasq and unbound.

extension ListReader {
  // MARK: dnsmasq

  /// Reads a line of which the first word ends in an equals sign.
  mutating func readSetting(_ start: Int) -> ListEvent? {
    if isAt(start, "address=/") { return readServer(start + 9, isAddress: true) }
    if isAt(start, "local=/") { return readServer(start + 7, isAddress: false) }
    if isAt(start, "server=/") { return readServer(start + 8, isAddress: false) }
    return .ignored(.setting)
  }

  /// Reads `address=/a/b/192.0.2.1` and the like, from the first name on.
  private mutating func readServer(_ start: Int, isAddress: Bool) -> ListEvent? {
    var end = start
    var value = start
    while end < lineEnd, !isBlank(end) {
      if buffer[end] == UInt8(ascii: "/") { value = end + 1 }
      end += 1
    }
    // A name without a slash behind it is none to dnsmasq; `//` are all without a dot.
    guard value > start + 1 else { return .ignored(.pattern) }
    let isEmpty = value == end
    // `server=/x/192.0.2.1` asks another server; `server=/x/` and `local=/x/` ask none.
    guard isAddress || isEmpty else { return .ignored(.setting) }
    var hasDetails = false
    let isNowhere =
      isEmpty || isAt(value, "#") || isWord(value..<end, "0.0.0.0") || isWord(value..<end, "::")
    if trust == .full, !isNowhere {
      guard let address = IPAddress(text(value..<end)) else { return mistake() }
      details = RuleDetails()
      details.answer = .address(address)
      hasDetails = true
    }
    return nextServerName(at: start, end: value - 1, hasDetails: hasDetails)
  }

  /// Reads the next of the names that stand between slashes.
  ///
  /// - Parameter end: of the names.
  mutating func nextServerName(at start: Int, end: Int, hasDetails: Bool) -> ListEvent? {
    guard start < end else {
      rest = .nothing
      return nil
    }
    var position = start
    if isAt(start, "*.") {
      position += 2
    } else if buffer[start] == UInt8(ascii: ".") {
      position += 1
    }
    let begin = position
    let isName = readName(&position)
    let stop = position
    while position < end, buffer[position] != UInt8(ascii: "/") { position += 1 }
    rest = .servers(position + 1, end: end, hasDetails: hasDetails)
    guard isName, stop == position else {
      // `/#/` are all names.
      return stop == begin ? .ignored(.pattern) : mistake()
    }
    return rule(.subtree, .dnsmasq, hasDetails: hasDetails)
  }

  // MARK: unbound

  /// Reads `local-zone: "name" always_nxdomain`, from the name on.
  mutating func readUnbound(_ start: Int) -> ListEvent? {
    var position = start
    skipBlanks(&position)
    let isQuoted = position < lineEnd && buffer[position] == UInt8(ascii: "\"")
    if isQuoted { position += 1 }
    guard readName(&position) else { return mistake() }
    if isQuoted {
      guard position < lineEnd, buffer[position] == UInt8(ascii: "\"") else { return mistake() }
      position += 1
    } else if position < lineEnd, !isBlank(position) {
      return mistake()
    }
    skipBlanks(&position)
    let type = word(position)
    func isType(_ word: String) -> Bool { isWord(type, word) }
    if isType("always_nxdomain") { return rule(.subtree, .unbound, answered: .nxDomain) }
    if isType("always_null") || isType("static") || isType("redirect") || isType("inform_deny")
      || isType("inform_redirect")
    {
      return rule(.subtree, .unbound)
    }
    if isType("always_nodata") { return rule(.subtree, .unbound, answered: .noData) }
    if isType("always_refuse") || isType("refuse") {
      return rule(.subtree, .unbound, answered: .refused)
    }
    if isType("always_deny") || isType("deny") {
      return rule(.subtree, .unbound, answered: .drop)
    }
    return isType("always_transparent")
      ? rule(.subtree, .unbound, isException: true) : .ignored(.setting)
  }

  // MARK: Rules with an answer

  /// A rule that has an answer of its own, if the list may say so.
  mutating func rule(
    _ match: NameMatch, _ format: ListFormat, answered answer: ListAnswer
  ) -> ListEvent {
    guard trust == .full else { return rule(match, format) }
    details = RuleDetails()
    details.answer = answer
    return rule(match, format, hasDetails: true)
  }
}
