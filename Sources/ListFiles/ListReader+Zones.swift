import DNSWire
import Memory

// Response policy zones.

extension ListReader {
  /// Types of records that zones have.
  enum ZoneRecord {
    case alias, ipv4, ipv6, authority
    /// Nothing that a client's question leads to.
    case other
  }

  /// Lines that a record in parentheses may have: one that never ends must not hide the list.
  private static let mostLinesInParentheses = 16

  /// Reads a record's TTL, class and type.
  ///
  /// - Parameter start: behind the name and blanks.
  /// - Returns: the type, if it is one, and where what stands behind it begins.
  func recordType(_ start: Int) -> (type: ZoneRecord?, next: Int) {
    var position = start
    // RFC 1035 §5.1: TTL and class, in either order, each of which may be left out.
    for _ in 0..<3 {
      let word = word(position)
      position = word.upperBound
      skipBlanks(&position)
      if isWord(word, "cname") { return (.alias, position) }
      if isWord(word, "a") { return (.ipv4, position) }
      if isWord(word, "aaaa") { return (.ipv6, position) }
      if isWord(word, "soa") || isWord(word, "ns") { return (.authority, position) }
      for other in ["txt", "mx", "srv", "ptr", "dname"] where isWord(word, other) {
        return (.other, position)
      }
      guard isWord(word, "in") || isTime(word) else { break }
    }
    return (nil, position)
  }

  /// Whether a word is a TTL: a number, or numbers with units as BIND has them.
  private func isTime(_ word: Range<Int>) -> Bool {
    guard word.count > 0, word.count <= 10, isDigit(buffer[word.lowerBound]) else {
      return false
    }
    return word.allSatisfy { index in
      switch letters[Int(buffer[index])] {
      case UInt8(ascii: "s"), UInt8(ascii: "m"), UInt8(ascii: "h"), UInt8(ascii: "d"),
        UInt8(ascii: "w"):
        true
      default: isDigit(buffer[index])
      }
    }
  }

  private func isDigit(_ octet: UInt8) -> Bool {
    octet >= UInt8(ascii: "0") && octet <= UInt8(ascii: "9")
  }

  /// Reads a line that begins with `$` or `@`.
  mutating func readZoneLine(_ start: Int) -> ListEvent? {
    let first = word(start)
    var position = first.upperBound
    skipBlanks(&position)
    if isWord(first, "$ttl") { return nil }
    if isWord(first, "$origin") {
      guard readName(&position) else { return mistake() }
      setOrigin()
      return nil
    }
    guard isWord(first, "@") else {
      return buffer[start] == UInt8(ascii: "$") ? .ignored(.setting) : mistake()
    }
    let (type, next) = recordType(position)
    guard let type else { return mistake() }
    return readOwnData(next, type)
  }

  /// Reads a record of the zone itself, or one more of the name before, neither of which blocks anything.
  mutating func readOwnData(_ position: Int, _ type: ZoneRecord) -> ListEvent? {
    guard type == .authority else { return .ignored(.setting) }
    lookForParentheses(position)
    return nil
  }

  /// Passes over the lines of a record that is in parentheses.
  mutating func goOnInParentheses() -> ListEvent? {
    linesInParentheses -= 1
    for index in lineStart..<lineEnd {
      if buffer[index] == UInt8(ascii: ";") { break }
      if buffer[index] == UInt8(ascii: ")") { linesInParentheses = 0 }
    }
    return nil
  }

  private mutating func lookForParentheses(_ start: Int) {
    for index in start..<lineEnd {
      switch buffer[index] {
      case UInt8(ascii: ";"): return
      case UInt8(ascii: "("): linesInParentheses = ListReader.mostLinesInParentheses
      case UInt8(ascii: ")"): linesInParentheses = 0
      default: break
      }
    }
  }

  private mutating func setOrigin() { origin = (0..<wireCount).map { wire[$0] } }

  // MARK: Rules

  /// Reads `name CNAME .` and the like; the name is in ``wire``.
  ///
  /// - Parameters:
  ///   - start: of the name, with what stands in front of it.
  ///   - nameEnd: its end.
  ///   - isName: whether it is one.
  ///   - next: behind the type.
  mutating func readRecord(
    _ type: ZoneRecord, _ start: Int, nameEnd: Int, isName: Bool, behind next: Int
  ) -> ListEvent? {
    guard isName else { return mistake() }
    if type == .authority {
      lookForParentheses(next)
      // The zone is called what its SOA or NS records are.
      if origin.count == 1, buffer[nameEnd - 1] == UInt8(ascii: ".") { setOrigin() }
      return nil
    }
    if buffer[nameEnd - 1] == UInt8(ascii: "."), !cutOrigin() { return .ignored(.setting) }
    for trigger in ["rpz-ip", "rpz-client-ip", "rpz-nsip", "rpz-nsdname"]
    where isLabel(lastLabel, trigger) {
      return .ignored(.address)
    }
    let match = isAt(start, "*.") ? NameMatch.below : .exact
    let value = word(next)
    switch type {
    case .alias: return readAlias(value, match)
    case .ipv4, .ipv6:
      guard let address = IPAddress(text(value)), address.isIPv4 == (type == .ipv4) else {
        return mistake()
      }
      return rule(match, .rpz, answered: .address(address))
    case .authority, .other: return .ignored(.setting)
    }
  }

  private mutating func readAlias(_ value: Range<Int>, _ match: NameMatch) -> ListEvent? {
    if isWord(value, ".") { return rule(match, .rpz, answered: .nxDomain) }
    if isWord(value, "*.") { return rule(match, .rpz, answered: .noData) }
    if isWord(value, "rpz-passthru.") { return rule(match, .rpz, isException: true) }
    if isWord(value, "rpz-drop.") { return rule(match, .rpz, answered: .drop) }
    if isWord(value, "rpz-tcp-only.") {
      return trust == .full ? rule(match, .rpz, answered: .truncated) : .ignored(.setting)
    }
    guard let target = try? Name(text(value)).lowercased, !isAt(value.lowerBound, ";") else {
      return mistake()
    }
    // What stands for "let it pass" in zones of before 2012: an alias to the name itself.
    if WireName.isSame(target.wire.span, name) { return rule(match, .rpz, isException: true) }
    guard trust == .full else { return rule(match, .rpz) }
    // A name put in front of another's, or relative to the zone.
    guard !target.isWildcard, buffer[value.upperBound - 1] == UInt8(ascii: ".") else {
      return .ignored(.setting)
    }
    return rule(match, .rpz, answered: .alias(target))
  }

  /// Takes the zone's name off the end of the name, if it is there.
  ///
  /// - Returns: false for the zone's own name.
  private mutating func cutOrigin() -> Bool {
    guard origin.count > 1 else { return true }
    let cut = wireCount - origin.count
    guard cut >= 0, WireName.isAtOrBelow(name, origin.span) else { return true }
    wire[cut] = 0
    wireCount = cut + 1
    findLastLabel()
    return cut > 0
  }
}
