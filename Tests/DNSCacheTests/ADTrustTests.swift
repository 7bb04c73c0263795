import DNSCache
import DNSWire
import Testing

@Suite("Whose AD is believed")
struct ADTrustTests {
  private static let remote = Endpoint(IPAddress(v4: 0xC000_0201), port: 53)
  private static let here = Endpoint(IPAddress(v6High: 0, low: 1), port: 5_353)

  /// A name from each of two servers, and one of a server that isn't known, all of them with AD.
  private func lab() -> Lab {
    let lab = Lab()
    lab.insert("unknown.example.net. 300 A 192.0.2.1", flags: .authentic)
    lab.source = lab.cache.number(of: Self.remote)
    lab.insert("remote.example.net. 300 A 192.0.2.2", flags: .authentic)
    lab.source = lab.cache.number(of: Self.here)
    lab.insert("here.example.net. 300 A 192.0.2.3", flags: .authentic)
    return lab
  }

  private func authentic(_ lab: Lab) -> [String] {
    lab.contents().filter { $0.contains("\(RRsetFlags.authentic)") }
      .compactMap { $0.split(separator: ".").first.map(String.init) }.sorted()
  }

  @Test func `auto believes loopback addresses, on all, off none`() {
    for (source, isBelieved) in [
      (Self.here, true), (Self.remote, false),
      (Endpoint(IPAddress(v4: 0x7F01_0203), port: 53), true),
      (Endpoint(IPAddress(v4: 0x0A00_0001), port: 53), false),
      (Endpoint(IPAddress(v6High: 0xFD00_0000_0000_0000, low: 1), port: 53), false),
    ] {
      #expect(ADTrust.auto.includes(source) == isBelieved, "\(source)")
      #expect(ADTrust.on.includes(source))
      #expect(!ADTrust.off.includes(source))
    }
    #expect(!ADTrust.auto.includes(nil))
  }

  @Test(arguments: [
    (ADTrust.on, ["here", "remote", "unknown"]), (.auto, ["here"]), (.off, []),
  ])
  func `what a snapshot brings has AD if its server is believed now`(
    trust: ADTrust, names: [String]
  ) {
    let file = lab().snapshot()
    let other = SnapshotTests.restarted(lab()) { $0.adTrust = trust }
    #expect(other.restore(file).restored == 3)
    #expect(authentic(other) == names)
  }

  @Test(arguments: [
    (ADTrust.on, ["here", "remote", "unknown"]), (.auto, ["here"]), (.off, []),
  ])
  func `other settings take it from what is there`(trust: ADTrust, names: [String]) throws {
    let lab = lab()
    var limits = lab.cache.limits
    limits.adTrust = trust
    lab.cache.reconfigure(limits)
    let cursor = try #require(lab.openCursor())
    while !lab.cache.forgetUnbelievedAD(cursor, names: 1).finished {}
    lab.cache.closeCursor(cursor)
    #expect(authentic(lab) == names)
    #expect(lab.contents().count == 3)
    lab.cache._checkInvariants()
  }
}
