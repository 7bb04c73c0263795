import DNSWire

/// Names an exchange; stale handles are noticed.
public struct ExchangeHandle: Equatable, Hashable, Sendable, BitwiseCopyable {
  /// Which one, while it is there.
  public let exchange: ExchangeID
  let generation: UInt32

  init(_ exchange: ExchangeID, _ generation: UInt32) {
    self.exchange = exchange
    self.generation = generation
  }
}

/// What a packet is sent for.
public enum Purpose: Hashable, Sendable {
  /// A question.
  case question(ExchangeHandle)
  /// To learn whether a server that was down is back; with the packet's ID.
  case probe(ServerID, id: UInt16)
  /// To learn whether a server gives our own queries back.
  case loopProbe(ServerID)
}

/// A packet that is to be sent upstream; `Exchanges.writeQuery(_:into:)` writes it.
public struct OutgoingQuery: Sendable {
  /// What it is sent for.
  public let purpose: Purpose
  /// The transaction ID.
  public let id: UInt16
  /// Whom it goes to.
  public let server: ServerID
  /// The socket that it leaves from; nothing over TCP.
  public let socket: SocketID?
  /// Whether the name's letters have random case.
  let isMixedCase: Bool
  /// What EDNS it has.
  let edns: EDNSOffer
  /// Whether it has a cookie.
  let hasCookie: Bool
}

/// Something that the resolver wants done.
public enum Action: Sendable {
  /// Send a packet from the socket it names.
  case send(OutgoingQuery)
  /// Connect to the upstream over TCP, send the packet, and hand in the reply.
  case openStream(OutgoingQuery)
  /// The TCP connection for this, if there is one, is of no more use.
  case closeStream(Purpose)
}
