import DNSWire
import Memory

// What a line is, by how it begins.

extension ListReader {
  /// Reads the line, or the rest of it; nothing when it says nothing.
  mutating func readLine() -> ListEvent? {
    let start = rest ?? lineStart
    // A line of a hosts file has more names.
    if start > lineStart { return nextHost(at: start) }
    rest = nil
    if isInParentheses { return goOnInParentheses() }
    let first = buffer[start]
    let second = start + 1 < lineEnd ? buffer[start + 1] : 0
    switch first {
    case UInt8(ascii: "#"):
      return second == UInt8(ascii: "#") || second == UInt8(ascii: "@")
        || second == UInt8(ascii: "?")
        ? .ignored(.cosmetic) : nil
    case UInt8(ascii: "!"), UInt8(ascii: ";"): return nil
    case UInt8(ascii: "["): return nil
    case UInt8(ascii: "/"): return .ignored(.expression)
    case UInt8(ascii: "$"),
      UInt8(ascii: "@") where second != UInt8(ascii: "@"):
      return readZoneLine(start)
    case UInt8(ascii: "@"): return readAdBlock(start + 2, isException: true)
    case UInt8(ascii: "|"): return readAdBlock(start, isException: false)
    case UInt8(ascii: "<"):
      fault = "is a page of the web, no list"
      return nil
    default: break
    }
    if isIndented && isZoneLine { return readZoneLine(start) }
    if let event = readNamed(start) { return event }
    return readPlain(start)
  }

  // MARK: Plain names and hosts files

  /// Reads a line that begins with a name or an address.
  private mutating func readPlain(_ start: Int) -> ListEvent? {
    var position = start
    let match = match ?? .subtree
    if buffer[position] == UInt8(ascii: "*"), position + 1 < lineEnd,
      buffer[position + 1] == UInt8(ascii: ".")
    {
      // Who writes that in a list of names means the name, too.
      position += 2
    } else if buffer[position] == UInt8(ascii: ".") {
      position += 1
    }
    let result = readName(&position)
    if position < lineEnd {
      let stop = buffer[position]
      switch stop {
      case 0x20, 9:
        if result && isNumeric { return nextHost(at: position) }
        if hasZoneRecord(position) { return readZoneLine(start) }
        var behind = position
        skipBlanks(&behind)
        // Something else than a comment is more than a name.
        if behind < lineEnd, buffer[behind] != UInt8(ascii: "#") { return .mistake(.notAName) }
      case UInt8(ascii: "#"):
        if isAt(position, "##") || isAt(position, "#@") || isAt(position, "#?")
          || isAt(position, "#$") || isAt(position, "#%")
        {
          return .ignored(.cosmetic)
        }
      case UInt8(ascii: ":"):
        // An IPv6 address in front of names.
        var end = start
        while end < lineEnd, buffer[end] != 0x20, buffer[end] != 9 { end += 1 }
        if isAddress(start..<end) { return end < lineEnd ? nextHost(at: end) : .ignored(.address) }
        return .ignored(.pattern)
      case UInt8(ascii: "^"), UInt8(ascii: "$"), UInt8(ascii: "*"), UInt8(ascii: "/"),
        UInt8(ascii: "?"), UInt8(ascii: "="), UInt8(ascii: ","):
        return readAdBlock(start, isException: false)
      case UInt8(ascii: "%"):
        var end = start
        while end < lineEnd, buffer[end] != 0x20, buffer[end] != 9 { end += 1 }
        return nextHost(at: end)
      case 0x80...: return readInternational(start, match, .domains)
      default: return mistake()
      }
    }
    guard result else { return mistake() }
    if isNumeric { return .ignored(.address) }
    return rule(match, .domains)
  }

  /// Reads the next name of a line of a hosts file.
  private mutating func nextHost(at start: Int) -> ListEvent? {
    var position = start
    skipBlanks(&position)
    guard position < lineEnd, buffer[position] != UInt8(ascii: "#") else {
      rest = nil
      return nil
    }
    let begin = position
    let result = readName(&position)
    let isWhole = position == lineEnd || isBlank(position)
    if !isWhole, buffer[position] >= 0x80 {
      var end = position
      while end < lineEnd, !isBlank(end) { end += 1 }
      rest = end
      return readInternational(begin, match ?? .exact, .hosts, upTo: end)
    }
    while position < lineEnd, !isBlank(position) { position += 1 }
    rest = position
    guard result, isWhole else { return .mistake(.notAName) }
    // The names that every hosts file has.
    if isNumeric || isOwnName { return nil }
    return rule(match ?? .exact, .hosts)
  }

  /// Whether the name is one that hosts files have for the host itself.
  private var isOwnName: Bool {
    let labels = WireName.labelCount(name)
    if labels == 1 {
      for own in [
        "localhost", "local", "broadcasthost", "ip6-localhost", "ip6-loopback", "ip6-localnet",
        "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters", "ip6-allhosts",
      ] as [StaticString] where isName(own) {
        return true
      }
      return false
    }
    return labels == 2 && isName("localhost", before: "localdomain")
  }

  private func isName(_ label: StaticString, before second: StaticString? = nil) -> Bool {
    var place = 0
    for label in [label, second].compactMap({ $0 }) {
      let text = "\(label)".utf8
      guard place + text.count + 2 <= wireCount, Int(wire[place]) == text.count else {
        return false
      }
      for (index, octet) in text.enumerated() where wire[place + 1 + index] != octet {
        return false
      }
      place += text.count + 1
    }
    return place == wireCount - 1
  }

  // MARK: Names

  /// Reads the name that begins at a position, up to what can't be in one, into ``wire``.
  ///
  /// - Returns: whether it is a name: letters, digits, hyphens and underscores.
  mutating func readName(_ position: inout Int) -> Bool {
    var label = 0
    var count = 1
    var at = position
    while at < lineEnd {
      let octet = buffer[at]
      if octet == UInt8(ascii: ".") {
        let length = count - label - 1
        // A dot at the end is the root's.
        guard length > 0, length < 64 else { break }
        wire[label] = UInt8(truncatingIfNeeded: length)
        label = count
        count += 1
        guard count < 255 else { break }
      } else {
        let lower = octet | 0x20
        let isLetter = lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")
        let isOther =
          octet >= UInt8(ascii: "0") && octet <= UInt8(ascii: "9") || octet == UInt8(ascii: "-")
          || octet == UInt8(ascii: "_")
        guard isLetter || isOther, count < 255 else { break }
        wire[count] = isLetter ? lower : octet
        count += 1
      }
      at += 1
    }
    position = at
    let length = count - label - 1
    guard length < 64, count < 255 else {
      wireCount = 1
      wire[0] = 0
      return false
    }
    if length > 0 {
      wire[label] = UInt8(truncatingIfNeeded: length)
      wire[count] = 0
      wireCount = count + 1
    } else {
      wire[label] = 0
      wireCount = label + 1
    }
    return wireCount > 1
  }

  /// Whether the last label of the name is a number: an address.
  private var isNumeric: Bool {
    var place = 0
    var last = 0
    while place < wireCount, wire[place] != 0 {
      last = place
      place += Int(wire[place]) + 1
    }
    let end = last + 1 + Int(wire[last])
    guard end < wireCount, wire[last] > 0 else { return false }
    for index in last + 1..<end
    where wire[index] < UInt8(ascii: "0") || wire[index] > UInt8(ascii: "9") {
      return false
    }
    return true
  }

  /// Reads a name with letters beyond ASCII (RFC 5890).
  private mutating func readInternational(
    _ start: Int, _ match: NameMatch, _ format: ListFormat, upTo end: Int? = nil
  ) -> ListEvent? {
    var end = end ?? start
    while end < lineEnd, !isBlank(end), buffer[end] != UInt8(ascii: "#") { end += 1 }
    let octets = (start..<end).map { buffer[$0] }
    guard let ascii = Punycode.ascii(String(decoding: octets, as: UTF8.self)), take(ascii) else {
      return .mistake(.notAName)
    }
    return rule(match, format)
  }

  /// Takes a name as text.
  mutating func take(_ text: [UInt8]) -> Bool {
    guard let name = try? Name(String(decoding: text, as: UTF8.self)) else { return false }
    return take(name)
  }

  mutating func take(_ name: Name) -> Bool {
    let octets = name.lowercased.wire
    guard octets.count <= 255, octets.count > 1 else { return false }
    for (index, octet) in octets.enumerated() { wire[index] = octet }
    wireCount = octets.count
    return true
  }

  /// A rule about the name, counted for its format.
  mutating func rule(
    _ match: NameMatch, _ format: ListFormat, isException: Bool = false
  ) -> ListEvent {
    let index = ListFormat.allCases.firstIndex(of: format) ?? 0
    formats[index] += 1
    var rule = ListRule(match)
    rule.isException = isException
    return .rule(rule)
  }

  // MARK: The line

  /// What is wrong with the line: it may not be text at all.
  mutating func mistake() -> ListEvent? {
    for index in lineStart..<lineEnd
    where buffer[index] < 0x20 && buffer[index] != 9 || buffer[index] == 0x7F {
      binaryLines += 1
      if binaryLines >= ListReader.mostBinaryLines {
        fault = "is no text"
        return nil
      }
      return .mistake(.controlOctets)
    }
    return .mistake(.notAName)
  }

  func skipBlanks(_ position: inout Int) {
    while position < lineEnd, isBlank(position) { position += 1 }
  }

  func isBlank(_ position: Int) -> Bool { buffer[position] == 0x20 || buffer[position] == 9 }

  /// Whether some text stands in the line.
  func isAt(_ position: Int, _ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard position + count <= lineEnd else { return false }
    var index = position
    for octet in "\(text)".utf8 {
      if buffer[index] != octet { return false }
      index += 1
    }
    return true
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
