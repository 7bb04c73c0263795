/// A whole message, as the tests write and read it.
struct DNSMessage: Hashable, Sendable {
  struct Question: Hashable, Sendable {
    var name: DNSName
    var type: UInt16
    var `class`: UInt16 = 1
  }

  enum Malformed: Error {
    case tooShort
    case badName
  }

  var id: UInt16
  var flags: UInt16
  var questions: [Question] = []
  var answers: [DNSRecord] = []
  var authorities: [DNSRecord] = []
  var additionals: [DNSRecord] = []

  init(id: UInt16 = .random(in: .min ... .max), flags: UInt16 = 0) {
    self.id = id
    self.flags = flags
  }

  /// A question with the RD flag, and EDNS when a size is given.
  static func query(
    _ name: DNSName, _ type: UInt16 = RecordType.a, class: UInt16 = 1, edns: UInt16? = nil,
    dnssecOK: Bool = false, flags: UInt16 = Flag.recursionDesired
  ) -> DNSMessage {
    var message = DNSMessage(flags: flags)
    message.questions = [Question(name: name, type: type, class: `class`)]
    if let edns { message.additionals = [.opt(size: edns, dnssecOK: dnssecOK)] }
    return message
  }

  /// The reply of a recursive server to a question: QR, RA, and RD as asked.
  static func reply(
    to query: DNSMessage, code: UInt16 = 0, answers: [DNSRecord] = [],
    authorities: [DNSRecord] = [], additionals: [DNSRecord] = []
  ) -> DNSMessage {
    var message = DNSMessage(
      id: query.id,
      flags: Flag.response | Flag.recursionAvailable | query.flags & Flag.recursionDesired | code)
    message.questions = query.questions
    message.answers = answers
    message.authorities = authorities
    message.additionals = additionals
    if query.edns != nil { message.additionals.append(.opt()) }
    return message
  }

  enum Flag {
    static let response: UInt16 = 0x8000
    static let authoritative: UInt16 = 0x0400
    static let truncated: UInt16 = 0x0200
    static let recursionDesired: UInt16 = 0x0100
    static let recursionAvailable: UInt16 = 0x0080
    static let authenticData: UInt16 = 0x0020
    static let checkingDisabled: UInt16 = 0x0010
  }

  func has(_ flag: UInt16) -> Bool { flags & flag != 0 }
  var opcode: UInt16 { flags >> 11 & 0xf }

  /// The OPT record.
  var edns: DNSRecord? { additionals.first { $0.type == RecordType.opt } }

  /// The response code, with the upper bits of EDNS.
  var code: UInt16 {
    flags & 0xf | UInt16(truncatingIfNeeded: (edns?.ttl ?? 0) >> 24) << 4
  }

  var question: Question? { questions.first }

  func encoded() -> [UInt8] {
    var bytes = id.octets + flags.octets
    bytes += UInt16(questions.count).octets + UInt16(answers.count).octets
    bytes += UInt16(authorities.count).octets + UInt16(additionals.count).octets
    for question in questions {
      bytes += question.name.encoded + question.type.octets + question.class.octets
    }
    for record in answers + authorities + additionals {
      if record.name == questions.first?.name, questions.count == 1 {
        // RFC 1035 §4.1.4: a pointer to the question, as every server writes it.
        bytes += [0xc0, 0x0c] + record.encoded().dropFirst(record.name.encoded.count)
      } else {
        bytes += record.encoded()
      }
    }
    return bytes
  }

  init(parsing bytes: [UInt8]) throws {
    var reader = Reader(bytes: bytes)
    id = try reader.uint16()
    flags = try reader.uint16()
    let counts = try (0..<4).map { _ in Int(try reader.uint16()) }
    for _ in 0..<counts[0] {
      questions.append(
        Question(name: try reader.name(), type: try reader.uint16(), class: try reader.uint16()))
    }
    for _ in 0..<counts[1] { answers.append(try reader.record()) }
    for _ in 0..<counts[2] { authorities.append(try reader.record()) }
    for _ in 0..<counts[3] { additionals.append(try reader.record()) }
  }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) {
      self.bytes = bytes
    }

    mutating func uint8() throws -> UInt8 {
      guard position < bytes.count else { throw Malformed.tooShort }
      defer { position += 1 }
      return bytes[position]
    }

    mutating func uint16() throws -> UInt16 {
      UInt16(try uint8()) << 8 | UInt16(try uint8())
    }

    mutating func uint32() throws -> UInt32 {
      UInt32(try uint16()) << 16 | UInt32(try uint16())
    }

    mutating func octets(_ count: Int) throws -> [UInt8] {
      guard count <= bytes.count - position else { throw Malformed.tooShort }
      defer { position += count }
      return Array(bytes[position..<position + count])
    }

    mutating func name() throws -> DNSName {
      var labels: [[UInt8]] = []
      var end: Int?
      // A name has at most 127 labels and, in an honest message, fewer pointers.
      for _ in 0..<256 {
        let length = try uint8()
        if length & 0xc0 == 0xc0 {
          let target = Int(length & 0x3f) << 8 | Int(try uint8())
          end = end ?? position
          guard target < position - 2 else { throw Malformed.badName }
          position = target
        } else if length == 0 {
          position = end ?? position
          return DNSName(labels: labels)
        } else {
          labels.append(try octets(Int(length)))
        }
      }
      throw Malformed.badName
    }

    mutating func record() throws -> DNSRecord {
      let owner = try name()
      let type = try uint16()
      let `class` = try uint16()
      let ttl = try uint32()
      let length = Int(try uint16())
      let end = position + length
      guard end <= bytes.count else { throw Malformed.tooShort }
      var data: [UInt8]
      switch type {
      case RecordType.ns, RecordType.cname, RecordType.ptr:
        data = try name().encoded
      case RecordType.mx:
        data = try octets(2)
        data += try name().encoded
      case RecordType.soa:
        data = try name().encoded
        data += try name().encoded
        data += try octets(20)
      default:
        data = try octets(length)
      }
      guard position == end else { throw Malformed.tooShort }
      return DNSRecord(owner, type: type, class: `class`, ttl: ttl, data: data)
    }
  }
}
