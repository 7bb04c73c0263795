import DNSWire
import Glibc
import LoopFixtures
import System
import Testing

@testable import EventLoop

@Suite("Groups of datagram sockets")
struct DatagramGroupTests {
  let loop: EventLoop
  let server: DatagramSocket
  let taker = Taker()

  init() throws {
    loop = try EventLoop()
    server = try DatagramSocket(
      on: loop, boundTo: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0), receiver: Echo())
  }

  /// Takes one datagram a call.
  final class Taker: DatagramGroupReceiver {
    struct Failure: Equatable {
      let number: Int
      let payload: [UInt8]
    }

    /// What came, by the number of the socket.
    var messages: [Int: [[UInt8]]] = [:]
    var failures: [Failure] = []
    var onMessage: ((Int) -> Void)?

    override func datagramReady(
      _ member: DatagramGroup.Member, number: Int, in group: DatagramGroup
    ) {
      var buffer = [UInt8](repeating: 0, count: 16)
      var octets = buffer.mutableSpan
      guard let length = group.receiveOne(from: member, into: &octets, at: 0, capacity: 16) else {
        return
      }
      messages[number, default: []].append(Array(buffer[0..<length]))
      onMessage?(number)
    }

    override func socketFailed(_ number: Int, error: Int32, payload: Span<UInt8>) {
      #expect(error == ECONNREFUSED)
      failures.append(Failure(number: number, payload: Array(payload)))
    }
  }

  private func group(capacity: Int = 128) throws -> DatagramGroup {
    try DatagramGroup(on: loop, capacity: capacity, receiver: taker)
  }

  private func open(_ numbers: Range<Int>, in group: DatagramGroup) throws -> [DatagramGroup.Member]
  {
    try numbers.map { try group.open(connectedTo: server.localAddress, number: $0) }
  }

  @Test func `what comes on more sockets than one turn takes all comes, under their numbers`()
    throws
  {
    let group = try group()
    let numbers = 0..<DatagramGroup.callsPerTick + 36
    let members = try open(numbers, in: group)
    for octet in [1, 2] as [UInt8] {
      for (number, member) in zip(numbers, members) {
        #expect(group.send([octet, UInt8(number)].span, from: member) == .sent)
      }
    }
    #expect(try loop.turn { taker.messages.values.map(\.count).reduce(0, +) == 2 * numbers.count })
    for number in numbers {
      #expect(taker.messages[number] == [[UInt8(number), 1], [UInt8(number), 2]])
    }
  }

  @Test func `a receiver may close any socket from within a call, one that is ready too`() throws {
    let group = try group()
    let members = try open(0..<10, in: group)
    for member in members { #expect(group.send([7].span, from: member) == .sent) }
    // A turn in which only the server has something; its answers make all ten ready at once.
    try loop.runOnce(blocking: true)
    #expect(server.counters.sent == 10)
    taker.onMessage = { _ in for member in members { group.close(member) } }
    #expect(try loop.turn { group.count == 0 })
    try loop.spin(3)
    #expect(taker.messages.values.map(\.count) == [1])
  }

  @Test func `a place that is taken again doesn't bring back who had it`() throws {
    let group = try group(capacity: 1)
    let first = try group.open(connectedTo: server.localAddress, number: 1)
    group.close(first)
    let second = try group.open(connectedTo: server.localAddress, number: 2)
    #expect(first != second)
    #expect(group.send([1].span, from: first) == .failed(EBADF))
    #expect(group.localAddress(of: first) == nil)
    group.close(first)
    #expect(group.count == 1)
    #expect(group.send([2].span, from: second) == .sent)
    #expect(try loop.turn { taker.messages == [2: [[2]]] })
  }

  @Test func `a full group says so`() throws {
    let group = try group(capacity: 2)
    _ = try open(0..<2, in: group)
    let error = #expect(throws: SystemError.self) { _ = try open(2..<3, in: group) }
    #expect(error?.code == ENOBUFS)
    #expect(group.count == 2)
  }

  @Test func `a refusal is told with the socket's number and what was sent`() throws {
    let port = try ClosedPort(on: loop)
    let group = try group()
    let members = try (0..<3).map { try group.open(connectedTo: port.address, number: $0) }
    #expect(group.send([4, 2].span, from: members[1]) == .sent)
    #expect(try loop.turn { !taker.failures.isEmpty })
    try loop.spin(3)
    #expect(taker.failures == [Taker.Failure(number: 1, payload: [4, 2])])
  }

  @Test func `a refusal that the next send meets is told for both`() throws {
    let port = try ClosedPort(on: loop)
    let group = try group()
    let member = try group.open(connectedTo: port.address, number: 5)
    for octet in 1...3 as ClosedRange<UInt8> {
      #expect(group.send([octet].span, from: member) == .sent)
    }
    #expect(try loop.turn { taker.failures.count == 3 })
    #expect(taker.failures == (1...3).map { Taker.Failure(number: 5, payload: [$0]) })
  }

  @Test func `sockets are closed with their group`() throws {
    let descriptors = openDescriptors()
    for _ in 0..<50 { _ = try open(0..<20, in: group()) }
    #expect(try loop.turn { openDescriptors() < descriptors + 500 })
  }
}
