import DNSWire
import Memory

/// One question to one group of servers: it may be sent again, to others, without what one didn't bear, or over TCP.
public struct Exchange: Chained {
  /// The type that is asked for.
  public let type: RecordType
  /// DO and CD.
  public let queryFlags: QueryFlags
  /// The hash of the name that is asked for.
  public let nameHash: UInt32
  let nameCount: UInt8
  /// Tells this exchange from others that had the same slot.
  let generation: UInt32
  /// When it was first asked.
  public let started: UInt64
  /// The servers that it may be sent to.
  var group: ServerGroupID
  /// The server asked last.
  public internal(set) var server: ServerID
  /// Whether groups have changed since it began: a server that it has met may not be asked any more.
  var mayHaveLeft = false
  /// The servers that it has met.
  var met = ServersMet()
  /// How it is being asked.
  var phase = Phase.udp
  /// Whether it is not asked any more.
  public var isEnded: Bool { phase.isEnded }
  /// Whether it is being asked over TCP.
  public var isStreaming: Bool { phase.isTCP }
  /// Packets sent so far over UDP.
  public internal(set) var attemptCount: UInt8 = 0
  /// Packets sent so far, over UDP and TCP; nothing begins that count anew.
  public internal(set) var packets: UInt8 = 0
  /// Attempts that the network refused.
  var refusals: UInt8 = 0
  /// Replies to what is under way over UDP that may be forged.
  var mismatches: UInt8 = 0
  /// Attempts at it that had malformed replies.
  var malformed: UInt8 = 0
  /// How often TCP could not tell whose reply had no cookie.
  var cookieDoubts: UInt8 = 0
  /// Whether it was asked again for a server's cookie.
  var hasRenewedCookie = false
  /// Whether it was asked over TCP because a server is silent, or asked over TCP alone.
  var hasTriedTCP = false
  /// Whether it goes out in lower case.
  var usesLowerCase = false
  /// Whether its drawn letter case differs from lower case: a name without letters never does.
  var showsCase = false
  /// Whether it was sent although all servers were given up.
  public internal(set) var isTrial: Bool
  /// What was in the way last.
  public internal(set) var cause = ResolutionError.silence
  /// The same, for people.
  public internal(set) var detail = FailureDetail(.silence)
  /// Octets of what a server said of its error (``UpstreamErrors``).
  var errorsCount: UInt8 = 0
  /// When the packet under way has had time enough.
  var due: UInt64 = 0
  /// When it fails; never by itself once it has ended.
  public internal(set) var deadline: UInt64
  /// When its owner wants to be told, beside the deadline.
  var alarm = UInt64.max
  var firstTransmission = TransmissionID.none
  var chain = ChainTable.end

  init(
    type: RecordType, queryFlags: QueryFlags, nameHash: UInt32, nameCount: UInt8,
    group: ServerGroupID,
    server: ServerID, isTrial: Bool, draw: UInt64, now: UInt64
  ) {
    self.type = type
    self.queryFlags = queryFlags
    self.nameHash = nameHash
    self.nameCount = nameCount
    self.group = group
    self.server = server
    self.isTrial = isTrial
    generation = UInt32(truncatingIfNeeded: draw)
    started = now
    deadline = now + ExchangeTiming.deadline
  }

  mutating func countPacket() { if packets < UInt8.max { packets += 1 } }

  /// Forgets what was tried; what it has cost stays.
  mutating func reset() {
    met = ServersMet()
    phase = .udp
    attemptCount = 0
    refusals = 0
    mismatches = 0
    malformed = 0
    cookieDoubts = 0
    hasRenewedCookie = false
    hasTriedTCP = false
    usesLowerCase = false
    cause = .silence
    detail = FailureDetail(.silence)
    errorsCount = 0
  }

  // Inlined: while the exchanges are being changed, a call that only borrows gets a copy of the whole.

  @inline(__always)
  var hash: UInt32 { Exchange.hash(nameHash, type, queryFlags) }

  @inline(__always)
  static func hash(_ nameHash: UInt32, _ type: RecordType, _ queryFlags: QueryFlags) -> UInt32 {
    let kind = UInt32(queryFlags.rawValue) << 16 | UInt32(type.rawValue)
    return nameHash &+ kind &* 0x9E37_79B1
  }

  /// Whether it was sent without something that a server didn't bear.
  @inline(__always)
  var isSimplified: Bool {
    !met.all.isDisjoint(with: .simplified) || phase.isTCP(because: .silence)
  }
}

/// One packet over UDP to one server; its reply is good until the exchange ends.
struct Transmission: Chained {
  var exchange: ExchangeID
  var socket: SocketID
  var id: UInt16
  /// What EDNS it had.
  var edns: EDNSOffer
  /// Whether the name's letters had random case.
  var isMixedCase: Bool
  /// Whether it had a cookie.
  var hasCookie: Bool
  /// What it did without because its server said nothing.
  var simplicity: Simplicity
  /// Whether a malformed reply came, or one that shows nothing but its ID.
  var isSpoiled = false
  /// Whether a reply with another's cookie came.
  var hasWrongCookie = false
  /// Whether the network said that it didn't arrive.
  var isRefused = false
  var sent: UInt64
  /// The same by ``Exchanges/stopwatch``.
  var stopwatch: UInt32
  /// The one sent before for the same exchange.
  var next: TransmissionID
  var chain = ChainTable.end

  @inline(__always)
  var hash: UInt32 { Transmission.hash(socket, id) }

  @inline(__always)
  static func hash(_ socket: SocketID, _ id: UInt16) -> UInt32 {
    UInt32(id) ^ socket.rawValue &* 0x9E37_79B1
  }
}
