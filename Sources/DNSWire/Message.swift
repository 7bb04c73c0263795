/// A whole message as a value, for tests, tools and scripted servers.
///
/// Reading and writing one allocates freely; the server's own path uses `RecordCursor` and
/// `MessageWriter`, on which this is built.
public struct Message: Hashable, Sendable {
  /// The transaction ID.
  public var id: UInt16
  /// The 16 bits from QR to RCODE (RFC 1035 §4.1.1).
  public var flags: UInt16
  /// What is asked; one entry in practice.
  public var questions: [Question]
  /// The Answer section.
  public var answers: [Record]
  /// The Authority section.
  public var authority: [Record]
  /// The Additional section without OPT.
  public var additional: [Record]
  /// What OPT says, nil when there is none.
  public var edns: EDNS?

  /// Makes a message, by default one that asks for nothing, with all flags clear.
  public init(
    id: UInt16 = 0, flags: UInt16 = 0, questions: [Question] = [], answers: [Record] = [],
    authority: [Record] = [], additional: [Record] = [], edns: EDNS? = nil
  ) {
    self.id = id
    self.flags = flags
    self.questions = questions
    self.answers = answers
    self.authority = authority
    self.additional = additional
    self.edns = edns
  }

  /// Makes a query that wants recursion.
  public init(
    query name: Name, _ type: RecordType, id: UInt16 = 0, edns: EDNS? = nil
  ) {
    self.init(
      id: id, flags: MessageHeader.Flag.recursionDesired,
      questions: [Question(name: name, type: type)], edns: edns)
  }

  /// Makes a response to a query: its ID, opcode, question, RD and CD, with QR set
  /// (RFC 1035 §4.1.1, RFC 4035 §3.2.2).
  public init(
    respondingTo query: Message, rcode: ResponseCode = .noError, answers: [Record] = [],
    authority: [Record] = [], additional: [Record] = [], edns: EDNS? = nil
  ) {
    let kept =
      MessageHeader.Flag.opcodeMask | MessageHeader.Flag.recursionDesired
      | MessageHeader.Flag.checkingDisabled
    self.init(
      id: query.id, flags: query.flags & kept | MessageHeader.Flag.response,
      questions: query.questions, answers: answers, authority: authority, additional: additional,
      edns: edns)
    self.rcode = rcode
  }
}

extension Message {
  /// This is a response.
  public var qr: Bool {
    get { self[MessageHeader.Flag.response] }
    set { self[MessageHeader.Flag.response] = newValue }
  }

  /// The answer is the zone's own.
  public var aa: Bool {
    get { self[MessageHeader.Flag.authoritative] }
    set { self[MessageHeader.Flag.authoritative] = newValue }
  }

  /// The message was cut to fit.
  public var tc: Bool {
    get { self[MessageHeader.Flag.truncated] }
    set { self[MessageHeader.Flag.truncated] = newValue }
  }

  /// Recursion is wanted.
  public var rd: Bool {
    get { self[MessageHeader.Flag.recursionDesired] }
    set { self[MessageHeader.Flag.recursionDesired] = newValue }
  }

  /// Recursion is offered.
  public var ra: Bool {
    get { self[MessageHeader.Flag.recursionAvailable] }
    set { self[MessageHeader.Flag.recursionAvailable] = newValue }
  }

  /// The data was validated (RFC 4035 §3.2.3).
  public var ad: Bool {
    get { self[MessageHeader.Flag.authenticData] }
    set { self[MessageHeader.Flag.authenticData] = newValue }
  }

  /// Validation is not wanted (RFC 4035 §3.2.2).
  public var cd: Bool {
    get { self[MessageHeader.Flag.checkingDisabled] }
    set { self[MessageHeader.Flag.checkingDisabled] = newValue }
  }

  /// What is to be done; only four bits of a new value are kept.
  public var opcode: Opcode {
    get { Opcode(UInt8(flags >> 11 & 0xF)) }
    set {
      flags = flags & ~MessageHeader.Flag.opcodeMask | UInt16(newValue.rawValue & 0xF) << 11
    }
  }

  /// How the question ended: the header's four bits and, above them, the eight of OPT.
  ///
  /// A code above 15 brings `edns` into being when there is none, since the header cannot hold it.
  public var rcode: ResponseCode {
    get {
      ResponseCode(
        headerBits: UInt8(flags & MessageHeader.Flag.rcodeMask),
        extendedBits: edns?.extendedRcode ?? 0)
    }
    set {
      flags = flags & ~MessageHeader.Flag.rcodeMask | UInt16(newValue.headerBits)
      if edns == nil, newValue.extendedBits != 0 { edns = EDNS() }
      edns?.extendedRcode = newValue.extendedBits
    }
  }

  private subscript(_ flag: UInt16) -> Bool {
    get { flags & flag != 0 }
    set { flags = newValue ? flags | flag : flags & ~flag }
  }
}

extension Message: CustomStringConvertible {
  /// All of the message, a line for the header, each question and each record.
  public var description: String {
    let names = [
      (qr, "qr"), (aa, "aa"), (tc, "tc"), (rd, "rd"), (ra, "ra"), (ad, "ad"), (cd, "cd"),
    ]
    var lines = [
      "\(opcode) \(rcode) id \(id) \(names.filter(\.0).map(\.1).joined(separator: " "))"
    ]
    lines += questions.map { "question   \($0)" }
    lines += answers.map { "answer     \($0)" }
    lines += authority.map { "authority  \($0)" }
    lines += additional.map { "additional \($0)" }
    if let edns {
      let options = edns.options.map { "\($0.code)=\(BaseEncoding.hex.text($0.data))" }
      lines.append(
        (["edns       version \(edns.version) udp \(edns.udpSize) flags \(edns.flags)"] + options)
          .joined(separator: " "))
    }
    return lines.joined(separator: "\n")
  }
}
