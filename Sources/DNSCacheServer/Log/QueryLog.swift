import DNSService
import DNSWire
import EventLoop
import Memory
import Observability

/// Writes a line of the log for each query (`--log-queries`).
final class QueryLog {
  private let sink: LogSink
  private let line: Pinned<QueryLine>

  init(_ sink: LogSink) {
    self.sink = sink
    line = Pinned(QueryLine(prefix: sink.prefix(.info)))
  }

  deinit { line.destroy() }

  /// Writes the line of a query that was answered at once, or not at all; none if it waits.
  ///
  /// - Parameters:
  ///   - query: the client's packet.
  ///   - reply: what begins with the answer.
  func note(
    _ query: Span<UInt8>, _ verdict: Service.Verdict, _ reply: Span<UInt8>,
    from client: IPAddress, isTCP: Bool, began: UInt64
  ) {
    let (count, source): (Int, AnswerSource)
    switch verdict {
    case .reply(let octets, let from): (count, source) = (octets, from)
    case .withheld: (count, source) = (0, .limited)
    case .ignored, .waiting: return
    }
    let entry = QueryEntry(
      client: client, isTCP: isTCP, source: source,
      rcode: QueryLog.rcode(reply.extracting(0..<count)),
      microseconds: EventLoop.preciseNow() &- began)
    put(entry, query)
  }

  /// Writes the line of a query that has waited.
  func note(_ delivery: Service.Delivery, answer: Span<UInt8>) {
    let entry = QueryEntry(
      client: delivery.address, isTCP: delivery.transport == .tcp,
      source: delivery.source, rcode: QueryLog.rcode(answer),
      microseconds: EventLoop.preciseNow() &- delivery.path.arrived)
    put(entry, answer)
  }

  private func put(_ entry: QueryEntry, _ message: Span<UInt8>) {
    let hasQuestion = message.count > MessageHeader.size && message.load16(4) == 1
    let start = hasQuestion ? MessageHeader.size : message.count
    line.value.write(entry, question: message.extracting(start..<message.count))
    sink.take(line.value.line)
  }

  /// An answer's code, with the bits that OPT has if there is nothing else behind the question.
  private static func rcode(_ answer: Span<UInt8>) -> ResponseCode? {
    guard answer.count >= MessageHeader.size else { return nil }
    let header = answer[3] & 0xF
    guard answer.load16(4) == 1, answer.load32(6) == 0, answer.load16(10) == 1,
      let end = try? WireName.endOfPlain(answer, at: MessageHeader.size)
    else { return ResponseCode(headerBits: header, extendedBits: 0) }
    let opt = end + 4
    guard opt + 6 <= answer.count, answer[opt] == 0,
      answer.load16(opt + 1) == RecordType.opt.rawValue
    else { return ResponseCode(headerBits: header, extendedBits: 0) }
    return ResponseCode(headerBits: header, extendedBits: answer[opt + 5])
  }
}
