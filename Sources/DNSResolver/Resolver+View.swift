import DNSCache
import DNSExchange
import DNSWire
import Memory

// What is in flight, for people.

extension Resolver {
  /// Visits what is in flight.
  public func visitInFlight(_ body: (InFlightView, Span<UInt8>) -> Void) {
    for slot in 0..<exchanges.end {
      guard let id = exchanges.exchange(at: slot) else { continue }
      body(inFlightView(id), exchanges.name(of: id))
    }
  }

  func inFlightView(_ id: ExchangeID) -> InFlightView {
    InFlightView(
      type: exchanges[id].type, queryFlags: exchanges[id].queryFlags,
      started: exchanges[id].started, attempts: Int(exchanges[id].attemptCount),
      server: exchanges[id].server,
      address: exchanges.address(of: id), waiters: Int(lookups[id].waiterCount),
      isStreaming: exchanges[id].isStreaming)
  }

  /// A question in flight, for people.
  public struct InFlightView: Sendable {
    /// The type asked for.
    public let type: RecordType
    /// DO and CD.
    public let queryFlags: QueryFlags
    /// When it was first asked.
    public let started: UInt64
    /// Packets sent so far.
    public let attempts: Int
    /// The server asked last.
    public let server: ServerID
    /// Where that is.
    public let address: ServerAddress
    /// Clients that wait.
    public let waiters: Int
    /// Whether it is being asked over TCP.
    public let isStreaming: Bool
  }
}
