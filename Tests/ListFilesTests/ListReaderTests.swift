import DNSWire
import Randomness
import Testing

@testable import ListFiles

@Suite("Block lists as text")
struct ListReaderTests {
  /// Reads a list in pieces of so many octets, and tells what came as lines of text.
  static func read(
    _ octets: [UInt8], match: NameMatch? = nil, trust: ListTrust = .block, piece: Int = 1_000
  ) -> [String] {
    var reader = ListReader(match: match, trust: trust)
    var said: [String] = []
    var position = 0
    var isEnded = false
    while !isEnded {
      let part = Array(octets[position..<min(position + piece, octets.count)])
      position += part.count
      isEnded = part.isEmpty
      if isEnded { reader.finish() } else { reader.append(part.span) }
      while let event = reader.next() {
        switch event {
        case .rule(let rule): said.append("\(reader.line) \(text(rule, reader))")
        case .ignored(let why): said.append("\(reader.line) ignored \(why.rawValue)")
        case .mistake(let mistake): said.append("\(reader.line) mistake \(mistake)")
        }
      }
      if let fault = reader.fault {
        said.append("fault \(fault)")
        return said
      }
    }
    if let format = reader.format { said.append("format \(format)") }
    return said
  }

  private static func text(_ rule: ListRule, _ reader: borrowing ListReader) -> String {
    let name = (try? Name(wire: reader.name)).map { "\($0)" } ?? "?"
    var words = [rule.isException ? "except" : "block", rule.match.rawValue, name]
    if rule.isBadFilter { words.append("badfilter") }
    guard rule.hasDetails else { return words.joined(separator: " ") }
    let details = reader.details
    if details.isImportant { words.append("important") }
    if !details.types.isEmpty {
      words.append(
        (details.exceptsTypes ? "~" : "") + details.types.map { "\($0)" }.joined(separator: "|"))
    }
    words += details.clients.map { "\($0)" } + details.exempt.map { "not:\($0)" }
    if let answer = details.answer { words.append("\(answer)") }
    return words.joined(separator: " ")
  }

  static func read(_ text: String, match: NameMatch? = nil, trust: ListTrust = .block)
    -> [String]
  {
    read(Array(text.utf8), match: match, trust: trust)
  }

  @Test func `plain names mean all below them, unless told otherwise`() {
    let list =
      "# a list\nads.example\n\n  Tracker.EXAMPLE.  # both\n*.wild.example\n.dot.example\r\nlast.example"
    #expect(
      Self.read(list) == [
        "2 block subtree ads.example.", "4 block subtree tracker.example.",
        "5 block subtree wild.example.", "6 block subtree dot.example.",
        "7 block subtree last.example.", "format domains",
      ])
    #expect(
      Self.read("ads.example", match: .exact) == ["1 block exact ads.example.", "format domains"])
    #expect(
      Self.read(
        "a b\n192.0.2.1\n2001:db8::1\nex ample.com\n-\n_dmarc.x.example\n..\nb\u{fc}cher.example")
        == [
          "1 mistake notAName", "2 ignored address", "3 ignored address", "4 mistake notAName",
          "5 block subtree -.", "6 block subtree _dmarc.x.example.", "7 mistake notAName",
          "8 block subtree xn--bcher-kva.example.", "format domains",
        ])
  }

  @Test func `hosts files name hosts alone, several a line`() {
    let list = """
      127.0.0.1 localhost localhost.localdomain
      ::1 ip6-localhost ip6-loopback
      fe80::1%lo0 localhost
      0.0.0.0 ads.example www.ads.example # two
      :: six.example
      0.0.0.0 0.0.0.0
      192.0.2.1\tother.example
      0.0.0.0 bad!name good.example
      """
    #expect(
      Self.read(list) == [
        "4 block exact ads.example.", "4 block exact www.ads.example.",
        "5 block exact six.example.",
        "7 block exact other.example.", "8 mistake notAName", "8 block exact good.example.",
        "format hosts",
      ])
    // An octet that is neither text nor blank once had it read the same line for ever.
    #expect(
      Self.read("0.0.0.0 bad\u{1d}name good.example") == [
        "1 mistake controlOctets", "1 block exact good.example.", "format hosts",
      ])
    #expect(Self.read("0.0.0.0 a.example", match: .subtree).first == "1 block subtree a.example.")
  }

  @Test func `AdBlock's rules about names`() {
    let list = """
      [Adblock Plus 2.0]
      ! a comment
      ||ads.example^
      @@||good.ads.example^
      |one.example^
      ||*.below.example^
      ||plain.example
      half.example^
      ||imp.example^$important
      ||bad.example^$badfilter
      ||open.example^$denyallow=a.open.example|b.open.example
      ||typed.example^$dnstype=A|AAAA
      ||typed.example^$dnstype=~HTTPS
      ||mine.example^$client=192.0.2.0/24|2001:db8::1
      ||mine.example^$client='Kids'
      ||web.example^$third-party
      ||web.example/path
      ||web.example:8080^
      /regular.*/
      ads*.example
      example##.banner
      ##.banner
      ||rewrite.example^$dnsrewrite=192.0.2.80
      ||typed.example^$dnstype=NONSENSE
      """
    #expect(
      Self.read(list) == [
        "3 block subtree ads.example.", "4 except subtree good.ads.example.",
        "5 block exact one.example.", "6 block below below.example.",
        "7 block subtree plain.example.", "8 block subtree half.example.",
        "9 block subtree imp.example. important", "10 block subtree bad.example. badfilter",
        "11 block subtree open.example. not:a.open.example. not:b.open.example.",
        "12 block subtree typed.example. A|AAAA", "13 block subtree typed.example. ~HTTPS",
        "14 block subtree mine.example. 192.0.2.0/24 2001:db8::1/128", "15 ignored modifier",
        "16 ignored modifier", "17 ignored pattern", "18 ignored pattern", "19 ignored expression",
        "20 ignored pattern", "21 ignored cosmetic", "22 ignored cosmetic", "23 ignored modifier",
        "24 mistake badModifier", "format adblock",
      ])
    #expect(
      Self.read("||rewrite.example^$dnsrewrite=192.0.2.80", trust: .full).first
        == "1 block subtree rewrite.example. address(192.0.2.80)")
  }

  @Test func `lines of dnsmasq and unbound`() {
    let list = """
      address=/ads.example/0.0.0.0
      address=/null.example/#
      local=/local.example/
      server=/asked.example/192.0.2.1
      server=/none.example/
      address=/#/192.0.2.1
      local-zone: "nx.example" always_nxdomain
      local-zone: "nx.example." always_null
      local-zone: free.example always_transparent
      local-zone: odd.example transparent
      local-data: "x.example A 192.0.2.1"
      """
    #expect(
      Self.read(list) == [
        "1 block subtree ads.example.", "2 block subtree null.example.",
        "3 block subtree local.example.", "4 ignored setting", "5 block subtree none.example.",
        "6 ignored pattern", "7 block subtree nx.example.", "8 block subtree nx.example.",
        "9 except subtree free.example.", "10 ignored setting", "11 ignored setting",
        "format dnsmasq",
      ])
    #expect(
      Self.read("address=/page.example/192.0.2.80", trust: .full).first
        == "1 block subtree page.example. address(192.0.2.80)")
  }

  @Test func `response policy zones`() {
    let list = """
      $TTL 60
      @ IN SOA rpz.example. host.example. (
        1 3600
        600 86400 60 )
        IN NS localhost.
      nx.example CNAME .
      *.nx.example CNAME .
      empty.example 60 IN CNAME *.
      good.example CNAME rpz-passthru.
      drop.example IN CNAME rpz-drop.
      tcp.example CNAME rpz-tcp-only.
      page.example A 192.0.2.80
      other.example CNAME elsewhere.example.
      32.1.2.0.192.rpz-ip CNAME .
      """
    #expect(
      Self.read(list) == [
        "6 block exact nx.example.", "7 block below nx.example.", "8 block exact empty.example.",
        "9 except exact good.example.", "10 block exact drop.example.", "11 ignored setting",
        "12 block exact page.example.", "13 block exact other.example.", "14 ignored address",
        "format rpz",
      ])
    let trusted = Self.read(list, trust: .full)
    #expect(trusted[0] == "6 block exact nx.example. nxDomain")
    #expect(trusted[2] == "8 block exact empty.example. noData")
    #expect(trusted[6] == "12 block exact page.example. address(192.0.2.80)")
    let absolute = "$ORIGIN rpz.example.\nnx.example.rpz.example. CNAME .\n"
    #expect(Self.read(absolute).first == "2 block exact nx.example.")
  }

  @Test func `what is no list is said to be none`() {
    #expect(Self.read("<!DOCTYPE html>\n<html>") == ["fault is a page of the web, no list"])
    let binary = Array(repeating: [UInt8]([0x7F, 0x45, 0x01, 0x00, 0x0A]), count: 9).flatMap { $0 }
    #expect(Self.read(binary).last == "fault is no text")
    let long = String(repeating: "a", count: 10_000) + "\nnext.example"
    #expect(
      Self.read(long) == ["1 mistake tooLong", "2 block subtree next.example.", "format domains"])
    let label = String(repeating: "a", count: 64)
    #expect(Self.read("\(label).example") == ["1 mistake notAName"])
    let name = Array(repeating: "abcdefgh", count: 32).joined(separator: ".")
    #expect(Self.read(name) == ["1 mistake notAName"])
    #expect(Self.read("") == [])
  }

  @Test func `lines end in a line feed, both, or a carriage return alone`() {
    let lines = ["\u{FEFF}# a list", "", "ads.example", "0.0.0.0 b.example", "||c.example^"]
    for end in ["\n", "\r\n", "\r"] {
      #expect(
        Self.read(lines.joined(separator: end)) == [
          "3 block subtree ads.example.", "4 block exact b.example.",
          "5 block subtree c.example.", "format domains",
        ])
    }
    // A carriage return among line feeds ends nothing.
    #expect(Self.read("a.example\rb.example\n").first == "1 mistake controlOctets")
  }

  @Test func `one strange line isn't the list's end`() {
    #expect(
      Self.read("a.example\n<b>\nb.example").dropLast() == [
        "1 block subtree a.example.", "2 mistake notAName", "3 block subtree b.example.",
      ])
    // A record that is never closed hides sixteen lines, no more.
    let open = "@ SOA a. b. (\n" + (2...20).map { "x\($0).example\n" }.joined()
    #expect(Self.read(open).first == "18 block subtree x18.example.")
    // Many octets that are no text in one line are one line.
    let control = "0.0.0.0" + String(repeating: " a\u{1}", count: 20) + "\nb.example"
    #expect(Self.read(control).suffix(2) == ["2 block subtree b.example.", "format domains"])
    let utf16 = "ads.example\n".utf8.flatMap { octet -> [UInt8] in [octet, 0] }
    #expect(Self.read(Array(repeating: utf16, count: 9).flatMap { $0 }).last == "fault is no text")
  }

  @Test func `rules are counted up to a bound`() {
    var reader = ListReader()
    #expect(reader.mostRules == 10_000_000)
    reader.mostRules = 2
    reader.append(Array("a.example\n# b\nc.example\nd.example\n".utf8).span)
    var rules = 0
    while reader.next() != nil { rules += 1 }
    #expect(rules == 2)
    #expect(reader.fault == "has more than 2 rules")
  }

  @Test(arguments: SplitMix64.fixedSeeds(6))
  func `it doesn't matter how a list is cut, and random octets trap nowhere`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let parts = [
      "ads.example\n", "0.0.0.0 a.example b.example\n", "||x.example^$important\n", "\n", "\r\n",
      "||b\u{fc}cher.example^\n", "* . # !\n", "nx.example CNAME .\n", "@ SOA a. b. (\n", ")\n",
      "local-zone: \"z.example\" static\n", "address=/d.example/e.example/192.0.2.1 # f\n", "$",
      "\r",
      "$ORIGIN rpz.example.\n", "x.rpz.example. 1h IN CNAME *.\n", "\t", "<", "###", "#@#", "[$",
      "|", "@@", "^", "=", "/",
      "*.", ".", "::1 ", "a", "$dnstype=", "$client=", "rpz-ip",
    ]
    var octets: [UInt8] = []
    for _ in 0..<300 {
      if random.number(0...9) == 0 {
        octets += random.octets(0...20)
      } else {
        octets += Array(random.oneOf(parts).utf8)
      }
    }
    let whole = Self.read(octets, trust: .full, piece: octets.count)
    for piece in [1, 2, 3, 7, 64] {
      #expect(Self.read(octets, trust: .full, piece: piece) == whole)
    }
  }
}
