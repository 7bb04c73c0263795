import DNSCache
import DNSExchange
import DNSWire
import Memory

// What is in flight, for people.

extension Resolver {
  /// Visits what is in flight.
  public func visitInFlight(_ body: (InFlightView, Span<UInt8>) -> Void) {
    for index in 0..<exchanges.end where exchanges.contains(index) {
      body(inFlightView(index), exchanges.name(of: index))
    }
  }

  func inFlightView(_ index: Int) -> InFlightView {
    InFlightView(
      type: exchanges.type(of: index), needs: exchanges.flags(of: index),
      started: exchanges.started(index), attempts: exchanges.attempts(of: index),
      server: exchanges.server(of: index),
      address: exchanges.address(of: index), waiters: Int(lookups[index].waiterCount),
      isStreaming: exchanges.isStreaming(index))
  }

  /// A question in flight, for people.
  public struct InFlightView: Sendable {
    /// The type asked for.
    public let type: RecordType
    /// DO and CD.
    public let needs: QueryFlags
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
