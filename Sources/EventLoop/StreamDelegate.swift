/// Why a stream ended.
public enum StreamEnd: Equatable, Sendable {
  /// The peer sends no more; it may still read.
  case endOfFile
  /// The connection is gone, or never came to be: an `errno`, as ECONNRESET or ECONNREFUSED.
  case error(Int32)
}

/// Hears what happens on streams.
///
/// Each call may close the stream or let go of it. Nothing is called after `close()`.
public protocol StreamDelegate: AnyObject {
  /// A stream that was made to connect is connected.
  func streamConnected(_ stream: Stream)

  /// There are more octets to read than before.
  ///
  /// What isn't consumed stays; the call comes again when more has arrived.
  func streamReadable(_ stream: Stream)

  /// All that was written has been taken by the kernel.
  func streamDrained(_ stream: Stream)

  /// The stream ended.
  ///
  /// After `.endOfFile` what was read before is still there, and octets can still be written: close
  /// the stream when that is done. After `.error` it is closed already.
  func streamClosed(_ stream: Stream, reason: StreamEnd)
}

extension StreamDelegate {
  /// Nothing to do by default.
  public func streamConnected(_ stream: Stream) {}

  /// Nothing to do by default.
  public func streamDrained(_ stream: Stream) {}
}
