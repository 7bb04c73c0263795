import DNSService
import DNSWire
import Memory

/// What became of a query, as ``QueryRing`` keeps it.
public struct QueryOutcome: BitwiseCopyable, Sendable {
  /// Where the answer came from.
  public var source: AnswerSource
  /// The lower four bits of the answer's code; nothing when there was no answer.
  public var rcode: UInt8?
  /// The list that blocked it, from 0 on; nothing for none, or a rule.
  public var list: UInt8?

  /// Describes what became of a query.
  public init(_ source: AnswerSource, rcode: UInt8?, list: UInt8? = nil) {
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
    public var type = RecordType(rawValue: 0)
    public var outcome = QueryOutcome(.refused, rcode: nil)
    public var transport = Service.Transport.udp
    fileprivate var nameCount: UInt8 = 0
    fileprivate var isCut = false
  }

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
    let place = Int(truncatingIfNeeded: count % UInt64(capacity))
    var record = Record()
    record.time = time
    if privacy != .clients { record.client = client }
    record.microseconds = UInt32(clamping: microseconds)
    record.outcome = outcome
    record.transport = transport
    // Of what is no name nothing is kept.
    if message.count > MessageHeader.size, message.load16(4) == 1,
      let end = try? WireName.endOfPlain(message, at: MessageHeader.size), end + 2 <= message.count
    {
      record.type = RecordType(rawValue: message.load16(end))
      let length = end - MessageHeader.size
      let kept = min(length, QueryRing.longestName)
      if privacy != .names {
        record.nameCount = UInt8(truncatingIfNeeded: kept)
        record.isCut = kept < length
        var target = names.mutableSpan
        target.store(
          message.extracting(MessageHeader.size..<MessageHeader.size + kept),
          place * QueryRing.longestName)
      }
    }
    records[place] = record
    count &+= 1
  }

  /// A query by its number; nothing for one that is not there.
  public func record(_ number: UInt64) -> Record? {
    guard number >= first, number < count else { return nil }
    return records[Int(number % UInt64(capacity))]
  }

  /// A query's name as text; `…` at the end of one that is longer than what is kept, nothing for one without a name.
  public func name(_ number: UInt64) -> String? {
    guard let record = record(number), record.nameCount > 0 else { return nil }
    let start = Int(number % UInt64(capacity)) * QueryRing.longestName
    let octets = names.span.extracting(start..<start + Int(record.nameCount))
    guard record.isCut else { return (try? Name(wire: octets)).map { "\($0)".lowercased() } }
    // Whole labels, as far as they are kept.
    var labels: [UInt8] = []
    var position = 0
    while position < octets.count, octets[position] > 0,
      position + Int(octets[position]) < octets.count
    {
      let end = position + Int(octets[position]) + 1
      for index in position..<end { labels.append(octets[index]) }
      position = end
    }
    labels.append(0)
    return (try? Name(wire: labels.span)).map { "\($0)…".lowercased() }
  }
}

/// What the log of the last queries leaves out.
public enum QueryPrivacy: String, Sendable, CaseIterable, BitwiseCopyable {
  case none, names, clients, all
}
