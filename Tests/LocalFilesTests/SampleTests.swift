import DNSWire
import Foundation
import Testing

@testable import LocalFiles

/// Files as their programs write them, from beginning to end.
@Suite("Files as programs write them")
struct SampleTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Samples")

  private let domain: Name
  /// 2025-11-13, 02:13:20 UTC.
  private let now: Int64 = 1_763_000_000

  init() throws { domain = try Name("home.arpa") }

  private func octets(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: SampleTests.folder.appending(path: name)))
  }

  /// What leases there are, without the names that have no domain.
  private func leases(_ files: String...) throws -> (names: [String], refused: [String]) {
    var file = LeaseFile()
    var table = LeaseTable()
    for name in files {
      for (index, line) in lines(try octets(name), pieces: 100).enumerated() {
        guard case .whole(let text, let isEnded) = line else { continue }
        for event in file.read(text, number: index + 1, isEnded: isEnded) {
          switch event {
          case .lease(let lease): table.take(lease)
          case .mistake(let mistake): Issue.record("\(name): \(mistake)")
          }
        }
      }
    }
    var names: [String] = []
    var refused: [String] = []
    while let outcome = table.next(domain: domain, now: now) {
      switch outcome {
      case .records(let records): names += texts(records).filter { $0.contains(".home.arpa. A") }
      case .refused(let refusal): refused.append(refusal.label)
      case .nothing: break
      }
    }
    return (names, refused)
  }

  @Test func `a Debian hosts file`() throws {
    let file = HostsFile(domain: domain)
    let found = lines(try octets("hosts")).enumerated().flatMap { index, line -> [String] in
      guard case .whole(let text, _) = line else { return [] }
      return texts(file.read(text, number: index + 1))
    }
    #expect(
      found.filter { $0 != "ignored" } == [
        "nas.home.arpa. A 192.168.1.5", "nas. A 192.168.1.5", "nas.example.net. A 192.168.1.5",
        "(5.1.168.192.in-addr.arpa. PTR nas.home.arpa.)",
        "printer.home.arpa. A 192.168.1.10", "printer. A 192.168.1.10",
        "(10.1.168.192.in-addr.arpa. PTR printer.home.arpa.)",
        "printer.home.arpa. AAAA fd12:3456:789a::10", "printer. AAAA fd12:3456:789a::10",
        "(0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa. PTR printer.home.arpa.)",
        "tracker.example. A 0.0.0.0",
      ])
    #expect(found.count { $0 == "ignored" } == 6)
  }

  @Test func `dnsmasq's leases of both families`() throws {
    let found = try leases("dnsmasq.leases")
    #expect(
      found.names == [
        "janes-phone.home.arpa. A 192.168.1.101", "tv.home.arpa. A 192.168.1.103",
        "janes-phone.home.arpa. AAAA fd12:3456:789a::101",
        "janes-phone.home.arpa. AAAA 2001:db8:1::101",
      ])
    #expect(found.refused == ["wpad"])
  }

  @Test func `odhcpd's leases`() throws {
    #expect(
      try leases("odhcpd.leases").names == [
        "janes-phone.home.arpa. AAAA fd12:3456:789a::101",
        "janes-phone.home.arpa. AAAA 2001:db8:1::101",
        "janes-phone.home.arpa. A 192.168.1.101", "tv.home.arpa. A 192.168.1.103",
      ])
  }

  @Test func `ISC's leases`() throws {
    #expect(
      try leases("dhcpd.leases").names == [
        "janes-phone.home.arpa. A 192.168.1.101", "living-room-tv.home.arpa. A 192.168.1.103",
      ])
  }

  @Test func `Kea's leases while its clean-up is at work`() throws {
    #expect(
      try leases("kea-leases4.csv.2", "kea-leases4.csv.1", "kea-leases4.csv").names == [
        "janes-phone.home.arpa. A 192.168.1.101", "tv.home.arpa. A 192.168.1.103",
        "camera.home.arpa. A 192.168.1.106",
      ])
    #expect(
      try leases("kea-leases6.csv").names == [
        "janes-phone.home.arpa. AAAA fd12:3456:789a::101",
        "janes-phone.home.arpa. AAAA 2001:db8:1::101",
      ])
  }

  @Test func `a zone file as BIND reads it`() throws {
    var file = ZoneFile(zone: try Name("lab.example"), ttl: 60)
    var found: [String] = []
    for (index, line) in lines(try octets("lab.zone")).enumerated() {
      guard case .whole(let text, _) = line else { continue }
      found += texts(file.read(text, number: index + 1))
    }
    found += texts(file.finish())
    #expect(
      found == [
        "lab.example. 3600 SOA ns.lab.example. hostmaster.lab.example. 2025111301 10800 900 604800 300",
        "lab.example. 3600 NS ns.lab.example.", "ns.lab.example. 3600 A 192.168.2.1",
        "ns.lab.example. 3600 AAAA fd12:3456:789a:2::1",
        "www.lab.example. 30 CNAME ns.lab.example.",
        "mail.lab.example. 86400 MX 10 ns.lab.example.",
        "text.lab.example. 3600 TXT \"a; b\" \"c (d)\"", "*.dev.lab.example. 3600 A 192.168.2.9",
        "_ipp._tcp.lab.example. 3600 SRV 0 0 631 printer.lab.example.",
        "printer.lab.example. 3600 A 192.168.2.10",
      ])
  }
}
