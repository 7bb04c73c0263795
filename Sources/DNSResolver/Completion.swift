import DNSCache
import DNSExchange
import DNSWire

/// How a question ended.
public enum Outcome: Sendable, BitwiseCopyable {
  /// What is to be known is in the cache or the completion's overlays, and what aliases lead to with it, unless that
  /// is answered here.
  ///
  /// It may lack DNSSEC data though there was DO: upstream did not understand EDNS, and asking again would bring none.
  /// What upstream said beside it: ``Resolver/remarks(of:)``.
  case answered(UpstreamRemarks = .none, lacksDNSSEC: Bool = false)
  /// There is no answer.
  case failed(Failure)
  /// The client has waited long enough for something fresh (RFC 8767 §5); the question goes on without it.
  ///
  /// What is known of its answer so far may lack DNSSEC data, as in ``answered(_:lacksDNSSEC:)``.
  case clientResponseTimeout(lacksDNSSEC: Bool)
}

/// A client whose question has ended, or that is not to wait for it any longer.
public struct Completion: Sendable {
  /// The number that the client was given in `Resolver.ask(_:type:queryFlags:client:since:cache:now:)`.
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
  case lookup(ExchangeHandle)
}

/// What somebody who waited is to be told.
struct Ended: BitwiseCopyable {
  var recipient: Recipient
  var outcome: Outcome
  var overlays = OverlayPair()
}
