import EventLoop
import Memory

/// Gathers the answers that a connection gets in one visit, so that they are written in one piece.
struct AnswerGathering: ~Copyable {
  /// Octets that fit: the largest answer with its length.
  private static let capacity = MessageFraming.lengthOctets + 65_535

  private var octets = FixedArray<UInt8>(repeating: 0, count: capacity)
  /// Octets gathered and not written yet.
  private(set) var count = 0

  /// Forgets what was not written: its connection is gone.
  mutating func removeAll() { count = 0 }

  /// Adds an answer to a stream, for which the others must be, too.
  mutating func append(_ answer: Span<UInt8>, to stream: Stream) {
    let size = MessageFraming.lengthOctets + answer.count
    if count + size > octets.count { write(to: stream) }
    guard size <= octets.count else { return }
    let start = count
    count += size
    var target = octets.mutableSpan
    target.store(MessageFraming.length(of: answer).span, start)
    target.store(answer, start + MessageFraming.lengthOctets)
  }

  /// Writes what was gathered to its stream.
  mutating func write(to stream: Stream) {
    stream.write(octets.span.extracting(0..<count))
    count = 0
  }
}
