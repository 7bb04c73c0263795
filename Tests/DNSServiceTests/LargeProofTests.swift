import DNSWire
import Testing

@testable import DNSService

@Suite("Proofs that are too large to be kept")
struct LargeProofTests {
  private func query(_ name: Name) -> [UInt8] {
    Message(query: name, .a, edns: EDNS(dnssecOK: true)).encoded()
  }

  /// The signature is the largest part; with an SOA of 50 octets, 1,024 octets at the end are what a negative
  /// entry has no room for.
  @Test(arguments: [60_000, 64_300, 64_500, 64_600, 64_700, 65_000])
  func `a negative answer with one fails, and the failure is remembered`(count: Int) throws {
    let host = Host(Host.Options(cacheOctets: 4 << 20))
    let name = try Name("none.example.net")
    let sent = try host.askOverStream(query(name))
    var reply = Message(
      respondingTo: sent.query,
      authority: [
        try Record(
          "example.net. 900 IN SOA ns1.example.net. host.example.net. 1 7200 900 1209600 600"),
        try Record("nona.example.net. 900 IN NSEC nonf.example.net. A"),
        signature(owner: try Name("nona.example.net"), octets: count),
      ], edns: EDNS(dnssecOK: true))
    reply.rcode = .nxDomain
    let message = reply.encoded()
    try #require(message.count <= ServiceSettings.streamSize)
    var answers: [Message] = []
    for case .replied(_, _, let octets) in host.receive(message, stream: sent.question) {
      answers.append(try Message(parsing: octets))
    }
    let answer = try #require(answers.first)
    let isKept = count <= 64_300
    #expect(answer.rcode == (isKept ? .nxDomain : .servFail), "\(count)")
    // Such an answer is given once, as all that is larger than 16 KiB.
    if isKept { return }
    let second = host.ask(query(name), over: .tcp)
    guard case .replied(_, _, let repeated)? = second.first, second.count == 1 else {
      Issue.record("upstream was asked again")
      return
    }
    #expect(try Message(parsing: repeated).rcode == .servFail)
    #expect(host.resolver.counters.failedBefore == 1)
  }

  private func signature(owner: Name, octets: Int) -> Record {
    let signer = [7] + Array("example".utf8) + [3] + Array("net".utf8) + [0]
    let fixed: [UInt8] = [0, 47, 13, 3, 0, 0, 3, 132] + [UInt8](repeating: 1, count: 8) + [0, 7]
    let head = fixed + signer
    return Record(
      name: owner, type: .rrsig, ttl: 900,
      rdata: head + [UInt8](repeating: 0x5A, count: octets - head.count))
  }
}
