import DNSWire
import Memory

// What a line is, by how it begins.

extension ListReader {
  /// What is left of the line that is being read.
  enum Rest {
    case nothing
    case all
    /// More names of a line of a hosts file, from here on.
    case hosts(Int)
    /// More names of a line of dnsmasq's, from here on up to an end, and whether ``ListReader/details`` is theirs.
    case servers(Int, end: Int, hasDetails: Bool)
  }

  /// Reads the line, or the rest of it; nothing when it says nothing.
  mutating func readLine() -> ListEvent? {
    switch rest {
    case .hosts(let position): return nextHost(at: position)
    case .servers(let position, let end, let hasDetails):
      return nextServerName(at: position, end: end, hasDetails: hasDetails)
    case .nothing, .all: rest = .nothing
    }
    let start = lineStart
    if linesInParentheses > 0 { return goOnInParentheses() }
    let second = start + 1 < lineEnd ? buffer[start + 1] : 0
    switch buffer[start] {
    case UInt8(ascii: "#"): return isCosmetic(start) ? .ignored(.cosmetic) : nil
    case UInt8(ascii: "!"), UInt8(ascii: ";"): return nil
    // `[Adblock Plus 2.0]`, or what AdGuard writes in front of rules for some programs.
    case UInt8(ascii: "["): return second == UInt8(ascii: "$") ? .ignored(.modifier) : nil
    case UInt8(ascii: "/"): return .ignored(.expression)
    case UInt8(ascii: "$"),
      UInt8(ascii: "@") where second != UInt8(ascii: "@"):
      return readZoneLine(start)
    case UInt8(ascii: "@"): return readAdBlock(start + 2, isException: true)
    case UInt8(ascii: "|"): return readAdBlock(start, isException: false)
    case UInt8(ascii: "<") where ruleCount == 0:
      fault = "is a page of the web, no list"
      return nil
    default: break
    }
    if isIndented, let type = recordType(start).type { return readOwnData(start, type) }
    return readPlain(start)
  }

  // MARK: Plain names and hosts files

  /// Reads a line that begins with a name or an address.
  private mutating func readPlain(_ start: Int) -> ListEvent? {
    var position = start
    var match = match ?? .subtree
    if buffer[start] == UInt8(ascii: "*"), isAt(start, "*.") {
      // Who writes that in a list of names means the name, too.
      position += 2
      match = .subtree
    } else if buffer[start] == UInt8(ascii: ".") {
      position += 1
      match = .subtree
    }
    let isName = readName(&position)
    guard position < lineEnd else { return isName ? rule(match, .domains) : mistake() }
    switch buffer[position] {
    case 0x20, 9:
      if isName && isNumeric { return isIPv4 ? nextHost(at: position) : mistake() }
      let nameEnd = position
      skipBlanks(&position)
      if buffer[position] != UInt8(ascii: "#") {
        let (type, next) = recordType(position)
        guard let type else { return mistake() }
        return readRecord(type, start, nameEnd: nameEnd, isName: isName, behind: next)
      }
    case UInt8(ascii: "#"):
      if isCosmetic(position) { return .ignored(.cosmetic) }
    case UInt8(ascii: ":"): return readBehindColon(start, position)
    case UInt8(ascii: "="): return readSetting(start)
    case UInt8(ascii: "^"), UInt8(ascii: "$"), UInt8(ascii: "*"), UInt8(ascii: "/"),
      UInt8(ascii: "?"), UInt8(ascii: ","), UInt8(ascii: "|"):
      return readAdBlock(start, isException: false)
    default: return mistake()
    }
    return isName ? rule(match, .domains) : mistake()
  }

  /// Reads a line that has a colon behind its first word: an IPv6 address in front of names, or a setting.
  private mutating func readBehindColon(_ start: Int, _ colon: Int) -> ListEvent? {
    if isAt(start, "local-zone:") { return readUnbound(start + 11) }
    var end = start
    while end < lineEnd, !isBlank(end) { end += 1 }
    if isAddress(start..<end) { return end < lineEnd ? nextHost(at: end) : .ignored(.address) }
    // `server:`, `local-data: "x A 192.0.2.1"`; or else a port, a path, the scheme of a URL.
    return .ignored(colon > start && colon + 1 == end ? .setting : .pattern)
  }

  /// Reads the next name of a line of a hosts file.
  private mutating func nextHost(at start: Int) -> ListEvent? {
    var position = start
    skipBlanks(&position)
    guard position < lineEnd, buffer[position] != UInt8(ascii: "#") else {
      rest = .nothing
      return nil
    }
    let isName = readName(&position)
    let isWhole =
      position == lineEnd || isBlank(position) || buffer[position] == UInt8(ascii: "#")
    let stop = position
    while position < lineEnd, !isBlank(position) { position += 1 }
    rest = stop < lineEnd && buffer[stop] == UInt8(ascii: "#") ? .nothing : .hosts(position)
    guard isName, isWhole else { return mistake() }
    // The names that every hosts file has.
    if isNumeric || isOwnName { return nil }
    return rule(match ?? .exact, .hosts)
  }

  /// Whether the name is one that hosts files have for the host itself.
  private var isOwnName: Bool {
    let second = Int(wire[0]) + 1
    if second == wireCount - 1 {
      for own in [
        "localhost", "local", "broadcasthost", "localhost4", "localhost6", "ip6-localhost",
        "ip6-loopback", "ip6-localnet", "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters",
        "ip6-allhosts",
      ] where isLabel(0, own) {
        return true
      }
      return false
    }
    guard wire[1] == UInt8(ascii: "l"), isLabel(0, "localhost") else {
      return isLabel(0, "localhost4") && isLabel(second, "localdomain4")
        || isLabel(0, "localhost6") && isLabel(second, "localdomain6")
    }
    return isLabel(second, "localdomain")
  }

  /// Whether a label of the name, which begins at a place of ``wire``, is some text.
  func isLabel(_ place: Int, _ text: String) -> Bool {
    let octets = text.utf8.span
    guard place < wireCount, Int(wire[place]) == octets.count else { return false }
    for index in 0..<octets.count where wire[place + 1 + index] != octets[index] { return false }
    return true
  }

  /// Whether the name, of which the last label is a number, is an address, or the `0` that some lists have for one.
  private var isIPv4: Bool {
    let isDigit = wire[1] >= UInt8(ascii: "0") && wire[1] <= UInt8(ascii: "9")
    return isDigit && WireName.labelCount(name) == 4 || isLabel(0, "0") && wireCount == 3
  }

  // MARK: Names

  /// Reads the name that begins at a position, up to what can't be in one, into ``wire``.
  ///
  /// Letters beyond ASCII become A-labels (RFC 5890).
  ///
  /// - Returns: whether it is a name: letters, digits, hyphens and underscores.
  mutating func readName(_ position: inout Int) -> Bool {
    let start = position
    // As text a name has 254 octets at most, its last dot included.
    let most = min(lineEnd, start + WireName.longest - 1)
    let labels = ListReader.readLabels(buffer, start..<most, letters, &wire)
    let at = start + labels.read
    if at < lineEnd, buffer[at] >= 0x80 { return readInternational(start, &position) }
    position = at
    let length = labels.count - labels.last - 1
    if length == 0 {
      // A dot at the end is the root's.
      wire[labels.last] = 0
      wireCount = labels.last + 1
      lastLabel = labels.lastButOne
      return labels.last > 0
    }
    guard length <= WireName.longestLabel, labels.count < WireName.longest else { return false }
    wire[labels.last] = UInt8(truncatingIfNeeded: length)
    wire[labels.count] = 0
    wireCount = labels.count + 1
    lastLabel = labels.last
    return true
  }

  /// Where the last labels of a name begin in wire form, how many octets it has there, and how many were read.
  private struct Labels {
    var lastButOne = 0
    var last = 0
    var count = 1
    var read = 0
  }

  /// Writes the labels that text begins with, all but the last one's length.
  private static func readLabels(
    _ buffer: borrowing FixedArray<UInt8>, _ range: Range<Int>,
    _ letters: borrowing FixedArray<UInt8>, _ wire: inout FixedArray<UInt8>
  ) -> Labels {
    let text = buffer.span.extracting(range)
    let letters = letters.span
    var name = wire.mutableSpan
    var labels = Labels()
    while labels.read < text.count {
      let octet = letters[Int(text[labels.read])]
      if octet == 0 { break }
      if octet == UInt8(ascii: ".") {
        let length = labels.count - labels.last - 1
        guard length > 0, length <= WireName.longestLabel else { break }
        name[labels.last] = UInt8(truncatingIfNeeded: length)
        labels.lastButOne = labels.last
        labels.last = labels.count
      } else {
        name[labels.count] = octet
      }
      labels.count += 1
      labels.read += 1
    }
    return labels
  }

  /// Reads a name that has letters beyond ASCII, all of it, from its beginning.
  private mutating func readInternational(_ start: Int, _ position: inout Int) -> Bool {
    var end = start
    while end < lineEnd, buffer[end] >= 0x80 || letters[Int(buffer[end])] != 0 { end += 1 }
    position = end
    guard let octets = Punycode.wire(text(start..<end)) else { return false }
    setName(octets)
    return true
  }

  /// Takes a name in wire form, of ``WireName/longest`` octets at most, none of them the root alone.
  private mutating func setName(_ octets: [UInt8]) {
    for (index, octet) in octets.enumerated() { wire[index] = octet }
    wireCount = octets.count
    findLastLabel()
  }

  /// Finds the last label of the name.
  mutating func findLastLabel() {
    var place = 0
    while place < wireCount, wire[place] != 0 {
      lastLabel = place
      place += Int(wire[place]) + 1
    }
  }

  /// Whether the last label of the name is a number: an address (RFC 3696 §2).
  var isNumeric: Bool {
    for index in lastLabel + 1..<wireCount - 1
    where wire[index] < UInt8(ascii: "0") || wire[index] > UInt8(ascii: "9") {
      return false
    }
    return true
  }

  /// A rule about the name, counted for its format.
  mutating func rule(
    _ match: NameMatch, _ format: ListFormat, isException: Bool = false, hasDetails: Bool = false
  ) -> ListEvent {
    if isNumeric { return .ignored(.address) }
    formats[format.index] += 1
    var rule = ListRule(match)
    rule.isException = isException
    rule.hasDetails = hasDetails
    return .rule(rule)
  }

  // MARK: The line

  /// What is wrong with the line: it may not be text at all.
  mutating func mistake() -> ListEvent? {
    guard line != lastBinaryLine else { return .mistake(.controlOctets) }
    for index in lineStart..<lineEnd
    where buffer[index] < 0x20 && buffer[index] != 9 || buffer[index] == 0x7F {
      lastBinaryLine = line
      binaryLines += 1
      if binaryLines >= ListReader.mostBinaryLines {
        fault = "is no text"
        return nil
      }
      return .mistake(.controlOctets)
    }
    return .mistake(.notAName)
  }

  /// Whether a rule about what pages look like begins here: `##`, `#@#`, `#?#`, `#$#`, `#%#` and mixtures of them.
  ///
  /// - Parameter start: of a number sign.
  private func isCosmetic(_ start: Int) -> Bool {
    var position = start + 1
    while position < lineEnd, position < start + 3 {
      switch buffer[position] {
      case UInt8(ascii: "@"), UInt8(ascii: "?"), UInt8(ascii: "$"), UInt8(ascii: "%"):
        position += 1
        continue
      default: break
      }
      break
    }
    guard position < lineEnd, buffer[position] == UInt8(ascii: "#") else { return false }
    while position < lineEnd, buffer[position] == UInt8(ascii: "#") { position += 1 }
    // A row of number signs, or a title behind it, is a comment.
    return position < lineEnd && !isBlank(position)
  }

  func skipBlanks(_ position: inout Int) {
    while position < lineEnd, isBlank(position) { position += 1 }
  }

  func isBlank(_ position: Int) -> Bool { buffer[position] == 0x20 || buffer[position] == 9 }

  /// Whether some text stands in the line.
  func isAt(_ position: Int, _ text: String) -> Bool {
    let octets = text.utf8.span
    guard octets.count <= lineEnd - position else { return false }
    for index in 0..<octets.count where buffer[position + index] != octets[index] { return false }
    return true
  }

  /// Whether a part of the line is a word, which is given in lower case, in whatever letter case.
  func isWord(_ range: Range<Int>, _ word: String) -> Bool {
    let octets = word.utf8.span
    guard octets.count == range.count else { return false }
    for index in 0..<octets.count {
      let isLetter = octets[index] >= UInt8(ascii: "a")
      if buffer[range.lowerBound + index] | (isLetter ? 0x20 : 0) != octets[index] { return false }
    }
    return true
  }

  /// The word that begins at a position, up to a blank, a comment or the end.
  func word(_ start: Int) -> Range<Int> {
    var end = start
    while end < lineEnd, !isBlank(end), end == start || buffer[end] != UInt8(ascii: "#") {
      end += 1
    }
    return start..<end
  }

  /// A part of the line as text.
  func text(_ range: Range<Int>) -> String {
    String(decoding: range.map { buffer[$0] }, as: UTF8.self)
  }

  /// Whether a part of the line is an address.
  private func isAddress(_ range: Range<Int>) -> Bool {
    // RFC 4007 §11: behind the address may stand its zone.
    let octets = range.prefix(64).map { buffer[$0] }.prefix { $0 != UInt8(ascii: "%") }
    return IPAddress(text: octets) != nil
  }
}
