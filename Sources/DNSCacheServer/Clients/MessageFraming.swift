import EventLoop
import Memory

/// Messages on streams: each behind two octets of length (RFC 1035 §4.2.2).
enum MessageFraming {
  /// Takes the next whole message off a stream.
  ///
  /// - Returns: whether there was one.
  static func next(_ stream: Stream, _ body: (Span<UInt8>) -> Void) -> Bool {
    guard stream.readableBytes >= 2, let length = stream.withInput(2, { Int($0.load16(0)) }),
      stream.readableBytes >= 2 + length,
      stream.withInput(2 + length, { body($0.extracting(2..<2 + length)) }) != nil
    else { return false }
    if stream.isOpen { stream.consume(2 + length) }
    return true
  }

  /// Whether a whole message waits on a stream.
  static func hasNext(_ stream: Stream) -> Bool {
    let count = stream.readableBytes
    return count >= lengthOctets
      && stream.withInput(lengthOctets, { count >= lengthOctets + Int($0.load16(0)) }) == true
  }

  /// Writes a message to a stream.
  static func write(_ message: Span<UInt8>, to stream: Stream) {
    stream.write(length(of: message).span, message)
  }

  /// Octets before each message.
  static let lengthOctets = 2

  /// What stands before a message.
  static func length(of message: Span<UInt8>) -> [2 of UInt8] {
    [UInt8(truncatingIfNeeded: message.count >> 8), UInt8(truncatingIfNeeded: message.count)]
  }
}
