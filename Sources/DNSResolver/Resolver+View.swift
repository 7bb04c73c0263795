import DNSCache
import DNSWire
import Memory

// What is in flight, for people.

extension Resolver {
  /// Visits what is in flight.
  public func visitInFlight(_ body: (InFlightView, Span<UInt8>) -> Void) {
    for index in 0..<questions.end where questions.contains(index) {
      body(
        inFlightView(index), names.octets(in: index, count: Int(questions[index].nameCount)))
    }
  }

  func inFlightView(_ index: Int) -> InFlightView {
    let question = questions[index]
    return InFlightView(
      type: question.type, needs: question.needs, started: question.started,
      attempts: Int(question.attemptCount), server: question.server,
      address: servers[question.server].address,
      waiters: Int(question.waiterCount), isStreaming: question.phase.isTCP)
  }

  /// A question in flight, for people.
  public struct InFlightView: Sendable {
    /// The type asked for.
    public let type: RecordType
    /// DO and CD.
    public let needs: DNSSECNeeds
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
