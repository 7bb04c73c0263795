/// Limits of clients' TCP connections; each has a counter in `ctl stats`.
package struct StreamLimits: Sendable {
  /// Most connections.
  package var connections = 1_024
  /// Most connections of one client, which is an IPv4 address or an IPv6 /64.
  ///
  /// Behind one address there may be an office of thousands, few of whom use TCP at a time.
  package var connectionsPerClient = 256
  /// Milliseconds that a connection may stay open without a message begun (RFC 7766 §6.2.3).
  package var idleTimeout: UInt64 = 10_000
  /// Bytes that all connections together may hold: messages half received and answers not yet read.
  package var buffers = 64 << 20

  /// Bounds of the settings.
  static let connectionsRange = 16...65_536
  static let idleTimeoutRange = 2_000...3_600_000
  static let buffersRange = (1 << 20)...(1 << 30)

  /// Milliseconds that one message may take to arrive.
  package static let messageTimeout: UInt64 = 5_000
  /// Shortest idle timeout in milliseconds, however many connections there are.
  private static let leastIdleTimeout: UInt64 = 2_000

  /// The idle timeout in milliseconds, shorter the fewer connections are left (RFC 7766 §6.2.3 leaves it to the load).
  package func idleTimeout(at level: Pressure) -> UInt64 {
    switch level {
    case .none: idleTimeout
    case .some: max(idleTimeout / 4, StreamLimits.leastIdleTimeout)
    case .high: StreamLimits.leastIdleTimeout
    }
  }

  /// How near a number of connections is to the limit.
  package func pressure(_ count: Int) -> Pressure {
    if count >= connections / 8 * 7 { return .high }
    return count >= connections / 2 ? .some : .none
  }

  /// How near the limit of connections is.
  package enum Pressure: Int, CaseIterable {
    /// Less than half of the connections are open.
    case none
    /// Half of them or more.
    case some
    /// Seven eighths or more.
    case high
  }
}
