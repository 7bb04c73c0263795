import DNSCache
import DNSWire

/// Names a question in flight; stale handles are noticed.
public struct QuestionHandle: Equatable, Hashable, Sendable, BitwiseCopyable {
  let index: UInt32
  let generation: UInt32

  init(_ index: UInt32, _ generation: UInt32) {
    self.index = index
    self.generation = generation
  }
}

/// What a packet is sent for.
public enum Purpose: Hashable, Sendable {
  /// A question.
  case question(QuestionHandle)
  /// To learn whether a server that was down is back; with the packet's ID.
  case probe(ServerID, id: UInt16)
  /// To learn whether a server gives our own queries back.
  case loopProbe(ServerID)
}

/// A packet that is to be sent upstream; `Resolver.writeQuery(_:into:)` writes it.
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
  let isCased: Bool
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

/// How a question ended.
public enum Outcome: Sendable, BitwiseCopyable {
  /// What is to be known is in the cache or the completion's overlays, and what aliases lead to with it, unless that
  /// is answered here.
  ///
  /// It may lack DNSSEC data though there was DO: upstream did not understand EDNS, and asking again would bring none.
  /// What upstream said beside it: ``Resolver/remarks(of:)``.
  case answered(UpstreamRemarks = .none, lacksDNSSEC: Bool = false)
  /// The name leads to a local address, and is not to (``RebindProtection``).
  case rebound
  /// There is no answer.
  case failed(Failure)
  /// The client has waited as long as its patience lasts; the question goes on without it.
  case overdue
}

/// A client whose question has ended, or that is not to wait for it any longer.
public struct Completion: Sendable {
  /// The number that the client was given in `Resolver.ask(_:type:needs:client:since:cache:now:)`.
  public let client: UInt32
  /// How it ended.
  public let outcome: Outcome
  /// What of the answer is not in the cache, for this client to release; the rest is to be taken from there
  /// before the next reply comes.
  public let overlays: OverlayPair
}

/// Who waits for a lookup.
enum Recipient: BitwiseCopyable {
  /// A client, by its number.
  case client(UInt32)
  /// A lookup whose alias leads to what this one asks for.
  case lookup(QuestionHandle)
}

/// What somebody who waited is to be told.
struct Ended: BitwiseCopyable {
  var recipient: Recipient
  var outcome: Outcome
  var overlays = OverlayPair()
}
