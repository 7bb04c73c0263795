import DNSService
import DNSWire
import Memory

/// What became of a query, as ``QueryRing`` keeps it.
public struct QueryOutcome: BitwiseCopyable, Sendable {
  /// Where the answer came from; nothing for a query that waits, or is none.
  public var source: AnswerSource?
  /// The lower four bits of the answer's code; ``none`` when there was no answer.
  public var rcode: UInt8
  /// The list that blocked it, from 0 on; ``none`` for no list.
  public var list: UInt8

  /// In place of a number.
  public static let none = UInt8.max

  /// Describes what became of a query.
  @inlinable
  public init(
    _ source: AnswerSource?, rcode: UInt8 = QueryOutcome.none, list: UInt8 = QueryOutcome.none
  ) {
    self.source = source
    self.rcode = rcode
    self.list = list
  }
}

/// The last queries, for the log that people look at.
///
/// Of a fixed size, made once; writing allocates nothing. A query has a record of 48 octets, and 64 for its name.
public struct QueryRing: ~Copyable {
  private var records: FixedArray<Record>
  private var names: FixedArray<UInt8>
  /// Queries that were written so far; the number of the next.
  public private(set) var count: UInt64 = 0
  /// What is left out.
  public var privacy = QueryPrivacy.none

  /// Octets of a name that are kept.
  public static let longestName = 64
  /// Queries that are kept at most.
  public static let mostQueries = 100_000

  /// A query, beside its name.
  public struct Record: BitwiseCopyable, Sendable {
    /// When it was answered, in milliseconds on the loop's clock.
    public var time: UInt64 = 0
    /// Where the client is.
    public var client = IPAddress(v4: 0)
    /// How long the answer took.
    public var microseconds: UInt32 = 0
    /// The type, where the question is longer than what is kept; else it stands behind the name.
    fileprivate var type = RecordType(rawValue: 0)
    /// What became of it.
    public var outcome = QueryOutcome(nil)
    /// How it came.
    public var transport = Service.Transport.udp
    /// Octets of the question that are kept.
    fileprivate var count: UInt8 = 0
  }

  /// Where the next is written.
  private var place = 0

  /// Makes room for so many queries; none means that nothing is kept.
  public init(capacity: Int) {
    let capacity = min(max(capacity, 0), QueryRing.mostQueries)
    records = FixedArray(repeating: Record(), count: capacity)
    names = FixedArray(reserving: capacity * QueryRing.longestName)
  }

  /// Queries that it can keep.
  public var capacity: Int { records.count }

  /// Octets that it takes.
  public var octets: Int { records.count * MemoryLayout<Record>.stride + names.count }

  /// The number of the first that is still there.
  public var first: UInt64 { count - min(count, UInt64(capacity)) }

  /// Writes a query.
  ///
  /// - Parameter message: the query, or an answer with its question.
  public mutating func note(
    _ message: Span<UInt8>, _ outcome: QueryOutcome, from client: IPAddress,
    over transport: Service.Transport, microseconds: UInt64, at time: UInt64
  ) {
    guard capacity > 0, privacy != .all else { return }
    var record = Record()
    record.time = time
    if privacy != .clients { record.client = client }
    record.microseconds = UInt32(clamping: microseconds)
    record.outcome = outcome
    record.transport = transport
    if privacy == .names {
      record.type = QueryRing.type(message)
    } else if message.count > MessageHeader.size {
      // What it is, who looks at it finds out.
      let kept = min(message.count &- MessageHeader.size, QueryRing.longestName)
      record.count = UInt8(truncatingIfNeeded: kept)
      let start = place &* QueryRing.longestName
      var target = names.mutableSpan
      target.store(
        message.extracting(MessageHeader.size..<MessageHeader.size &+ kept),
        start)
      if kept == QueryRing.longestName { record.type = QueryRing.type(message) }
    }
    records[place] = record
    count &+= 1
    place &+= 1
    if place == capacity { place = 0 }
  }

  /// The type that a message asks for.
  private static func type(_ message: Span<UInt8>) -> RecordType {
    guard let end = try? WireName.endOfPlain(message, at: MessageHeader.size),
      end + 2 <= message.count
    else { return RecordType(rawValue: 0) }
    return RecordType(rawValue: message.load16(end))
  }

  /// A query by its number; nothing for one that is not there.
  public func record(_ number: UInt64) -> Record? {
    guard number >= first, number < count else { return nil }
    return records[Int(number % UInt64(capacity))]
  }

  /// What a query asked for: the name as text, with `…` at the end when it is longer than what is kept, nothing for one
  /// without a name; and the type.
  public func question(_ number: UInt64) -> (name: String?, type: RecordType) {
    guard let record = record(number) else { return (nil, RecordType(rawValue: 0)) }
    let start = Int(number % UInt64(capacity)) * QueryRing.longestName
    let octets = names.span.extracting(start..<start + Int(record.count))
    if let end = try? WireName.endOfPlain(octets, at: 0) {
      let type = end + 2 <= octets.count ? RecordType(rawValue: octets.load16(end)) : record.type
      let name = try? Name(wire: octets.extracting(0..<end))
      return (name.map { "\($0)".lowercased() }, type)
    }
    // Whole labels, as far as they are kept.
    var labels: [UInt8] = []
    var position = 0
    while position < octets.count, (1...63).contains(octets[position]),
      position + Int(octets[position]) < octets.count
    {
      let end = position + Int(octets[position]) + 1
      for index in position..<end { labels.append(octets[index]) }
      position = end
    }
    guard !labels.isEmpty, record.type.rawValue != 0 else { return (nil, record.type) }
    labels.append(0)
    return ((try? Name(wire: labels.span)).map { "\($0)…".lowercased() }, record.type)
  }
}

/// What the log of the last queries leaves out.
public enum QueryPrivacy: String, Sendable, CaseIterable, BitwiseCopyable {
  case none, names, clients, all
}
