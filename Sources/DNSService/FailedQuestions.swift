import DNSCache
import DNSExchange
import DNSResolver
import DNSWire
import Memory

/// The questions that were answered with SERVFAIL and that the caller has not yet taken.
struct FailedQuestions: ~Copyable {
  private var keys: FixedArray<NameKey>
  private var types: FixedArray<RecordType>
  private var errors: FixedArray<ResolutionError>
  private(set) var count = 0

  /// Makes places for as many questions as can fail before the caller looks.
  init(count: Int, seed: HashSeed) {
    keys = FixedArray(count: count) { NameKey(seed: seed) }
    types = FixedArray(repeating: .a, count: count)
    errors = FixedArray(repeating: .silence, count: count)
  }

  /// Takes a question in wire form; does nothing when all places are taken.
  mutating func note(_ question: Span<UInt8>, _ error: ResolutionError) {
    guard count < keys.count, question.count > Service.questionTail else { return }
    let end = question.count - Service.questionTail
    keys[count].load(trusted: question.extracting(0..<end))
    types[count] = RecordType(rawValue: question.load16(end))
    // A server that asks this one counts as one with an error.
    errors[count] = error == .looping ? .upstreamError : error
    count += 1
  }

  /// Hands all of them over and forgets them.
  mutating func take(
    _ body: (_ name: Span<UInt8>, _ hash: UInt32, RecordType, ResolutionError) -> Void
  ) {
    for index in 0..<count {
      body(keys[index].octets, keys[index].hash, types[index], errors[index])
    }
    count = 0
  }
}

extension Service {
  /// Whether ``takeFailed(_:)`` has something.
  ///
  /// Mutating: where the service is changed, a call that only borrows gets a copy of the whole (Swift 6.3).
  public var hasFailed: Bool { mutating get { failed.count > 0 } }

  /// Hands over the questions that were answered with SERVFAIL since the last call, names in lower case.
  ///
  /// To be called after each batch of queries and each answer that had waited: there is room for
  /// ``anticipated`` of them.
  public mutating func takeFailed(
    _ body: (_ name: Span<UInt8>, _ hash: UInt32, RecordType, ResolutionError) -> Void
  ) {
    failed.take(body)
  }
}
