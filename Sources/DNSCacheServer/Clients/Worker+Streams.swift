import Configuration
import DNSService
import DNSWire
import EventLoop
import Memory
import System

// Clients over TCP.

extension Worker {
  /// Answers a message that came on a stream.
  ///
  /// - Returns: what became of it.
  mutating func serve(
    _ message: Span<UInt8>, from peer: Endpoint, stream: UInt32,
    _ answer: (Span<UInt8>) -> Void
  ) -> Service.Verdict {
    let began = readClock()
    let address = peer.address
    service.note(message, as: 0)
    if let sample = seen.value.sample(of: 1, at: began) {
      note(sample, noted: 0, message, from: address)
    }
    // Copied: borrowing `self.reply` would overlap with the change of what else is in `self`.
    let buffer = reply
    var target = buffer.value.mutableSpan
    let verdict = service.receive(
      message, noted: 0, from: address, over: .tcp, reply: &target, cache: &cache,
      resolver: &resolver, now: began / 1_000)
    queryLog?.note(message, verdict, buffer.value.span, from: address, isTCP: true, began: began)
    if service.hasFailed { noteFailures() }
    let outcome = outcome(verdict, rcode: buffer.value[3])
    if ring.value.capacity > 0, outcome.source != nil {
      let now = EventLoop.preciseNow()
      ring.value.note(
        message, outcome, from: address, over: .tcp, microseconds: now &- began, at: now / 1_000)
    }
    switch verdict {
    case .reply(let count, let source):
      answer(buffer.value.span.extracting(0..<count))
      if source == .hit { seen.value.noteHits(1, microseconds: EventLoop.preciseNow() &- began) }
    case .waiting(let client):
      service.keep(ReturnPath(source: stream, arrived: began), for: client)
    case .withheld, .ignored: break
    }
    return verdict
  }
}
