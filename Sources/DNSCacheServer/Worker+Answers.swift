import DNSExchange
import DNSResolver
import DNSService
import DNSWire
import EventLoop
import Memory
import Observability

// What follows from everything that comes in: packets to upstream, and answers.

extension Worker {
  /// The same, at a time when nothing has read the clock.
  mutating func drainActions() { drainActions(now: readClock() / 1_000) }

  /// Does what the resolver wants done and composes the answers that are ready, to be sent at the end of
  /// the tick; call it after everything that changes the resolver.
  mutating func drainActions(now: UInt64) {
    deliverAnswers(now: now)
    // Held once for everything that there is to do.
    if let upstreams, let upstreamStreams {
      while let action = resolver.exchanges.nextAction() {
        send(action, upstreams, upstreamStreams, now: now)
        if resolver.hasCompletions { deliverAnswers(now: now) }
      }
    }
    requestTickEnd()
  }

  private mutating func send(
    _ action: Action, _ upstreams: UpstreamSockets, _ streams: UpstreamStreams, now: UInt64
  ) {
    let buffer = query
    switch action {
    case .send(let outgoing):
      var target = buffer.value.mutableSpan
      var writer = MessageWriter(&target, limit: target.count)
      let count = resolver.exchanges.writeQuery(outgoing, into: &writer)
      guard let socket = outgoing.socket else { return }
      if !upstreams.send(buffer.value.span.extracting(0..<count), from: socket) {
        resolver.socketFailed(socket, id: outgoing.id, now: now)
      }
    case .openStream(let outgoing):
      var target = buffer.value.mutableSpan
      var writer = MessageWriter(&target, limit: target.count)
      let count = resolver.exchanges.writeQuery(outgoing, into: &writer)
      if !streams.open(outgoing, query: buffer.value.span.extracting(0..<count)) {
        resolver.streamFailed(outgoing.purpose, now: now)
      }
    case .closeStream(let purpose):
      streams.close(purpose)
    }
  }

  /// The client socket that the last answer left from, held so that the next needn't count references.
  struct LentSocket {
    var number = UInt32.max
    var socket: DatagramSocket?
  }

  mutating func deliverAnswers(now: UInt64) {
    var lent = LentSocket()
    deliverAnswers(now: now, &lent)
  }

  /// Sends the answers that no longer have to wait.
  mutating func deliverAnswers(now: UInt64, _ lent: inout LentSocket) {
    let buffer = reply
    while true {
      var target = buffer.value.mutableSpan
      guard
        let ready = service.nextReply(
          into: &target, cache: &cache, resolver: &resolver, now: now)
      else { return }
      if service.hasFailed { noteFailures() }
      if answeredCount == answered.count { noteAnswered(at: EventLoop.preciseNow()) }
      answered[answeredCount] = ready.path.arrived
      answeredCount += 1
      let octets = buffer.value.span.extracting(0..<ready.count)
      queryLog?.note(ready, answer: octets)
      if ring.value.capacity > 0 { note(ready, octets, at: EventLoop.preciseNow()) }
      switch ready.transport {
      case .udp:
        let number = ready.path.source
        if lent.number != number {
          lent = LentSocket(number: number, socket: datagrams[Int(number)])
        }
        lent.socket?.withReply(to: Peer(ready)) { target in
          target.store(octets, 0)
          return octets.count
        }
      case .tcp:
        streams?.send(octets, to: ready.path.source)
      }
    }
  }

  /// Writes a query that has waited into the ring of the last ones.
  private func note(_ ready: Service.Delivery, _ answer: Span<UInt8>, at time: UInt64) {
    let rcode = answer.count > 3 ? answer[3] & 0xF : QueryOutcome.none
    ring.value.note(
      answer,
      QueryOutcome(
        ready.source, rcode: rcode,
        list: ready.source == .blocked ? blockingList : QueryOutcome.none),
      from: ready.address, over: ready.transport,
      microseconds: time &- min(ready.path.arrived, time), at: time / 1_000)
  }

  /// Notes how long those waited who were answered since the last call.
  mutating func noteAnswered(at time: UInt64) {
    for index in 0..<answeredCount {
      seen.value.noteMiss(microseconds: time &- min(answered[index], time))
    }
    answeredCount = 0
  }
}
