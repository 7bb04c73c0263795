import DNSCache
import DNSWire
import Memory

// A query of ours may come back to us as a client's: from an upstream that asks us, or by a rule that sends whatever
// goes to port 53 here. It would wait for itself until its time is over.

extension Resolver {
  /// Whether a client's query is one that went from here to an upstream, which is noted then.
  ///
  /// It is known by our cookie for that upstream; where none is left, as long as its reply would still be good, by
  /// ID and letter case.
  ///
  /// - Parameter question: the question as it came; its name is the key's, unless that is where an alias led.
  public mutating func takeOwnQuery(
    _ question: Span<UInt8>, id: UInt16, cookie: UInt64?, _ key: borrowing NameKey,
    type: RecordType, needs: DNSSECNeeds, now: UInt64
  ) -> Bool {
    if let cookie {
      var left = choice.present
      while left != 0 {
        let upstream = left.trailingZeroBitCount
        left &= left - 1
        if choice.upstreams[upstream].cookie.isOurs(cookie, now: now) {
          noteLoop(upstream)
          return true
        }
      }
    }
    guard let index = find(key, type, needs) else { return false }
    var attempt = questions[index].firstAttempt
    while attempt != Resolver.nobody {
      let place = Int(attempt)
      let upstream = Int(attempts[place].socket) / settings.socketsPerUpstream
      if attempts[place].id == id,
        question.holds(sentName(index, isCased: attempts[place].isCased), 0),
        // In lower case it may be another's whose ID is the same by chance.
        looping & 1 << UInt64(upstream) != 0
          || !question.holds(sentName(index, isCased: false), 0)
      {
        noteLoop(upstream)
        return true
      }
      attempt = attempts[place].next
    }
    return false
  }

  private mutating func noteLoop(_ upstream: Int) {
    counters.looped += 1
    looping |= 1 << UInt64(upstream)
  }
}
