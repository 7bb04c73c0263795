/// What a client's DO and CD ask of the data that it is given.
///
/// Data that was fetched without DO lacks what a client with DO wants; the other way round, signatures
/// are left out. Data that was fetched with CD is for those who set CD themselves (RFC 4035 §4.7); they
/// take checked data, too.
@frozen
public struct QueryFlags: OptionSet, Sendable, BitwiseCopyable {
  /// A bit each.
  public let rawValue: UInt8

  /// Takes some bits.
  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Signatures and proofs are wanted (DO).
  @inlinable public static var signatures: QueryFlags { QueryFlags(rawValue: 1) }
  /// Data that nobody checked will do (CD).
  @inlinable public static var unchecked: QueryFlags { QueryFlags(rawValue: 2) }
  /// Though signatures are wanted, data without will do: upstream does not understand EDNS, so there
  /// is nothing better to be had.
  @inlinable public static var allowUnsigned: QueryFlags { QueryFlags(rawValue: 4) }

  /// The same, but data without signatures will do as well.
  public var allowingUnsigned: QueryFlags { contains(.signatures) ? union(.allowUnsigned) : self }

  /// The words that people are shown, after the flags of messages.
  public var words: [String] {
    (contains(.signatures) ? ["do"] : []) + (contains(.unchecked) ? ["cd"] : [])
  }
}
