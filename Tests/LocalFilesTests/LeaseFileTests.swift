import DNSWire
import Testing

@testable import LocalFiles

@Suite("Files of leases")
struct LeaseFileTests {
  private struct Read {
    var format: LeaseFile.Format?
    var records: [String]
    var refusals: [String]
    var mistakes: [String] = []
    var nextEnd: Int64?
  }

  private func read(_ text: String, now: Int64 = 1_763_000_000) throws -> Read {
    var file = LeaseFile()
    var table = LeaseTable()
    var mistakes: [String] = []
    for (index, line) in lines(Array(text.utf8)).enumerated() {
      guard case .whole(let octets, let isEnded) = line else { continue }
      for event in file.read(octets, number: index + 1, isEnded: isEnded) {
        switch event {
        case .lease(let lease): table.take(lease)
        case .mistake(let mistake): mistakes.append("\(mistake.line): \(mistake.text)")
        }
      }
    }
    var records: [LocalFileEvent] = []
    var refusals: [String] = []
    while let outcome = table.next(domain: try Name("home.arpa"), now: now) {
      switch outcome {
      case .records(let found): records += found
      case .refused(let refusal): refusals.append("\(refusal.label) \(refusal.why)")
      case .nothing: break
      }
    }
    return Read(
      format: file.format,
      // The names in the domain, without the way back.
      records: texts(records).filter { $0.contains(".home.arpa. ") },
      refusals: refusals, mistakes: mistakes, nextEnd: table.nextEnd)
  }

  @Test func `dnsmasq's file`() throws {
    let found = try read(
      """
      1763003600 52:54:00:12:34:56 192.168.1.20 Phone 01:52:54:00:12:34:56
      0 52:54:00:12:34:57 192.168.1.21 tv *
      1762999999 52:54:00:12:34:58 192.168.1.22 over *
      1763003600 52:54:00:12:34:59 192.168.1.23 * *
      1763003601 52:54:00:12:34:5a 192.168.1.24 wpad *
      duid 00:01:00:01:2c:aa:bb:cc:52:54:00:12:34:56
      1763003602 305419896 fd00::20 Phone 00:01:00:01
      1763003600 52:54:00:12:34:5b 192.168.1.25 half

      """)
    #expect(found.format == .dnsmasq)
    #expect(
      found.records == [
        "phone.home.arpa. A 192.168.1.20", "tv.home.arpa. A 192.168.1.21",
        "phone.home.arpa. AAAA fd00::20", "half.home.arpa. A 192.168.1.25",
      ])
    #expect(found.refusals == ["wpad is a name that programs rely on"])
    #expect(found.nextEnd == 1_763_003_600)
  }

  @Test func `a row that is being written says nothing yet`() throws {
    let found = try read(
      "1763003600 52:54:00:12:34:56 192.168.1.20 phone *\n1763003600 52:54:00:12:34:56 192.168.1.2")
    #expect(found.records == ["phone.home.arpa. A 192.168.1.20"])
    #expect(found.mistakes == [])
  }

  @Test func `odhcpd's file`() throws {
    let found = try read(
      """
      # br-lan 00010001 12345678 laptop 1763003600 1 128 fd00::21/128 2001:db8::21/128
      fd00::21\tlaptop
      # br-lan 525400123456 ipv4 phone 1763003600 c0a80114 32 192.168.1.20/32
      192.168.1.20\tphone
      # br-lan 00010002 12345679 router -1 2 62 fd00:0:0:4::/62
      # br-lan 525400123457 ipv4 - -1 c0a80115 32 192.168.1.21/32

      """)
    #expect(found.format == .odhcpd)
    #expect(
      found.records == [
        "laptop.home.arpa. AAAA fd00::21", "laptop.home.arpa. AAAA 2001:db8::21",
        "phone.home.arpa. A 192.168.1.20",
      ])
  }

  @Test func `ISC's file, of which the last block of an address counts`() throws {
    let found = try read(
      """
      # The format of this file is documented in the dhcpd.leases(5) manual page.
      authoring-byte-order little-endian;

      lease 192.168.1.20 {
        starts 4 2025/11/13 01:00:00;
        ends 4 2025/11/13 03:13:20;
        binding state active;
        next binding state free;
        hardware ethernet 52:54:00:12:34:56;
        client-hostname "phone";
      }
      lease 192.168.1.21 {
        ends epoch 1763003600; # Thu Nov 13 2025
        binding state active;
        client-hostname "tv";
      }
      lease 192.168.1.22 {
        ends never;
        binding state active;
        client-hostname "John's iPhone (2)";
      }
      lease 192.168.1.21 {
        ends 4 2025/11/13 02:00:00;
        binding state free;
      }
      lease 192.168.1.23 {
        ends 4 2025/11/13 02:00:00;
        binding state act
      """, now: 1_763_000_000)
    #expect(found.format == .isc)
    #expect(
      found.records == [
        "phone.home.arpa. A 192.168.1.20", "johns-iphone-2.home.arpa. A 192.168.1.22",
      ])
    #expect(found.nextEnd == 1_763_003_600)
  }

  @Test func `Kea's files, of which the last row of an address counts`() throws {
    let header =
      "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id"
    let found = try read(
      """
      \(header)
      192.168.1.20,52:54:00:12:34:56,,3600,1763003600,1,1,1,phone.home.arpa.,0,,0
      192.168.1.21,52:54:00:12:34:57,,3600,1763003600,1,0,0,tv,0,,0
      192.168.1.22,52:54:00:12:34:58,,3600,1763003600,1,0,0,declined,1,,0
      192.168.1.23,52:54:00:12:34:59,,4294967295,1763003600,1,0,0,ever,0,,0
      \(header)
      192.168.1.21,52:54:00:12:34:57,,0,1763000100,1,0,0,tv,0,,0
      192.168.1.24,broken

      """)
    #expect(found.format == .kea)
    #expect(
      found.records == ["phone.home.arpa. A 192.168.1.20", "ever.home.arpa. A 192.168.1.23"])
    #expect(found.mistakes == ["8: not a lease of Kea: its address or its end is missing"])
    let six = try read(
      """
      address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state,user_context,hwtype,hwaddr_source,pool_id
      fd00::20,00:01,3600,1763003600,1,1800,0,7,128,0,0,phone,,0,,,,0
      fd00:1::,00:01,3600,1763003600,1,1800,2,7,56,0,0,router,,0,,,,0

      """)
    #expect(six.records == ["phone.home.arpa. AAAA fd00::20"])
  }

  @Test func `of two leases with one name the newer counts`() throws {
    let found = try read(
      """
      1763003600 52:54:00:12:34:56 192.168.1.20 phone *
      1763003700 52:54:00:12:34:57 192.168.1.21 phone *
      1763003650 52:54:00:12:34:58 192.168.1.22 phone *

      """)
    #expect(found.records == ["phone.home.arpa. A 192.168.1.21"])
    #expect(found.refusals.count == 2)
  }

  @Test func `files of Kea's clean-up belong to the file`() {
    func paths(_ there: Set<String>) -> [String] {
      LeaseFile.paths(of: "l.csv") { there.contains($0) }
    }
    #expect(paths([]) == ["l.csv"])
    #expect(paths(["l.csv.2", "l.csv.1"]) == ["l.csv.2", "l.csv.1", "l.csv"])
    #expect(paths(["l.csv.completed", "l.csv.2", "l.csv.1"]) == ["l.csv.completed", "l.csv"])
  }

  @Test(arguments: ["<html>\n", "lease 192.168.1.300 {\n}\n", "1 2 3 4\n", "\u{0}\u{1}\n", "{}\n"])
  func `what is no file of leases is said`(text: String) throws {
    let found = try read(text)
    #expect(found.records.isEmpty && !found.mistakes.isEmpty)
  }
}
