import DNSExchange
import DNSResolver
import DNSService
import EventLoop
import Memory

/// Datagrams from upstream that came in one tick of the loop, until they are taken in together.
///
/// With hundreds of sockets each gives one reply a call. Taken in one after the other between two calls
/// of the kernel, each would wait for memory alone; a whole tick's are read ahead together.
struct UpstreamInbox: ~Copyable {
  /// Octets of a datagram that are kept.
  static let longest = 2_048
  /// Datagrams at a time.
  static let places = Service.anticipated
  /// Octets for all of them: replies have a hundred or so, and what is in use stays in the processor's
  /// first cache.
  private static let capacity = 16_384

  /// Datagrams that wait.
  private(set) var count = 0
  private var buffer = FixedArray<UInt8>(repeating: 0, count: UpstreamInbox.capacity)
  /// Octets of `buffer` in use.
  private var end = 0
  private var datagrams = FixedArray<Datagram>(
    repeating: Datagram(socket: SocketID(rawValue: 0), start: 0, count: 0),
    count: UpstreamInbox.places)

  private struct Datagram {
    var socket: SocketID
    var start: Int
    var count: Int
  }

  /// Whether there may be no room for another datagram.
  var isFull: Bool {
    count == UpstreamInbox.places || end + UpstreamInbox.longest > UpstreamInbox.capacity
  }

  /// Reads a datagram; call it while there is room.
  ///
  /// - Parameter socket: what the resolver knows the socket by.
  /// - Returns: whether one was waiting.
  mutating func read(from member: DatagramGroup.Member, socket: SocketID, in group: DatagramGroup)
    -> Bool
  {
    let start = end
    var target = buffer.mutableSpan
    guard
      let length = group.receiveOne(
        from: member, into: &target, at: start, capacity: UpstreamInbox.longest)
    else { return false }
    // One that is cut is larger than what we offer: the resolver takes it for truncated.
    let kept = min(length, UpstreamInbox.longest)
    datagrams[count] = Datagram(socket: socket, start: start, count: kept)
    count += 1
    end += kept
    return true
  }

  /// A datagram's octets.
  @_lifetime(borrow self)
  func octets(_ index: Int) -> Span<UInt8> {
    let start = datagrams[index].start
    return buffer.span.extracting(start..<start + datagrams[index].count)
  }

  /// The socket that a datagram came on.
  func socket(_ index: Int) -> SocketID { datagrams[index].socket }

  /// Makes room.
  mutating func removeAll() {
    count = 0
    end = 0
  }
}
