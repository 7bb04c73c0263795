// What a change of this host's network means.

extension Resolver {
  /// Milliseconds over which questions in flight are asked again after a change.
  private static let networkChangeSpread = 128

  /// This host's addresses, routes or links have changed: an upstream that failed may be there now.
  ///
  /// Questions in flight are asked again, a few at a time.
  public mutating func networkChanged(now: UInt64) {
    for index in 0..<questions.end where questions.contains(index) && !questions[index].isStreaming
    {
      questions[index].failedUpstreams = 0
      let due = now + UInt64(index % Resolver.networkChangeSpread)
      guard due < questions[index].due else { continue }
      questions[index].due = due
      timers.schedule(index, at: min(due, questions[index].earliest), now: now)
    }
  }
}
