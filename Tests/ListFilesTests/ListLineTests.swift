import DNSWire
import Testing

@testable import ListFiles

/// Lines by themselves, and what each says; several rules of a line are joined by a comma, and none is "nothing".
@Suite("Lines of block lists")
struct ListLineTests {
  private static func say(_ line: String, trust: ListTrust = .block) -> String {
    let said = ListReaderTests.read(line, trust: trust).filter { !$0.hasPrefix("format") }
    return said.isEmpty ? "nothing" : said.map { String($0.dropFirst(2)) }.joined(separator: ", ")
  }

  @Test(arguments: [
    ("ads.example#comment", "block subtree ads.example."),
    ("ads.example # comment", "block subtree ads.example."),
    ("ads.example ; comment", "mistake notAName"),
    ("-a.example", "block subtree -a.example."),
    ("com", "block subtree com."),
    (".", "mistake notAName"), ("*", "ignored pattern"), ("*.", "mistake notAName"),
    ("a..example", "mistake notAName"), ("a.example..", "mistake notAName"),
    ("a b.example", "mistake notAName"), ("b\\046c.example", "mistake notAName"),
    ("http://ads.example/x", "ignored pattern"), ("ads.example/x", "ignored pattern"),
    ("ads.example:8080", "ignored pattern"), ("1.2.3.4", "ignored address"),
    ("ads%20.example other.example", "mistake notAName"),
    ("## A title", "nothing"), ("#####", "nothing"), ("##", "nothing"),
    ("a.example## title", "block subtree a.example."), ("a.example##.x", "ignored cosmetic"),
    ("a.example#@#.x", "ignored cosmetic"), ("a.example#@$#x", "ignored cosmetic"),
    ("#?#x", "ignored cosmetic"), ("###x", "ignored cosmetic"), ("#@ home", "nothing"),
  ])
  func `plain names`(line: String, says: String) {
    #expect(Self.say(line) == says)
  }

  @Test func `an asterisk says "all below", whatever the list's match is`() {
    let said = ListReaderTests.read("a.example\n*.b.example\n.c.example", match: .exact)
    #expect(
      said.dropLast() == [
        "1 block exact a.example.", "2 block subtree b.example.", "3 block subtree c.example.",
      ])
  }

  @Test(arguments: [
    ("0 ads.example", "block exact ads.example."),
    ("0.0.0.0 ads.example#x", "block exact ads.example."),
    ("0.0.0.0 a.example b.example. # c.example", "block exact a.example., block exact b.example."),
    ("::ffff:192.0.2.1\ta.example", "block exact a.example."),
    ("fe80::1%eth0 a.example", "block exact a.example."),
    ("0.0.0.0", "ignored address"), ("0.0.0.0 # x", "nothing"), ("::", "ignored address"),
    ("127.0.0.1 localhost4 localhost4.localdomain4 ip6-allnodes", "nothing"),
    ("127.0.0.1 localhost.example", "block exact localhost.example."),
    ("2026 was a year", "mistake notAName"),
    ("0.0.0.0 b\u{fc}cher.example", "block exact xn--bcher-kva.example."),
    ("0.0.0.0 *.a.example", "mistake notAName"),
  ])
  func `hosts files`(line: String, says: String) {
    #expect(Self.say(line) == says)
  }

  @Test(arguments: [
    ("||a.example^|", "block subtree a.example."), ("||ads.", "ignored pattern"),
    ("||a.example.", "ignored pattern"), ("||192.0.2.1^", "ignored address"),
    ("||ads*.example^", "ignored pattern"), ("||*.a.example^", "block below a.example."),
    ("*.a.example^", "block below a.example."), ("||^", "ignored pattern"),
    ("||", "mistake notAName"), ("@@", "mistake notAName"), ("@@||", "mistake notAName"),
    ("@@a.example", "except subtree a.example."), ("@@|a.example^", "except exact a.example."),
    ("@@/x/", "ignored expression"), ("||\u{e4}.example^", "block subtree xn--4ca.example."),
    ("||*.\u{e4}.example^", "block below xn--4ca.example."),
    ("||\u{2460}.example^", "mistake notAName"), ("a.example,b.example##x", "ignored pattern"),
    ("[$path=/x]a.example", "ignored modifier"), ("[Adblock Plus]", "nothing"),
    ("||a.example^$", "ignored modifier"), ("||a.example^$all", "block subtree a.example."),
    ("||a.example^$IMPORTANT", "block subtree a.example. important"),
    ("||a.example^$important=1", "ignored modifier"),
    ("||a.example^$important,popup", "ignored modifier"),
    // An entry that is no name must not make a rule for all of them.
    ("||a.example^$denyallow=|", "mistake badModifier"),
    ("||a.example^$denyallow=b c", "mistake badModifier"),
    ("||a.example^$denyallow=b.a.example|", "mistake badModifier"),
    ("||a.example^$dnstype=|", "mistake badModifier"),
    ("||a.example^$dnstype=~", "mistake badModifier"),
    ("||a.example^$dnstype=A|~AAAA", "mistake badModifier"),
    ("||a.example^$client=|", "ignored modifier"),
    ("||a.example^$client=~192.0.2.1", "ignored modifier"),
    ("||a.example^$dnsrewrite=192.0.2.1", "ignored modifier"),
  ])
  func `AdBlock's rules`(line: String, says: String) {
    #expect(Self.say(line) == says)
  }

  @Test func `a modifier has 32 entries at most`() {
    let names = (1...33).map { "n\($0).a.example" }
    let most = "||a.example^$denyallow=" + names.dropLast().joined(separator: "|")
    #expect(Self.say(most).hasSuffix("not:n32.a.example."))
    #expect(
      Self.say("||a.example^$denyallow=" + names.joined(separator: "|")) == "mistake badModifier")
  }

  @Test(arguments: [
    ("192.0.2.1", "address(192.0.2.1)"), ("b.example", "alias(b.example.)"),
    ("NXDOMAIN", "nxDomain"), ("nxdomain;;", "nxDomain"), ("REFUSED", "refused"),
    ("NOERROR", "noData"), ("NOERROR;;", "noData"),
    ("NOERROR;A;192.0.2.1", "address(192.0.2.1)"),
    ("NOERROR;AAAA;2001:db8::1", "address(2001:db8::1)"),
    ("NOERROR;CNAME;b.example", "alias(b.example.)"),
    ("NOERROR;A;2001:db8::1", nil), ("NOERROR;MX;32 b.example", nil), ("SERVFAIL", nil),
    ("NOERROR;A", nil), ("b c.example", nil), ("", nil),
  ])
  func `rewrites of a trusted list`(value: String, says: String?) {
    #expect(
      Self.say("||a.example^$dnsrewrite=\(value)", trust: .full)
        == (says.map { "block subtree a.example. \($0)" } ?? "ignored modifier"))
    #expect(Self.say("@@||a.example^$dnsrewrite=\(value)", trust: .full) == "ignored modifier")
  }

  @Test(arguments: [
    ("address=/a.example/b.example/0.0.0.0", "block subtree a.example., block subtree b.example."),
    ("address=/a.example/:: # b", "block subtree a.example."),
    ("address=/.a.example/", "block subtree a.example."),
    ("address=/*.a.example/", "block subtree a.example."),
    ("address=/a.example", "ignored pattern"), ("address=//192.0.2.1", "ignored pattern"),
    ("local=/a b/", "ignored pattern"), ("local=/a_b!c/", "mistake notAName"),
    ("local=/a.example/192.0.2.1", "ignored setting"), ("server=/a.example/#", "ignored setting"),
    ("local=/\u{e4}.example/", "block subtree xn--4ca.example."),
    ("address=/192.0.2.1/", "ignored address"), ("cache-size=1", "ignored setting"),
    ("ipset=/a.example/x", "ignored setting"),
  ])
  func `lines of dnsmasq`(line: String, says: String) {
    #expect(Self.say(line) == says)
  }

  @Test(arguments: [
    ("\tlocal-zone: \"a.example\" always_null # b", "block subtree a.example."),
    ("local-zone:a.example static", "block subtree a.example."),
    ("local-zone: \"a.example\" ALWAYS_REFUSE", "block subtree a.example."),
    ("local-zone: \"a.example\" inform", "ignored setting"),
    ("local-zone: \"a.example static", "mistake notAName"),
    ("local-zone: \"a!b\" static", "mistake notAName"), ("local-zone:", "mistake notAName"),
    ("local-zone: \".\" static", "mistake notAName"),
    ("local-zone: \"\u{e4}.example.\" deny", "block subtree xn--4ca.example."),
    ("server:", "ignored setting"), ("access-control: 0.0.0.0/0 allow", "ignored setting"),
  ])
  func `lines of unbound`(line: String, says: String) {
    #expect(Self.say(line) == says)
  }

  @Test(arguments: [
    ("local-zone: a.example always_refuse", "block subtree a.example. refused"),
    ("local-zone: a.example always_deny", "block subtree a.example. drop"),
    ("local-zone: a.example always_nodata", "block subtree a.example. noData"),
    ("local-zone: a.example always_null", "block subtree a.example."),
    ("address=/a.example/0.0.0.0", "block subtree a.example."),
    (
      "address=/a.example/b.example/192.0.2.1",
      "block subtree a.example. address(192.0.2.1), block subtree b.example. address(192.0.2.1)"
    ),
    ("address=/a.example/b.example", "mistake notAName"),
    ("a.example CNAME rpz-drop.", "block exact a.example. drop"),
    ("a.example CNAME rpz-tcp-only.", "block exact a.example. truncated"),
    ("*.a.example CNAME b.example.", "block below a.example. alias(b.example.)"),
    ("a.example CNAME b", "ignored setting"), ("a.example CNAME *.b.example.", "ignored setting"),
    ("a.example AAAA 2001:db8::1", "block exact a.example. address(2001:db8::1)"),
    ("a.example A 2001:db8::1", "mistake notAName"),
  ])
  func `answers of a trusted list`(line: String, says: String) {
    #expect(Self.say(line, trust: .full) == says)
  }

  @Test(arguments: [
    ("a.example 1h IN CNAME .", "block exact a.example."),
    ("a.example IN 60 cname . ; x", "block exact a.example."),
    ("a.example CNAME a.example.", "except exact a.example."),
    ("*.a.example CNAME rpz-passthru.", "except below a.example."),
    ("a.example CNAME b.example.", "block exact a.example."),
    ("a.example CNAME ; x", "mistake notAName"), ("a.example CNAME", "mistake notAName"),
    ("a.example A x", "mistake notAName"), ("a.example MX 1 b.", "ignored setting"),
    ("a!b CNAME .", "mistake notAName"), ("* CNAME .", "ignored pattern"),
    ("32.1.2.0.192.RPZ-IP CNAME .", "ignored address"),
    ("ns.example.rpz-nsdname CNAME .", "ignored address"),
    ("24.0.2.0.192.rpz-client-ip CNAME .", "ignored address"),
    ("@ IN NS localhost.", "nothing"), ("  IN NS localhost.", "nothing"),
    ("  AAAA ::1", "ignored setting"), ("$INCLUDE x", "ignored setting"),
    ("@", "mistake notAName"), ("@x CNAME .", "mistake notAName"),
    ("$ORIGIN", "mistake notAName"), ("\u{e4}.example CNAME .", "block exact xn--4ca.example."),
  ])
  func `lines of response policy zones`(line: String, says: String) {
    #expect(Self.say(line) == says)
  }

  @Test func `the zone's name is no part of names`() {
    let zone = """
      RPZ.example. IN SOA ns.rpz.example. host.rpz.example. ( 1 ; serial (of the zone)
        3600 ; refresh )
        600 86400 60 )
      rpz.example. NS localhost.
      a.example.rpz.EXAMPLE. CNAME .
      *.b.example.rpz.example. CNAME .
      c.example CNAME .
      d.example. CNAME .
      32.1.2.0.192.rpz-ip.rpz.example. CNAME .
      rpz.example. A 192.0.2.1
      """
    #expect(
      ListReaderTests.read(zone) == [
        "5 block exact a.example.", "6 block below b.example.", "7 block exact c.example.",
        "8 block exact d.example.", "9 ignored address", "10 ignored setting", "format rpz",
      ])
  }

  @Test func `names may have as many octets as the DNS allows`() {
    // 253 octets and no dot at the end, 255 in wire form (RFC 1035 §2.3.4).
    let longest = String(repeating: "abcdefg.", count: 31) + "abcde"
    for name in [longest, longest + "."] {
      #expect(Self.say(name) == "block subtree \(longest).")
      #expect(Self.say("0.0.0.0 \(name)") == "block exact \(longest).")
      #expect(Self.say("local=/\(name)/") == "block subtree \(longest).")
    }
    for name in [longest + "f", longest + "f.", longest + ".f"] {
      #expect(Self.say(name) == "mistake notAName")
      #expect(Self.say("0.0.0.0 \(name)") == "mistake notAName")
      #expect(Self.say("local=/\(name)/") == "mistake notAName")
    }
    #expect(Self.say("||\(longest)f^") == "mistake notAName")
  }
}
