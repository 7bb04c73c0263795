import DNSService
import DNSWire
import Memory

/// One query for the log.
public struct QueryEntry: Sendable {
  /// Where the client is.
  public var client: IPAddress
  /// Whether it came over TCP.
  public var isTCP: Bool
  /// Where the answer came from.
  public var source: AnswerSource
  /// The answer's code; nothing when there was no answer.
  public var rcode: ResponseCode?
  /// From reading the query to writing the answer.
  public var microseconds: UInt64

  /// Describes a query.
  public init(
    client: IPAddress, isTCP: Bool, source: AnswerSource, rcode: ResponseCode?,
    microseconds: UInt64
  ) {
    self.client = client
    self.isTCP = isTCP
    self.source = source
    self.rcode = rcode
    self.microseconds = microseconds
  }
}

/// Writes the line of a query into a buffer that is used again for each.
public struct QueryLine: ~Copyable {
  private var octets = FixedArray<UInt8>(repeating: 0, count: QueryLine.longest)
  private var count = 0
  private let prefix: [UInt8]

  /// Bytes of the longest line: a name of 255 octets, each escaped, and what is beside it.
  public static let longest = 1_400

  /// Makes a buffer for lines that begin so.
  public init(prefix: String) {
    self.prefix = Array((prefix + "query").utf8)
  }

  /// The line last written, its end included.
  public var line: Span<UInt8> {
    @_lifetime(borrow self)
    get { octets.span.extracting(0..<count) }
  }

  /// Writes a query's line.
  ///
  /// - Parameter question: the question as in a message, or anything else: what is no name is left out.
  public mutating func write(_ entry: QueryEntry, question: Span<UInt8>) {
    count = 0
    for octet in prefix { put(octet) }
    put(" client=")
    put(entry.client)
    put(entry.isTCP ? " proto=tcp name=" : " proto=udp name=")
    putQuestion(question)
    put(" rcode=")
    if let rcode = entry.rcode { put("\(rcode)") } else { put("-") }
    put(" source=")
    put(entry.source.rawValue)
    put(" us=")
    put(entry.microseconds)
    put(UInt8(ascii: "\n"))
  }

  private mutating func putQuestion(_ question: Span<UInt8>) {
    guard let end = try? WireName.endOfPlain(question, at: 0), end + 2 <= question.count else {
      put("- type=-")
      return
    }
    var position = 0
    if question[0] == 0 { put(UInt8(ascii: ".")) }
    while question[position] != 0 {
      let label = Int(question[position])
      for index in position + 1...position + label { putEscaped(question[index]) }
      put(UInt8(ascii: "."))
      position += label + 1
    }
    put(" type=")
    put("\(RecordType(rawValue: question.load16(end)))")
  }

  /// Writes an octet of a name (RFC 1035 §5.1): what is no letter, digit, hyphen or the like as `\DDD`.
  private mutating func putEscaped(_ octet: UInt8) {
    switch octet {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
      UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: "+"):
      put(octet)
    default:
      put(UInt8(ascii: "\\"))
      for digit in [octet / 100, octet / 10 % 10, octet % 10] { put(UInt8(ascii: "0") + digit) }
    }
  }

  private mutating func put(_ address: IPAddress) {
    guard address.isIPv4 else { return put("\(address)") }
    for shift in [24, 16, 8, 0] as [UInt64] {
      put(address.low >> shift & 0xFF)
      if shift > 0 { put(UInt8(ascii: ".")) }
    }
  }

  private mutating func put(_ number: UInt64) {
    var scale: UInt64 = 1
    while number / scale >= 10 { scale *= 10 }
    while scale > 0 {
      put(UInt8(ascii: "0") + UInt8(number / scale % 10))
      scale /= 10
    }
  }

  private mutating func put(_ text: String) { for octet in text.utf8 { put(octet) } }

  private mutating func put(_ octet: UInt8) {
    octets[count] = octet
    count += 1
  }
}
