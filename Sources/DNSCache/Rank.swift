/// How far data may be trusted, after RFC 2181 §5.4.1.
///
/// The RFC lets Authority data of an authoritative reply outrank a non-authoritative answer. Here the
/// section decides first, because data from Authority and Additional is never given as an answer.
public enum Rank: UInt8, Sendable, Comparable {
  /// From the Additional section.
  case additional = 1
  /// From the Authority section.
  case authority = 2
  /// From the Answer section of a reply without AA.
  case answer = 3
  /// From the Answer section of a reply with AA.
  case authoritativeAnswer = 4

  /// Whether such data may answer a question of its own.
  @inlinable
  public var answersQuestions: Bool { rawValue >= Rank.answer.rawValue }

  /// The order of trust.
  @inlinable
  public static func < (left: Rank, right: Rank) -> Bool { left.rawValue < right.rawValue }

  /// The word that people are shown.
  public var word: String {
    switch self {
    case .additional: "additional"
    case .authority: "authority"
    case .answer: "answer"
    case .authoritativeAnswer: "authoritative-answer"
    }
  }
}
