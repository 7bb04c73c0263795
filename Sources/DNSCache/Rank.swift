/// How far data may be trusted, after RFC 2181 §5.4.1.
///
/// The RFC lets Authority data of an authoritative reply outrank a non-authoritative answer. Here the
/// section decides first, because data from Authority and Additional is never given as an answer.
///
/// DO and CD come beside the rank, not into it. Of answers, what was fetched with DO replaces what was
/// fetched without and not the other way round, whatever AA says; but what an alias led to never
/// replaces what was asked for by its name. What was fetched with CD is ranked among its like alone: it
/// lies beside what wasn't, and neither touches the other.
public enum Rank: UInt8, Sendable, BitwiseCopyable, Comparable {
  /// From the Additional section.
  case additional = 1
  /// From the Authority section.
  case authority = 2
  /// From the Answer section, but for what an alias leads to rather than for the name asked for.
  ///
  /// RFC 2181 §5.4.1: only the first record of such an answer is necessarily authoritative. It answers
  /// questions, and gives way to what was asked for by its own name.
  case aliasedAnswer = 3
  /// From the Answer section of a reply without AA.
  case answer = 4
  /// From the Answer section of a reply with AA.
  case authoritativeAnswer = 5

  /// Whether such data may answer a question of its own.
  @inlinable
  public var answersQuestions: Bool { rawValue >= Rank.aliasedAnswer.rawValue }

  /// The order of trust.
  @inlinable
  public static func < (left: Rank, right: Rank) -> Bool { left.rawValue < right.rawValue }

  /// The word that people are shown.
  public var word: String {
    switch self {
    case .additional: "additional"
    case .authority: "authority"
    case .aliasedAnswer: "aliased-answer"
    case .answer: "answer"
    case .authoritativeAnswer: "authoritative-answer"
    }
  }
}
