import DNSWire
import Memory

/// How much each client may ask: token buckets for each network of clients, and a share of the places
/// in flight.
///
/// A client is what shares its IPv4 address, or the first 64 bits of its IPv6 address. One that has
/// proven its address has buckets apart from those of what only claims to come from there, so that
/// nobody uses up another's tokens with forged packets. All tables are
/// of fixed size, so that nobody makes them grow, and are entered by a keyed hash, so that nobody knows
/// with whom a place is shared. Nothing is allocated.
struct ClientLimiter: ~Copyable {
  /// What a client has left, in thousandths.
  struct Bucket: BitwiseCopyable {
    /// Tells clients of one set apart; 0 is nobody.
    var tag: UInt32 = 0
    /// When the tokens were counted last, in milliseconds modulo 2³².
    var counted: UInt32 = 0
    /// Queries of any kind.
    var queries: UInt32 = 0
    /// Queries that cost work: questions to be asked upstream, and answers that are errors.
    var costly: UInt32 = 0
  }

  /// Clients that are told apart at a time; of more, those seen longest ago begin anew.
  static let clients = 16_384
  /// Clients that compete for a place: their buckets, 64 octets together, are read at once.
  private static let ways = 4
  /// Places of the table of shares.
  ///
  /// Two clients share a place with a probability of one in as many.
  private static let sharePlaces = 65_536
  /// Milliseconds' worth of tokens that a client may save up.
  private static let burst: UInt64 = 2_000
  /// Tokens that one query takes.
  private static let token: UInt32 = 1_000

  /// Places in flight that a client may have for each one that is free.
  ///
  /// So the first to come may have four fifths of them, and always leaves some for whoever comes next;
  /// of two, each has four ninths. What a client has too many of it loses by getting none anew.
  private static let placesPerFreePlace = 4
  /// Places in flight that a client may have however few are free.
  private static let leastPlaces: UInt16 = 64

  private var buckets: FixedArray<Bucket>
  /// Bytes that may still go to each client of ``buckets`` beyond those that came from it.
  private var excess: FixedArray<UInt32>
  private var shares: FixedArray<UInt16>
  private var exempt = FixedArray<IPNetwork>([])
  private let seed: HashSeed
  private var queryRate: UInt64 = 0
  private var costlyRate: UInt64 = 0
  private var excessRate: UInt64 = 0
  private var shareLimit = UInt16.max

  init(_ settings: ClientLimits, seed: HashSeed) {
    buckets = FixedArray(repeating: Bucket(), count: ClientLimiter.clients)
    excess = FixedArray(repeating: 0, count: ClientLimiter.clients)
    shares = FixedArray(repeating: 0, count: ClientLimiter.sharePlaces)
    self.seed = seed
    reconfigure(settings)
  }

  /// Takes over other limits; what clients have used up so far still counts.
  mutating func reconfigure(_ settings: ClientLimits) {
    exempt = FixedArray(settings.exempt)
    queryRate = UInt64(clamping: min(settings.queries, ClientLimits.mostPerSecond))
    costlyRate = UInt64(clamping: min(settings.misses, ClientLimits.mostPerSecond))
    excessRate = UInt64(clamping: min(settings.amplification, ClientLimits.mostAmplification))
    shareLimit = settings.inFlight == 0 ? .max : UInt16(clamping: settings.inFlight)
  }

  // MARK: Rates

  /// Whether a client may send one more query, which is then counted.
  @inline(__always)
  mutating func admitQuery(from address: IPAddress, isProven: Bool, now: UInt64) -> Bool {
    if queryRate == 0 { return true }
    return takeQuery(from: address, isProven: isProven, now: now)
  }

  /// Whether a client may have one more question asked upstream or one more error, which is then
  /// counted.
  mutating func admitCostly(from address: IPAddress, isProven: Bool, now: UInt64) -> Bool {
    if costlyRate == 0 || isExempt(address) { return true }
    let index = find(address, isProven: isProven, now: now)
    guard buckets[index].costly >= ClientLimiter.token else { return false }
    buckets[index].costly -= ClientLimiter.token
    return true
  }

  /// Whether an answer with so many bytes more than its query may go to an address that nothing has
  /// proven, which is then counted.
  mutating func admitExcess(_ octets: Int, to address: IPAddress, now: UInt64) -> Bool {
    if excessRate == 0 || octets <= 0 { return true }
    let index = find(address, isProven: false, now: now)
    let octets = UInt32(clamping: octets)
    guard excess[index] >= octets else { return false }
    excess[index] -= octets
    return true
  }

  @inline(never)
  private mutating func takeQuery(from address: IPAddress, isProven: Bool, now: UInt64) -> Bool {
    if isExempt(address) { return true }
    let index = find(address, isProven: isProven, now: now)
    guard buckets[index].queries >= ClientLimiter.token else { return false }
    buckets[index].queries -= ClientLimiter.token
    return true
  }

  @inline(__always)
  private func isExempt(_ address: IPAddress) -> Bool {
    for index in 0..<exempt.count where exempt[index].contains(address) { return true }
    return false
  }

  /// The place of a client's bucket, its tokens counted up to now.
  private mutating func find(_ address: IPAddress, isProven: Bool, now: UInt64) -> Int {
    let hash = isProven ? seed.mix(hash(address), 1) : hash(address)
    let first =
      Int(hash % UInt64(ClientLimiter.clients / ClientLimiter.ways)) &* ClientLimiter.ways
    let tag = UInt32(truncatingIfNeeded: hash >> 32) | 1
    let time = UInt32(truncatingIfNeeded: now)
    var oldest = first
    for index in first..<first &+ ClientLimiter.ways {
      if buckets[index].tag == tag {
        let elapsed = UInt64(time &- buckets[index].counted)
        if elapsed > 0 {
          // So many a second are as many thousandths a millisecond.
          buckets[index].queries = ClientLimiter.fill(buckets[index].queries, queryRate, elapsed)
          buckets[index].costly = ClientLimiter.fill(buckets[index].costly, costlyRate, elapsed)
          excess[index] = UInt32(
            truncatingIfNeeded: min(
              UInt64(excess[index]) &+ excessRate &* min(elapsed, ClientLimiter.burst) / 1_000,
              mostExcess))
          buckets[index].counted = time
        }
        return index
      }
      // Whoever was never here is older than all.
      if buckets[index].tag == 0
        || buckets[oldest].tag != 0
          && time &- buckets[index].counted > time &- buckets[oldest].counted
      {
        oldest = index
      }
    }
    buckets[oldest] = Bucket(
      tag: tag, counted: time,
      queries: ClientLimiter.fill(0, queryRate, ClientLimiter.burst),
      costly: ClientLimiter.fill(0, costlyRate, ClientLimiter.burst))
    excess[oldest] = UInt32(truncatingIfNeeded: mostExcess)
    return oldest
  }

  /// What a client has left after so many milliseconds more, in thousandths.
  private static func fill(_ tokens: UInt32, _ rate: UInt64, _ elapsed: UInt64) -> UInt32 {
    UInt32(
      truncatingIfNeeded: min(
        UInt64(tokens) &+ rate &* min(elapsed, burst), rate &* burst))
  }

  /// Bytes of excess that a client may save up; they fit 32 bits (``ClientLimits/mostAmplification``).
  private var mostExcess: UInt64 { excessRate &* ClientLimiter.burst / 1_000 }

  private func hash(_ address: IPAddress) -> UInt64 {
    // A network of 64 bits can't be mistaken for an IPv4 address.
    let low = address.isIPv4 ? address.low : UInt64.max
    return seed.mix(seed.mix(0x9E37_79B9_7F4A_7C15, address.high), low)
  }

  // MARK: Places in flight

  /// Takes a place in flight for a client.
  ///
  /// - Parameter free: places that nobody has.
  /// - Returns: what gives it back, or nothing when the client has its share.
  mutating func takePlace(for address: IPAddress, free: Int) -> UInt16? {
    let place = UInt16(truncatingIfNeeded: hash(address) >> 16)
    let taken = shares[Int(place)]
    guard taken < shareLimit,
      taken < ClientLimiter.leastPlaces || Int(taken) < free * ClientLimiter.placesPerFreePlace
    else { return nil }
    shares[Int(place)] += 1
    return place
  }

  /// Gives a place back.
  mutating func returnPlace(_ place: UInt16) { shares[Int(place)] -= 1 }

  /// Places that are taken, for tests.
  var placesTaken: Int {
    var taken = 0
    for index in 0..<shares.count { taken += Int(shares[index]) }
    return taken
  }
}

/// What one client may ask.
///
/// A client is what shares an IPv4 address or the first 64 bits of an IPv6 address. Who is over a limit
/// gets an empty answer that asks it to come by TCP, or none: never more octets than it sent, a cookie
/// aside. By default a client may ask as much as there is room for; what is scarce is shared out.
public struct ClientLimits: Sendable {
  /// Queries a second; 0 for any number.
  ///
  /// Counted apart for those that have proven where they come from, by TCP or a valid cookie.
  public var queries = 0
  /// Questions a second that are to be asked upstream, and answers that are errors; 0 for any number.
  public var misses = 0
  /// Questions that may wait for upstream at a time; 0 for as many as leave room for other clients.
  public var inFlight = 0
  /// Bytes a second that go, beyond those that came, to an address outside of local networks that
  /// nothing has proven; 0 for any number.
  ///
  /// What reflects a flood to somebody else is of little use then (8 Mbit/s).
  public var amplification = 1 << 20
  /// Networks without limits of rate: by default the machine itself.
  public var exempt = ClientLimits.loopback

  /// Most a second that a limit can be.
  public static let mostPerSecond = 1_000_000
  /// Most that ``amplification`` can be.
  public static let mostAmplification = 1 << 30
  /// Most questions that may be allowed to wait.
  public static let mostInFlight = 16_384
  /// 127.0.0.1 and ::1, which programs on this machine come from.
  public static let loopback = [
    IPNetwork(IPAddress(v4: 0x7F00_0001), prefixLength: 32),
    IPNetwork(IPAddress(v6High: 0, low: 1), prefixLength: 128),
  ].compactMap { $0 }

  /// The usual limits.
  public init() {}
}
