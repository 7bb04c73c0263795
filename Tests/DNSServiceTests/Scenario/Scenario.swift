import DNSPolicy
import DNSService
import DNSWire

/// A conversation of clients, the server and its upstreams, read from a scenario file.
struct Scenario {
  /// What the server is set up with.
  var options = Host.Options(upstreams: 0)
  /// Whether probes must be expected by lines; else they are passed over.
  var showsProbes = false
  /// What happens and what is expected, in order.
  var steps: [Step] = []

  /// One line of the file, with the indented record lines that belong to it.
  struct Step {
    var line: Int
    /// The time that the line begins with, in milliseconds.
    var time: UInt64?
    var statement: Statement
  }

  enum Statement {
    // What happens.
    case clientAsks(ClientQuery)
    case upstreamAnswers(UpstreamReply)
    case upstreamSends(upstream: IPAddress, query: String, [Octets])
    case upstreamUnreachable(upstream: IPAddress, query: String)
    case streamFails(query: String)
    case sweepPasses
    case networkChanges
    /// The LAN has records more, or none of a source any more.
    case localAdds(LocalSource.Kind, [Record])
    case localLoses(LocalSource.Kind)
    /// A list has these names and no others, or there is one rule more.
    case listHas(String, [(name: Name, kind: NameSet.Kind)])
    case ruleComes(BlockRule)
    case blockedGet(BlockAnswer)
    case blockingPauses(Bool)
    // What is expected.
    case upstreamIsAsked(UpstreamQuery)
    case upstreamIsProbed(upstream: IPAddress, Question, isStream: Bool, label: String)
    case upstreamIsProbedForLoop(upstream: IPAddress, label: String)
    case streamIsClosed(query: String)
    case clientGets(ClientReply)
    case clientGetsNothing(client: String)
    case inFlight(Int)
    case cacheShows(CachedSet)
    case cacheLacks(Name, RecordType)
    case counter(String, UInt64)
  }

  struct ClientQuery {
    var client: String
    var question: Question
    var transport = Service.Transport.udp
    var ednsSize: UInt16?
    var recursionDesired = true
    var checkingDisabled = false
    var authenticData = false
    var dnssecOK = false
    var address = Host.client
    /// The query whose name is asked for, in place of the question's.
    var sameNameAs: String?
  }

  struct UpstreamQuery {
    var upstream: IPAddress
    var name: Name
    var type: RecordType
    var isStream: Bool
    var hasEDNS = true
    var checkingDisabled = false
    var dnssecOK = false
    /// Whether OPT has a cookie of ours.
    var hasCookie = true
    /// The server's octets behind it.
    var serverCookie: [UInt8] = []
    /// Whether the name is in lower case, or in mixed case, if a line says so.
    var isLowerCase: Bool?
    /// Whether the reply may have no more than 512 octets.
    var isSmall = false
    /// What later lines call it.
    var label: String
  }

  struct UpstreamReply {
    var upstream: IPAddress
    var query: String
    var rcode = ResponseCode.noError
    var isAuthoritative = false
    var isTruncated = false
    var isAuthentic = false
    var isResponse = true
    var offersRecursion = true
    var opcode = Opcode.query
    var hasWrongID = false
    var hasWrongSocket = false
    var hasEDNS: Bool?
    /// Extended errors in OPT.
    var extendedErrors: [UInt16] = []
    var cookie: Cookie?
    /// The question sent back, when it is not the one that was asked.
    var question: Question?
    var hasQuestion = true
    /// Octets left out at the end.
    var cut = 0
    /// Octets too many.
    var trailing = 0
    var records = Records()
  }

  /// The cookie that comes back.
  struct Cookie {
    /// Whether the client's octets are not those that were sent.
    var isWrong = false
    /// The server's octets, as many as it likes.
    var server: [UInt8] = []
  }

  /// A piece of a packet that is given octet by octet.
  enum Octets {
    case id
    case question
    case literal([UInt8])
  }

  struct ClientReply {
    var client: String
    var rcode: ResponseCode
    var isTruncated = false
    var isAuthoritative = false
    var isAuthentic = false
    /// The numbers of the extended errors that there are to be (RFC 8914).
    var extendedErrors: [UInt16] = []
    var records = Records()
  }

  struct CachedSet {
    var name: Name
    /// Nothing stands for NXDOMAIN.
    var type: RecordType?
    var isNegative = false
    var rank: String?
    var ttl: UInt32?
    /// Seconds since it expired.
    var age: UInt32?
    var count: Int?
    /// The words of its marks, with commas in between; "none" for none.
    var flags: String?
    var signatures: Int?
    var proof: Int?
  }

  struct Records: Equatable {
    var answers: [Record] = []
    var authority: [Record] = []
    var additional: [Record] = []
  }
}

/// What is wrong with a scenario, or with how it went.
struct ScenarioError: Error, CustomStringConvertible {
  var file: String
  var line: Int
  var message: String

  var description: String { "\(file):\(line): \(message)" }
}
