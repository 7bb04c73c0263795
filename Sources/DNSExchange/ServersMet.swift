/// The servers that a question has met so far, and how each took it.
///
/// As many as packets are sent for one question: what would be one more is not asked.
struct ServersMet: BitwiseCopyable {
  /// How a server took a question.
  struct Marks: OptionSet, BitwiseCopyable {
    let rawValue: UInt8

    /// It was asked in the present round.
    static var tried: Marks { Marks(rawValue: 1) }
    /// It gave an error or can't be reached: it is not asked again.
    static var failed: Marks { Marks(rawValue: 2) }
    /// It answered, with an error.
    static var erred: Marks { Marks(rawValue: 4) }
    /// It did not understand EDNS.
    static var withoutEDNS: Marks { Marks(rawValue: 8) }
    /// It understood EDNS, but no cookie.
    static var withoutCookie: Marks { Marks(rawValue: 16) }
    /// It refused or denied the name in mixed letter case.
    static var caseDenied: Marks { Marks(rawValue: 32) }

    /// It is asked without something that it did not bear.
    static var simplified: Marks { [.withoutEDNS, .withoutCookie, .caseDenied] }
  }

  private struct Entry: BitwiseCopyable {
    var server: ServerID
    var marks: Marks
  }

  /// Servers at most.
  static let limit = ExchangeTiming.attempts

  private var entries: InlineArray<12, Entry>
  /// Servers that were met.
  private(set) var count = 0
  /// The marks of all together.
  private(set) var all: Marks = []

  init() {
    // Written out: the loop of `repeating:` takes thirty instructions of every miss.
    let none = Entry(server: .none, marks: [])
    entries = [none, none, none, none, none, none, none, none, none, none, none, none]
  }

  /// Whether no other server than these can be asked.
  var isFull: Bool { count == ServersMet.limit }

  /// How a server took the question; nothing when it was not asked.
  @inline(__always)
  func marks(of server: ServerID) -> Marks {
    for index in 0..<count where entries[index].server == server {
      return entries[index].marks
    }
    return []
  }

  /// Whether a server has a mark.
  @inline(__always)
  func has(_ mark: Marks, _ server: ServerID) -> Bool {
    all.contains(mark) && marks(of: server).contains(mark)
  }

  /// Notes how a server took the question; nothing is noted of a server beyond the ``limit``.
  @inline(__always)
  mutating func insert(_ mark: Marks, _ server: ServerID) {
    for index in 0..<count where entries[index].server == server {
      entries[index].marks.insert(mark)
      all.insert(mark)
      return
    }
    guard !isFull else { return }
    entries[count] = Entry(server: server, marks: mark)
    count += 1
    all.insert(mark)
  }

  /// Takes a mark from a server.
  mutating func remove(_ mark: Marks, _ server: ServerID) {
    for index in 0..<count where entries[index].server == server {
      entries[index].marks.remove(mark)
    }
    recount()
  }

  /// Takes a mark from all servers.
  mutating func remove(_ mark: Marks) {
    for index in 0..<count { entries[index].marks.remove(mark) }
    recount()
  }

  /// Forgets a server: its identifier is another's now.
  mutating func forget(_ server: ServerID) {
    for index in 0..<count where entries[index].server == server {
      count -= 1
      entries[index] = entries[count]
      recount()
      return
    }
  }

  /// One of the servers, by a number below ``count``, if it has a mark.
  func server(_ index: Int, with mark: Marks) -> ServerID? {
    entries[index].marks.contains(mark) ? entries[index].server : nil
  }

  private mutating func recount() {
    all = []
    for index in 0..<count { all.formUnion(entries[index].marks) }
  }
}
