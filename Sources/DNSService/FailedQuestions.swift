import DNSCache
import DNSExchange
import DNSResolver
import DNSWire
import Memory

/// Why a client got SERVFAIL.
public enum FailureReason: UInt8, Sendable, CaseIterable {
  /// No upstream said anything in time.
  case silence
  /// The network refused.
  case unreachable
  /// Upstreams answered with an error, or with what is no answer.
  case upstreamError
  /// Too much was in flight, or waiting.
  case overload
  /// The program ends.
  case ending
  /// Aliases form a loop, or too long a chain.
  case endlessAliases
  /// No upstream is known yet.
  case noUpstream
  /// It took more packets, or octets, than one question may cost.
  case budget

  /// What was in the way.
  init(_ failure: Failure) {
    self =
      switch failure.cause {
      case .silence: .silence
      case .unreachable: .unreachable
      case .upstreamError, .looping, .nameTooLong: .upstreamError
      case .overload: .overload
      case .ending: .ending
      case .noUpstream: .noUpstream
      case .endlessAliases: .endlessAliases
      case .budget: .budget
      }
  }
}

/// The questions that were answered with SERVFAIL and that the caller has not yet taken.
struct FailedQuestions: ~Copyable {
  private var keys: FixedArray<NameKey>
  private var types: FixedArray<RecordType>
  private var reasons: FixedArray<FailureReason>
  private(set) var count = 0

  /// Makes places for as many questions as can fail before the caller looks.
  init(count: Int, seed: HashSeed) {
    keys = FixedArray(count: count) { NameKey(seed: seed) }
    types = FixedArray(repeating: .a, count: count)
    reasons = FixedArray(repeating: .silence, count: count)
  }

  /// Takes a question in wire form; does nothing when all places are taken.
  mutating func note(_ question: Span<UInt8>, _ reason: FailureReason) {
    guard count < keys.count, question.count > Service.questionTail else { return }
    let end = question.count - Service.questionTail
    keys[count].load(trusted: question.extracting(0..<end))
    types[count] = RecordType(rawValue: question.load16(end))
    reasons[count] = reason
    count += 1
  }

  /// Hands all of them over and forgets them.
  mutating func take(
    _ body: (_ name: Span<UInt8>, _ hash: UInt32, RecordType, FailureReason) -> Void
  ) {
    for index in 0..<count {
      body(keys[index].octets, keys[index].hash, types[index], reasons[index])
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
    _ body: (_ name: Span<UInt8>, _ hash: UInt32, RecordType, FailureReason) -> Void
  ) {
    failed.take(body)
  }
}
