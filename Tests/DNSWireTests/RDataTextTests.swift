import Testing

@testable import DNSWire

@Suite("RDATA as text (RFC 1035 §5.1, RFC 3597 §5)")
struct RDataTextTests {
  /// A type, its text and its octets in hexadecimal.
  static let samples: [(RecordType, String, String)] = [
    (.a, "192.0.2.1", "C0000201"),
    (.aaaa, "2001:db8::1", "20010DB8000000000000000000000001"),
    (.ns, "ns.example.net.", "026E73076578616D706C65036E657400"),
    (.cname, ".", "00"),
    (.dname, "Example.net.", "074578616D706C65036E657400"),
    (.ptr, #"a\.b.net."#, "03612E62036E657400"),
    (
      .soa, "ns. admin. 4294967295 7200 900 1209600 300",
      "026E73000561646D696E00FFFFFFFF00001C2000000384001275000000012C"
    ),
    (.mx, "10 mail.", "000A046D61696C00"),
    (.txt, #""a b" "" "\"\\;\009\255""#, "03612062000522" + "5C3B09FF"),
    (.spf, #""v=spf1 -all""#, "0B763D73706631202D616C6C"),
    (.hinfo, #""RFC8482" """#, "075246433834383200"),
    (.rp, "a. b.", "016100016200"),
    (.afsdb, "1 a.", "0001016100"),
    (.srv, "1 2 65535 a.", "00010002FFFF016100"),
    (
      .naptr, #"100 10 "u" "E2U+sip" "!^.*$!sip:x!" ."#,
      "0064000A" + "0175" + "074532552B736970" + "0C215E2E2A24217369703A7821" + "00"
    ),
    (
      .caa, #"128 issue "ca.example.net; x=y""#,
      "80056973737565" + "63612E6578616D706C652E6E65743B20783D79"
    ),
    (.caa, #"0 issue """#, "00056973737565"),
    (.ds, "60485 5 1 2BB183AF", "EC4505012BB183AF"),
    (.cds, "0 0 0 00", "0000000000"),
    (.dnskey, "257 3 8 AwEAAQ==", "0101030803010001"),
    (.cdnskey, "0 3 0 AA==", "0000030000"),
    (
      .rrsig, "A 8 2 300 20260102030405 20251231235959 12345 net. AAAA",
      "000108020000012C695735A56955B8FF3039036E657400000000"
    ),
    (
      .nsec, "a. A MX RRSIG NSEC TYPE1234",
      "016100" + "0006400100000003" + "041B" + "00"
        + "0000000000000000000000000000000000000000000000" + "000020"
    ),
    (
      .nsec3, "1 1 12 AABBCCDD 2T7B4G4V A RRSIG",
      "0101000C04AABBCCDD05174EB2409F000640" + "0000000002"
    ),
    (.nsec3, "1 0 0 - 2T7B4G4V", "0100000000" + "05174EB2409F"),
    (.nsec3param, "1 0 12 AABB", "0100000C02AABB"),
    (.tlsa, "3 1 1 D2ABDE24", "030101D2ABDE24"),
    (.smimea, "3 0 0 FF", "030000FF"),
    (.sshfp, "4 2 0123", "04020123"),
    (.openpgpkey, "mQI=", "9902"),
    (.cert, "1 2 3 AAAA", "0001000203000000"),
    (.zonemd, "1 1 1 AB", "000000010101AB"),
    (.csync, "66 3 A NS", "00000042" + "0003" + "000160"),
    (
      .uri, #"10 1 "https://example.net/""#, "000A0001" + "68747470733A2F2F6578616D706C652E6E65742F"
    ),
    (.eui48, "00-00-5e-00-53-2a", "00005E00532A"),
    (.svcb, "0 a.", "0000016100"),
    (.https, "1 .", "000100"),
    (
      .https, #"1 . mandatory=alpn,port alpn="h2,h3" no-default-alpn port=8443"#,
      "000100" + "0000000400010003" + "00010006026832026833" + "00020000" + "0003000220FB"
    ),
    (
      .https, #"16 a. ipv4hint=192.0.2.1,192.0.2.2 ech="AAEC" ipv6hint=2001:db8::1"#,
      "0010016100" + "00040008C0000201C0000202" + "00050003000102"
        + "0006001020010DB8000000000000000000000001"
    ),
    (
      .svcb, #"1 . dohpath="/dns-query{?dns}""#,
      "000100" + "0007" + "0010" + "2F646E732D71756572797B3F646E737D"
    ),
    (.svcb, #"1 . key65280 key65281="a b\255""#, "000100" + "FF000000" + "FF010004612062FF"),
    // RFC 9460 Appendix D.2, figure 10: comma and backslash inside a protocol's name.
    (.svcb, #"16 . alpn="f\\\\oo\\,bar,h2""#, "001000" + "0001000C08665C6F6F2C626172026832"),
    (
      .loc, "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000.00m 10.00m",
      "00001613" + "8B3CF018" + "810CBCE0" + "009895B8"
    ),
    (
      .loc, "0 0 0.001 S 180 0 0.000 W 42849672.95m 90000000.00m 0.01m 0.90m",
      "00991091" + "7FFFFFFF" + "59604E00" + "FFFFFFFF"
    ),
    (RecordType(65280), "\\# 0", ""),
    (.null, "\\# 3 000102", "000102"),
  ]

  @Test(arguments: samples)
  func `each type is written in its form`(type: RecordType, text: String, hex: String) throws {
    let rdata = try #require(BaseEncoding.hex.octets(hex.utf8))
    #expect(RDataText.text(type: type, rdata: rdata) == text)
    #expect(RDataText.text(type: type, rdata: rdata.span) == text)
  }

  @Test(arguments: samples)
  func `each type is read from its form`(type: RecordType, text: String, hex: String) throws {
    #expect(BaseEncoding.hex.text(try RDataText.parse(type: type, text: text)) == hex)
  }

  @Test(arguments: samples)
  func `each type is read from the generic form`(type: RecordType, text: String, hex: String)
    throws
  {
    let generic = "\\# \(hex.count / 2) \(hex.lowercased())"
    #expect(BaseEncoding.hex.text(try RDataText.parse(type: type, text: generic)) == hex)
  }

  @Test(arguments: samples)
  func `RDATA that is cut anywhere still has a text that reads back`(
    type: RecordType, text: String, hex: String
  ) throws {
    let rdata = try #require(BaseEncoding.hex.octets(hex.utf8))
    for length in rdata.indices {
      let cut = Array(rdata[..<length])
      #expect(try RDataText.parse(type: type, text: RDataText.text(type: type, rdata: cut)) == cut)
    }
  }

  @Test(
    arguments: [
      (.a, "C00002"), (.a, "C000020100"), (.aaaa, "00"), (.ns, "C000"), (.ns, "0000"), (.ns, ""),
      (.txt, ""), (.txt, "0261"), (.caa, "000000"), (.caa, "00012D"), (.ds, "00000000"),
      (.nsec, "00" + "000100"), (.nsec, "00" + "0000"), (.nsec, "00" + "01014000" + "0140"),
      (.nsec3, "01000000" + "00"), (.https, "000100" + "00030002"),
      (.https, "000100" + "00030001FF"),
      (.https, "000100" + "00030002000100010003026832"), (.https, "000100" + "000000020003"),
      (.https, "000100" + "00000002000000"), (.https, "000100" + "000100020268"),
      (.https, "000100" + "00010000"), (.https, "000100" + "00040000"),
      (.loc, "01121613" + "80000000" + "80000000" + "00989680"),
      (.loc, "000A1613" + "80000000" + "80000000" + "00989680"),
      (.loc, "00A01613" + "80000000" + "80000000" + "00989680"),
      (.loc, "00121613" + "FFFFFFFF" + "80000000" + "00989680"),
    ] as [(RecordType, String)])
  func `octets that the type does not allow take the generic form`(type: RecordType, hex: String)
    throws
  {
    let rdata = BaseEncoding.hex.octets(hex.utf8) ?? []
    let text = RDataText.text(type: type, rdata: rdata)
    #expect(text.hasPrefix("\\# \(rdata.count)"))
    #expect(try RDataText.parse(type: type, text: text) == rdata)
  }

  @Test(
    arguments: [
      (.a, "", .missingField), (.a, "192.0.2.1 x", .extraField), (.a, "192.0.2", .badAddress),
      (.a, "2001:db8::1", .badAddress), (.aaaa, "192.0.2.1", .badAddress),
      (.mx, "65536 a.", .badNumber), (.soa, "a. a. 1 8000w 1 1 1", .badNumber),
      (.mx, "-1 a.", .badNumber), (.mx, "10", .missingField),
      (.ns, "a..b", .badName), (.ns, "@", .badName), (.txt, #""a"#, .badString),
      (.txt, #"a"b""#, .badString), (.txt, #"a\"#, .badString), (.txt, #""\256""#, .badString),
      (.txt, "", .missingField), (.caa, "0 is-sue x", .badString), (.ds, "1 1 1 ABC", .badDigits),
      (.ds, "1 1 1", .missingField), (.ds, "1 1 1 XY", .badDigits),
      (.dnskey, "1 1 1 AA=A", .badDigits),
      (.dnskey, "1 1 1 AB==", .badDigits), (.dnskey, "1 1 1 A", .badDigits),
      (.dnskey, "1 1 1 A===", .badDigits), (.nsec, "a. A NOPE", .badType),
      (.rrsig, "A 8 2 300 20260230000000 0 1 net. AAAA", .badTime),
      (.rrsig, "A 8 2 300 20260101240000 0 1 net. AAAA", .badTime),
      (.rrsig, "A 8 2 300 21060207062816 0 1 net. AAAA", .badTime),
      (.https, "1 . port=1 port=2", .badParameter), (.https, "1 . mandatory=port", .badParameter),
      (.https, "1 . mandatory=mandatory", .badParameter), (.https, "1 . key065=1", .badParameter),
      (.https, "1 . no-default-alpn=1", .badParameter), (.https, "1 . alpn=", .badParameter),
      (.https, "1 . alpn=h2,,h3", .badParameter), (.https, "1 . ipv4hint=::1", .badParameter),
      (.https, "1 . nonsense=1", .badParameter), (.loc, "91 N 0 E 0", .badLocation),
      (.loc, "1 60 N 0 E 0", .badLocation), (.loc, "0 N 0 E -100000.01", .badLocation),
      (.loc, "0 N 0 E 0 1 1 1 1", .badLocation), (.a, "\\# 4 C00002", .badLength),
      (.a, "\\# 4 C000020", .badDigits), (.a, "\\#", .missingField), (.a, "\\# x", .badNumber),
      (.a, "\\# 65536 00", .badNumber), (.null, "00", .noTextForm),
    ] as [(RecordType, String, RDataTextError)])
  func `text that is not of the type is rejected`(
    type: RecordType, text: String, error: RDataTextError
  ) {
    #expect(throws: error) { try RDataText.parse(type: type, text: text) }
  }

  @Test func `a character-string holds 255 octets and no more`() throws {
    let most = String(repeating: "a", count: 255)
    #expect(try RDataText.parse(type: .txt, text: most).count == 256)
    #expect(throws: RDataTextError.badString) { try RDataText.parse(type: .txt, text: most + "a") }
  }

  @Test func `RDATA holds 65,535 octets and no more`() throws {
    let uri = String(repeating: "a", count: 65_531)
    #expect(try RDataText.parse(type: .uri, text: "1 1 \(uri)").count == 65_535)
    #expect(throws: RDataTextError.tooLong) {
      try RDataText.parse(type: .uri, text: "1 1 \(uri)a")
    }
    #expect(throws: RDataTextError.badParameter) {
      try RDataText.parse(type: .svcb, text: "1 . key99=\(uri)aaaaa")
    }
  }

  @Test func `parentheses, line ends and comments separate words`() throws {
    let text = """
      ns. admin. ( 1 ; serial
        2h 15m
        2w )  ; no more )
        5m
      """
    #expect(
      try RDataText.parse(type: .soa, text: text)
        == RDataText.parse(type: .soa, text: "ns. admin. 1 7200 900 1209600 300"))
    #expect(try RDataText.parse(type: .txt, text: #"a\;b"#) == Array("\u{3}a;b".utf8))
  }

  @Test func `digits may be cut into words`() throws {
    #expect(
      try RDataText.parse(type: .dnskey, text: "257 3 8 AwEA AQ==")
        == RDataText.parse(type: .dnskey, text: "257 3 8 AwEAAQ=="))
    #expect(
      try RDataText.parse(type: .ds, text: "1 1 1 A BC D")
        == RDataText.parse(type: .ds, text: "1 1 1 abcd"))
  }

  @Test func `service parameters are sorted by key (RFC 9460 §2.2)`() throws {
    #expect(
      try RDataText.parse(type: .https, text: #"1 . port=443 alpn=h2 mandatory=port,alpn"#)
        == RDataText.parse(type: .https, text: #"1 . mandatory=alpn,port alpn="h2" port=443"#))
  }

  @Test func `a location's minutes, seconds and precisions may be left out (RFC 1876 §3)`() throws {
    #expect(
      try RDataText.text(
        type: .loc, rdata: RDataText.parse(type: .loc, text: "52 N 4 30 w 1.5"))
        == "52 0 0.000 N 4 30 0.000 W 1.50m 1.00m 10000.00m 10.00m")
  }

  @Test(
    arguments: [
      (0, "19700101000000"), (68_169_600, "19720229000000"), (951_782_400, "20000229000000"),
      (951_868_799, "20000229235959"), (4_294_967_295, "21060207062815"),
    ] as [(UInt32, String)])
  func `times are dates in UTC (RFC 4034 §3.2)`(seconds: UInt32, text: String) {
    #expect(Timestamp(seconds: seconds).text == text)
    #expect(Timestamp(Array(text.utf8)[...])?.seconds == seconds)
    #expect(Timestamp(Array("\(seconds)".utf8)[...])?.seconds == seconds)
  }

  @Test(
    arguments: [
      ("", "", ""), ("f", "Zg==", "CO"), ("fo", "Zm8=", "CPNG"), ("foo", "Zm9v", "CPNMU"),
      ("foob", "Zm9vYg==", "CPNMUOG"), ("fooba", "Zm9vYmE=", "CPNMUOJ1"),
      ("foobar", "Zm9vYmFy", "CPNMUOJ1E8"),
    ])
  func `octets are written in base64 and base32hex (RFC 4648 §10)`(
    plain: String, base64: String, base32: String
  ) {
    #expect(BaseEncoding.base64.text(plain.utf8) == base64)
    #expect(BaseEncoding.base32Hex.text(plain.utf8) == base32)
    #expect(BaseEncoding.base64.octets(base64.utf8) == Array(plain.utf8))
    #expect(BaseEncoding.base32Hex.octets(base32.lowercased().utf8) == Array(plain.utf8))
  }
}
