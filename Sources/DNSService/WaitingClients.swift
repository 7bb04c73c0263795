import DNSCache
import DNSExchange
import DNSWire
import Memory

/// How an answer that had to wait gets to its client; the caller's, kept for it beside the query.
public struct ReturnPath: BitwiseCopyable, Sendable {
  /// The caller's number of the socket or stream that the query came on.
  public var source: UInt32
  /// The client's port, over UDP.
  public var port: UInt16
  /// The interface that a link-local address of the client's belongs to, else 0.
  public var scope: UInt32
  /// The address that a datagram was sent to, which its answer leaves from.
  public var local: IPAddress
  /// The interface that it came in on.
  public var interface: UInt32
  /// When the query came, in microseconds on the caller's clock.
  public var arrived: UInt64

  /// Names the socket or stream; over UDP the rest is needed, too.
  public init(
    source: UInt32, port: UInt16 = 0, scope: UInt32 = 0, local: IPAddress = IPAddress(v4: 0),
    interface: UInt32 = 0, arrived: UInt64 = 0
  ) {
    self.source = source
    self.port = port
    self.scope = scope
    self.local = local
    self.interface = interface
    self.arrived = arrived
  }
}

/// A client that waits for upstream: all that is known of it from its query to its answer.
struct WaitingClient: BitwiseCopyable {
  var header: Service.Header
  /// What the data has to be like, which is less when upstream has nothing better.
  var queryFlags: QueryFlags
  var questionCount: UInt16
  /// The name that it waits for: its own, or what aliases lead to that were known.
  var askedHash: UInt32
  /// Where its answer comes from if that is neither stale nor a failure.
  var source = AnswerSource.miss
  /// The mark of the lists that don't have its name (``Cache/markNumber``); 0 when some may.
  var markNumber: UInt8 = 0
  /// When it came.
  var started: UInt64
  /// The client's place among those in flight.
  var share: UInt16
  var path = ReturnPath(source: 0)
}

/// The clients that wait, by the numbers that the resolver knows them by.
struct WaitingClients: ~Copyable {
  var places: Slab<WaitingClient>
  /// Their questions in wire form, letter case and all.
  private var questions: BufferPool

  init(limit: Int) {
    places = Slab(capacity: limit)
    questions = BufferPool(count: limit, size: WireName.longest + Service.questionTail)
  }

  /// How many there are.
  var count: Int { places.count }

  /// Takes a place; nothing when there is none.
  mutating func insert(_ client: WaitingClient, _ question: Span<UInt8>) -> Int? {
    guard let index = places.insert(client) else { return nil }
    questions.store(question, in: index)
    return index
  }

  mutating func remove(_ index: Int) { places.remove(index) }

  /// A client's question.
  @_lifetime(borrow self)
  func question(_ index: Int) -> Span<UInt8> {
    questions.octets(in: index, count: Int(places[index].questionCount))
  }

  /// Fills a key with the name that a client asked for.
  func loadName(_ index: Int, into key: inout NameKey) {
    let count = Int(places[index].questionCount) - Service.questionTail
    key.load(trusted: questions.octets(in: index, count: count))
  }

  /// Notes that a client's question was answered with SERVFAIL.
  ///
  /// Its caller changes the whole service: only here does the compiler see that two parts of it are meant.
  func noteFailed(_ index: Int, _ error: ResolutionError, in failed: inout FailedQuestions) {
    failed.note(question(index), error)
  }

  /// Reads what answering a client will need.
  func anticipate(_ index: Int) -> UInt32 {
    UInt32(places[index].header.id) ^ UInt32(questions.octets(in: index, count: 1)[0])
  }
}
