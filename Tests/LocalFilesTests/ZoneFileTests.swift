import DNSWire
import Testing

@testable import LocalFiles

@Suite("Zone files")
struct ZoneFileTests {
  private func read(_ text: String, _ start: ZoneFile) -> [String] {
    var file = start
    var found: [String] = []
    for (index, line) in lines(Array(text.utf8)).enumerated() {
      guard case .whole(let octets, _) = line else { continue }
      found += texts(file.read(octets, number: index + 1))
    }
    return found + texts(file.finish())
  }

  private func zone(_ text: String) throws -> [String] {
    read(text, ZoneFile(zone: try Name("lab.example"), ttl: 60))
  }

  private func records(_ text: String, domain: String? = "home.arpa") throws -> [String] {
    read(text, ZoneFile(recordsIn: try domain.map { try Name($0) }, ttl: 60))
  }

  @Test func `a whole zone is read`() throws {
    let text = """
      ; the lab
      $TTL 1h
      @   IN SOA ns hostmaster ( 1      ; serial
             1h 20m 1w
             5m )
          IN NS  ns
      ns     A   192.168.2.1
      www 30 IN CNAME ns
      mail   MX 10 ns.lab.example.
      $ORIGIN sub.lab.example.
      host   AAAA fd00::1
             TXT "a ; b" (
                 "c" )
      *      A 192.168.2.9
      """
    #expect(
      try zone(text) == [
        "lab.example. 3600 SOA ns.lab.example. hostmaster.lab.example. 1 3600 1200 604800 300",
        "lab.example. 3600 NS ns.lab.example.", "ns.lab.example. 3600 A 192.168.2.1",
        "www.lab.example. 30 CNAME ns.lab.example.",
        "mail.lab.example. 3600 MX 10 ns.lab.example.", "host.sub.lab.example. 3600 AAAA fd00::1",
        "host.sub.lab.example. 3600 TXT \"a ; b\" \"c\"", "*.sub.lab.example. 3600 A 192.168.2.9",
      ])
  }

  @Test(
    arguments: [
      ("$INCLUDE other.zone", "$INCLUDE is not carried out here; write the records themselves"),
      (
        "$GENERATE 1-9 h$ A 10.0.0.$",
        "$GENERATE is not carried out here; write the records themselves"
      ),
      ("$FOO", "$FOO: not a directive; $ORIGIN NAME and $TTL TIME are"),
      (
        "  A 10.0.0.1",
        "no owner; a line that begins with a blank goes on with the name of the one before"
      ),
      ("x A 10.0.0", "an address is none; A has one of IPv4, AAAA one of IPv6"),
      ("x A 10.0.0.1 10.0.0.2", "there is more than this type has"),
      ("x FOO bar", "no such type of records"),
      ("x CH A 10.0.0.1", "the class is not IN; leave it out"),
      ("a..b A 10.0.0.1", "a name is none: labels have 1 to 63 octets, all of it 255"),
      ("x.example.net. A 10.0.0.1", "x.example.net. is not in the zone lab.example."),
      (
        "sub NS ns",
        "zones are not handed on to other servers here; write a route for sub.lab.example."
      ),
      ("x DS 1 8 2 00", "local data is not signed; leave DS out"),
      ("x TXT \"open", "a parenthesis or a quote is not closed"),
      ("x A (10.0.0.1", "a parenthesis or a quote is not closed"),
    ])
  func `a wrong line is said, and costs itself`(line: String, expected: String) throws {
    let found = try zone("\(line)\n")
    #expect(found.contains { $0.hasPrefix("! ") && $0.hasSuffix(expected) }, "\(found)")
    if !line.contains("(") {
      #expect(try zone("\(line)\ngood A 10.0.0.1").last == "good.lab.example. 60 A 10.0.0.1")
    }
  }

  @Test func `records of the configuration lead back from addresses`() throws {
    #expect(
      try records("nas A 192.168.1.5\n*.dev A 192.168.1.6\nx.example.net. A 192.168.1.7") == [
        "nas.home.arpa. 60 A 192.168.1.5", "(5.1.168.192.in-addr.arpa. PTR nas.home.arpa.)",
        "*.dev.home.arpa. 60 A 192.168.1.6", "x.example.net. 60 A 192.168.1.7",
        "(7.1.168.192.in-addr.arpa. PTR x.example.net.)",
      ])
    #expect(
      try records("nas A 192.168.1.5", domain: nil) == [
        "! 1: a name without a final dot, and there is no domain that it could be in; write nas.home.arpa. or set local.domain"
      ])
    #expect(try records("a. CNAME b", domain: nil).first?.contains("final dot") == true)
  }
}
