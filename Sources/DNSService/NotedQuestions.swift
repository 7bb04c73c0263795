import DNSCache
import DNSPolicy
import DNSWire
import Memory

/// The names that the packets of a batch ask for, each taken once: to read ahead, and to be answered.
struct NotedQuestions: ~Copyable {
  private var keys: FixedArray<NameKey>
  private var hashes: FixedArray<UInt32>
  /// For ``anticipate(_:in:)`` to work with.
  private var places: FixedArray<UInt32>
  private var isNoted: FixedArray<Bool>

  /// Makes places for the packets of a batch.
  init(count: Int, seed: HashSeed) {
    keys = FixedArray(count: count) { NameKey(seed: seed) }
    hashes = FixedArray(repeating: 0, count: count)
    places = FixedArray(repeating: 0, count: count)
    isNoted = FixedArray(repeating: false, count: count)
  }

  /// Takes the name that a packet asks for, if it asks for one.
  mutating func note(_ packet: Span<UInt8>, as index: Int) {
    isNoted[index] = Query.loadName(of: packet, into: &keys[index])
    hashes[index] = keys[index].hash
  }

  /// The type that a noted packet asks for; nothing when it has no question, or is a response.
  func type(_ index: Int, of packet: Span<UInt8>) -> RecordType? {
    let end = MessageHeader.size + keys[index].count
    guard isNoted[index], end + 2 <= packet.count, packet[2] & 0x80 == 0 else { return nil }
    return RecordType(rawValue: packet.load16(end))
  }

  /// The name that a packet asks for, in lower case, until it is taken.
  @_lifetime(borrow self)
  func name(_ index: Int) -> Span<UInt8> { keys[index].octets }

  /// The hash of that name.
  func hash(_ index: Int) -> UInt32 { keys[index].hash }

  /// Reads ahead what the first packets will need.
  mutating func anticipate(
    _ count: Int, in cache: borrowing Cache, _ local: Pinned<LocalData>
  ) -> UInt32 {
    let seen = Self.anticipate(hashes, &places, count, in: cache)
    return local.value.nameCount > 0
      ? seen ^ Self.anticipate(hashes, &places, count, in: local) : seen
  }

  private static func anticipate(
    _ hashes: borrowing FixedArray<UInt32>, _ places: inout FixedArray<UInt32>, _ count: Int,
    in local: Pinned<LocalData>
  ) -> UInt32 {
    var places = places.mutableSpan
    return local.value.anticipate(hashes.span.extracting(0..<count), &places)
  }

  // The compiler takes a view of one property for a use of all of `self`, but not an argument.
  private static func anticipate(
    _ hashes: borrowing FixedArray<UInt32>, _ places: inout FixedArray<UInt32>, _ count: Int,
    in cache: borrowing Cache
  ) -> UInt32 {
    var places = places.mutableSpan
    return cache.anticipate(hashes.span.extracting(0..<count), &places)
  }

  /// Exchanges a key for that of a noted packet, once.
  ///
  /// - Returns: whether there was one.
  @inline(__always)
  mutating func take(_ index: Int, into key: inout NameKey) -> Bool {
    guard isNoted[index] else { return false }
    isNoted[index] = false
    swap(&key, &keys[index])
    return true
  }
}
