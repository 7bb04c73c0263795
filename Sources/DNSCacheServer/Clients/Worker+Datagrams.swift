import Configuration
import DNSService
import DNSWire
import EventLoop
import Memory
import Observability

// Clients over UDP.

extension Worker {
  /// Datagrams read from one client socket before others are looked at; the batch that gets
  /// there is answered whole.
  private static let datagramsPerTick = 128

  /// Datagrams of a batch from which on another is looked for at once.
  private static let busyBatch = 2

  /// Answers what waits on a client socket.
  ///
  /// While several come together, more will have come by the time that they are answered: looking for
  /// them at once is cheaper than by way of the loop.
  mutating func serve(_ socket: DatagramSocket, number: UInt32) {
    var began = readClock()
    var taken = 0
    while taken < Worker.datagramsPerTick {
      let count = socket.receiveBatch()
      if count == 0 { break }
      let hits = serveBatch(socket, count, number: number, began: began)
      socket.flush()
      let ended = readClock()
      seen.value.noteHits(hits, microseconds: ended &- began)
      if ring.value.capacity > 0 { note(count, of: socket, began: began, ended: ended) }
      if service.hasFailed { noteFailures() }
      if hasFollowUp { drainActions(now: ended / 1_000) }
      if count < Worker.busyBatch { break }
      taken &+= count
      began = ended
    }
  }

  /// Answers what waits on all client sockets, in the midst of other work.
  mutating func serveDatagrams() {
    for (number, socket) in datagrams.enumerated() { serve(socket, number: UInt32(number)) }
  }

  /// Answers the datagrams of a batch.
  ///
  /// - Returns: how many were hits.
  @inline(__always)
  private mutating func serveBatch(
    _ socket: DatagramSocket, _ count: Int, number: UInt32, began: UInt64
  ) -> UInt64 {
    let now = began / 1_000
    for index in 0..<count { service.note(socket.received(index), as: index) }
    if count > 1 { service.anticipate(count, in: &cache) }
    sample(socket, of: count, at: began)
    var hits: UInt64 = 0
    if queryLog != nil {
      for index in 0..<count where serveLogged(socket, index, number: number, now: now) {
        hits &+= 1
      }
    } else {
      for index in 0..<count
      where serve(socket, index, number: number, began: began, now: now) {
        hits &+= 1
      }
    }
    return hits
  }

  /// Writes the queries of a batch that were answered at once into the ring of the last ones.
  ///
  /// After they were sent: nobody waits for it.
  @inline(never)
  private mutating func note(
    _ count: Int, of socket: DatagramSocket, began: UInt64, ended: UInt64
  ) {
    let ring = ring
    for index in 0..<count {
      let outcome = outcomes[index]
      if outcome.source == nil { continue }
      ring.value.note(
        socket.received(index), outcome, from: socket.sender(index).address, over: .udp,
        microseconds: ended &- began, at: ended / 1_000)
    }
  }

  /// Whether queries left something for ``drainActions(now:)``: hits alone leave nothing, and are most.
  private var hasFollowUp: Bool {
    resolver.hasWork || cache.hasPrefetchCandidates || deadlineToSet != nil
  }

  /// Counts a query of a batch for all of them.
  @inline(never)
  private mutating func sample(_ socket: DatagramSocket, of count: Int, at time: UInt64) {
    guard let sample = seen.value.sample(of: count, at: time) else { return }
    note(
      sample, noted: sample.index, socket.received(sample.index),
      from: socket.sender(sample.index).address)
  }

  /// Answers one datagram: what a hit costs beside its share of the batch.
  ///
  /// - Returns: whether it was a hit.
  @inline(never)
  private mutating func serve(
    _ socket: DatagramSocket, _ index: Int, number: UInt32, began: UInt64, now: UInt64
  ) -> Bool {
    var client: UInt32?
    var isHit = false
    socket.withReply(toReceived: index) { reply in
      let verdict = service.receive(
        socket.received(index), noted: index, from: socket.sender(index).address, over: .udp,
        reply: &reply, cache: &cache, resolver: &resolver, now: now)
      outcomes[index] = outcome(verdict, rcode: reply[3])
      switch verdict {
      case .reply(let count, let source):
        isHit = source == .hit
        return count
      case .withheld, .ignored: return 0
      case .waiting(let number):
        client = number
        return 0
      }
    }
    if let client {
      service.keep(ReturnPath(socket.peer(index), source: number, arrived: began), for: client)
    }
    return isHit
  }

  /// Answers one datagram, and writes its line.
  ///
  /// - Returns: whether it was a hit.
  @inline(never)
  private mutating func serveLogged(
    _ socket: DatagramSocket, _ index: Int, number: UInt32, now: UInt64
  ) -> Bool {
    guard let queryLog else { return false }
    let began = EventLoop.preciseNow()
    let address = socket.sender(index).address
    var client: UInt32?
    var isHit = false
    socket.withReply(toReceived: index) { reply in
      let query = socket.received(index)
      let verdict = service.receive(
        query, noted: index, from: address, over: .udp, reply: &reply, cache: &cache,
        resolver: &resolver, now: now)
      queryLog.note(
        query, verdict, reply.span, from: address, isTCP: false, began: began)
      outcomes[index] = outcome(verdict, rcode: reply[3])
      switch verdict {
      case .reply(let count, let source):
        isHit = source == .hit
        return count
      case .withheld, .ignored: return 0
      case .waiting(let number):
        client = number
        return 0
      }
    }
    if let client {
      service.keep(ReturnPath(socket.peer(index), source: number, arrived: began), for: client)
    }
    return isHit
  }
}

/// Hands clients' datagrams to the worker.
final class ClientDatagrams: DatagramReceiver {
  private let worker: Pinned<Worker>
  private let number: UInt32

  /// - Parameter number: the socket's place among the worker's.
  init(_ worker: Pinned<Worker>, number: UInt32) {
    self.worker = worker
    self.number = number
    super.init()
  }

  override func datagramsReady(_ socket: DatagramSocket) {
    worker.value.serve(socket, number: number)
  }
}
