import Memory

/// The last packets whose replies are no longer waited for.
///
/// What still comes for them is late or a duplicate. It looks just like a guess when the same name is being asked
/// again: after an answer that may not be kept, or with other flags.
struct FinishedTransactions: ~Copyable {
  /// Packets remembered; the oldest gives way.
  static let capacity = 1_024
  /// Milliseconds for which a packet is remembered, from when it was sent: five seconds after its question's end
  /// at least.
  static let life = ExchangeTiming.deadline + 5_000

  struct Entry: BitwiseCopyable {
    var socket = SocketID(.none, member: 0)
    var id: UInt16 = 0
    var sent: UInt64 = 0
  }

  private var entries: FixedArray<Entry>
  private var next = 0

  init() { entries = FixedArray(repeating: Entry(), count: FinishedTransactions.capacity) }

  /// Remembers a packet.
  mutating func insert(_ socket: SocketID, id: UInt16, sent: UInt64) {
    entries[next] = Entry(socket: socket, id: id, sent: sent)
    next = next + 1 < FinishedTransactions.capacity ? next + 1 : 0
  }

  /// Whether a packet is remembered.
  ///
  /// Looks at all of them: it is asked only about the first guess at a packet under way.
  func contains(_ socket: SocketID, id: UInt16, now: UInt64) -> Bool {
    for index in 0..<FinishedTransactions.capacity
    where entries[index].id == id && entries[index].socket == socket {
      if now < entries[index].sent + FinishedTransactions.life { return true }
    }
    return false
  }
}
