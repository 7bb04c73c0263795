import DNSExchange
import DNSResolver
import DNSWire
import Testing

@testable import DNSService

// Short ways to say what most tests say.

extension Host {
  /// The octets that a client gets for a packet at once, nothing when it gets none.
  func answer(
    to packet: [UInt8], from address: IPAddress = Host.client,
    over transport: Service.Transport = .udp
  ) -> [UInt8]? {
    for case .replied(_, _, let octets) in ask(packet, from: address, over: transport) {
      return octets
    }
    return nil
  }

  /// What a client gets for a query at once.
  func answer(
    to query: Message, from address: IPAddress = Host.client,
    over transport: Service.Transport = .udp
  ) throws -> Message {
    try Message(parsing: #require(answer(to: query.encoded(), from: address, over: transport)))
  }

  /// Has a client ask over TCP, and upstream truncate its reply.
  ///
  /// - Returns: what then goes to upstream on a connection, and for which question.
  func askOverStream(_ query: [UInt8]) throws -> (question: Purpose, query: Message) {
    guard case .sent(let first, let octets)? = ask(query, over: .tcp).first else {
      throw TestFailure()
    }
    var reply = Message(respondingTo: try Message(parsing: octets))
    reply.tc = true
    let events = receive(reply.encoded(), socket: try #require(first.socket))
    guard case .sent(let second, let again)? = events.first, second.socket == nil else {
      throw TestFailure()
    }
    return (second.purpose, try Message(parsing: again))
  }

  /// Has the resolver ask for a name and gives it an answer, so that it is known afterwards.
  func learn(_ name: Name, _ type: RecordType, _ records: [Record]) throws {
    let query = Message(query: name, type, edns: EDNS(udpSize: 1_232))
    let events = ask(query.encoded(compress: false), over: .tcp)
    guard case .sent(let sent, let octets)? = events.first else {
      Issue.record("nothing was asked for \(name) \(type)")
      return
    }
    var reply = Message(respondingTo: try Message(parsing: octets), answers: records)
    reply.ra = true
    // What a datagram may not hold comes over TCP, as it would from an honest upstream.
    reply.tc = reply.encoded().count > ServiceSettings.udpSize
    let more = receive(reply.encoded(), socket: try #require(sent.socket))
    guard reply.tc else { return }
    guard case .sent(let stream, _)? = more.first else {
      Issue.record("TCP was not tried for \(name) \(type)")
      return
    }
    reply.tc = false
    reply.id = stream.id
    _ = receive(reply.encoded(), stream: stream.purpose)
  }

  /// Makes an address of a name known.
  func learn(_ line: String) throws {
    let record = try Record(line)
    try learn(record.name, record.type, [record])
  }
}
