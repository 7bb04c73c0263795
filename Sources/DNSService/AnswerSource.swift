/// Where the answer to a query came from.
public enum AnswerSource: String, Sendable, BitwiseCopyable {
  /// The cache, at once.
  case hit
  /// The cache, though its time was over.
  case stale
  /// Upstream, which was asked for it.
  case miss
  /// Upstream, which was being asked already.
  case joined
  /// Nobody: a list or a rule has it blocked.
  case blocked
  /// This server itself: special names and the like.
  case local
  /// An error at once: malformed, not allowed, not supported.
  case refused
  /// Over a limit of the client's: cut short, told so, or not answered.
  case limited
  /// No one: SERVFAIL.
  case failure
}
