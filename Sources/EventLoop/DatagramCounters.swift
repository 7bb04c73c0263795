/// What a datagram socket did since it was made.
public struct DatagramCounters: Equatable, Sendable {
  /// Datagrams read.
  public var received: UInt64 = 0
  /// Datagrams that the kernel took for sending.
  public var sent: UInt64 = 0
  /// Replies given up because the kernel's buffer and then the socket's own were full.
  public var dropped: UInt64 = 0
  /// Datagrams that the kernel refused to send, and errors met while reading.
  public var errors: UInt64 = 0

  /// Nothing yet.
  public init() {}
}
