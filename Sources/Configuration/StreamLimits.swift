/// What bounds the TCP connections of clients; each limit has a counter in `ctl stats`.
package struct StreamLimits: Sendable {
  /// Connections at most.
  package var connections = 1_024
  /// Connections of one client at most: of an IPv4 address, or of an IPv6 /64.
  ///
  /// Behind one address there may be an office of thousands, of which few talk TCP at a time.
  package var connectionsPerClient = 256
  /// Milliseconds that a connection may stay open without a message begun (RFC 7766 §6.2.3).
  package var idleTimeout: UInt64 = 10_000
  /// Octets that all connections together may hold: messages half received and answers not yet read.
  package var buffers = 64 << 20

  /// Bounds of the settings.
  static let connectionsRange = 16...65_536
  static let idleTimeoutRange = 2_000...3_600_000
  static let buffersRange = (1 << 20)...(1 << 30)

  /// Milliseconds that one message may take to arrive.
  package static let messageTimeout: UInt64 = 5_000
  /// Milliseconds that an idle connection has at least, however many there are.
  private static let leastIdleTimeout: UInt64 = 2_000

  /// Milliseconds that a connection may be idle when there are so many: the fewer are left, the
  /// shorter (RFC 7766 §6.2.3 leaves it to the server's load).
  package func idleTimeout(at level: Pressure) -> UInt64 {
    switch level {
    case .none: idleTimeout
    case .some: max(idleTimeout / 4, StreamLimits.leastIdleTimeout)
    case .high: StreamLimits.leastIdleTimeout
    }
  }

  /// How many connections there are, in comparison to the limit.
  package func pressure(_ count: Int) -> Pressure {
    if count >= connections / 8 * 7 { return .high }
    return count >= connections / 2 ? .some : .none
  }

  /// How near the limit is.
  package enum Pressure: Int, CaseIterable {
    /// Less than half of the connections are open.
    case none
    /// Half of them or more.
    case some
    /// Seven eighths or more.
    case high
  }
}
