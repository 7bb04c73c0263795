import DNSWire
import Memory
import Testing

@testable import DNSService

@Suite("Packets that come together")
struct BatchTests {
  private let names = ["www.example.net", "mail.example.net", "a.b.c.example.net", "example.net"]

  private func host() throws -> Host {
    let host = Host()
    for (index, name) in names.enumerated() {
      try host.learn("\(name). 300 IN A 192.0.2.\(index + 1)")
    }
    return host
  }

  private func answer(_ host: Host, _ packet: [UInt8], noted: Int?) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: ServiceSettings.udpSize)
    var reply = buffer.mutableSpan
    let verdict = host.service.receive(
      packet.span, noted: noted, from: Host.client, over: .udp, reply: &reply,
      cache: &host.cache, resolver: &host.resolver, now: host.now)
    guard case .reply(let count, _) = verdict else { return nil }
    return Array(buffer[..<count])
  }

  /// Malformed packets, compressed names and responses among them leave the others as they are.
  @Test func `each packet of a batch gets the answer that it gets alone`() throws {
    let host = try host()
    var batch: [[UInt8]] = []
    for (index, name) in names.enumerated() {
      batch.append(Message(query: try Name(name), .a, id: UInt16(index)).encoded())
      batch.append([[], [1, 2, 3], [UInt8](repeating: 0xFF, count: 40)][index % 3])
      var pointed = batch[batch.count - 2]
      pointed[12] = 0xC0
      batch.append(pointed)
      var response = batch[batch.count - 3]
      response[2] |= 0x80
      batch.append(response)
    }
    let alone = batch.map { answer(host, $0, noted: nil) }
    for (index, packet) in batch.enumerated() { host.service.note(packet.span, as: index) }
    host.service.anticipate(batch.count, in: &host.cache)
    for (index, packet) in batch.enumerated() {
      #expect(answer(host, packet, noted: index) == alone[index])
    }
    let answered = try alone.compactMap { $0 }.map { try Message(parsing: $0).answers.count }
    #expect(answered.reduce(0, +) == names.count)
  }

  @Test func `a name has one hash, read ahead or not`() throws {
    let host = try host()
    let queries = try names.map { Message(query: try Name($0), .a).encoded() }
    for (index, packet) in queries.enumerated() { host.service.note(packet.span, as: index) }
    func hashes() -> [UInt32] {
      var hashes: [UInt32] = []
      for (index, query) in queries.enumerated() {
        host.service.visitNoted(index, of: query.span) { _, hash, _ in hashes.append(hash) }
      }
      return hashes
    }
    let alone = hashes()
    host.service.anticipate(queries.count, in: &host.cache)
    #expect(hashes() == alone && Set(alone).count == names.count)
  }

  @Test func `what a batch before noted is not used again`() throws {
    let host = try host()
    let queries = try names.map { Message(query: try Name($0), .a).encoded() }
    for (index, packet) in queries.enumerated() { host.service.note(packet.span, as: index) }
    let first = answer(host, queries[0], noted: 0)
    // The number is given again, to a packet that was not noted.
    let second = answer(host, queries[1], noted: 0)
    #expect(first == answer(host, queries[0], noted: nil))
    #expect(second == answer(host, queries[1], noted: nil))
  }
}
