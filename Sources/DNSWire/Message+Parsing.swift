import Memory

extension Message {
  /// Reads a whole message, uncompressing the names in its records (RFC 1035 §4.1.4, RFC 3597 §4).
  ///
  /// Throws `badOption` for a second OPT, one outside Additional or not at the root (RFC 6891
  /// §6.1.1), `trailingOctets` when octets are left over, and what else is wrong.
  public init(parsing message: Span<UInt8>) throws(WireError) {
    let header = try MessageHeader(message)
    self.init(id: header.id, flags: header.flags)
    var position = MessageHeader.size
    for _ in 0..<header.questionCount {
      let (name, end) = try Message.name(in: message, at: position)
      guard end + 4 <= message.count else { throw .truncated }
      questions.append(
        Question(
          name: name, type: RecordType(message.load16(end)),
          recordClass: RecordClass(message.load16(end + 2))))
      position = end + 4
    }
    var cursor = RecordCursor(header, at: position)
    while let record = try cursor.next(message) {
      if record.type == .opt {
        guard edns == nil, record.section == .additional, message[record.owner] == 0 else {
          throw .badOption
        }
        edns = try EDNS(record, of: message)
        continue
      }
      let value = Record(
        name: try Message.name(in: message, at: record.owner).name, type: record.type,
        recordClass: RecordClass(record.recordClass), ttl: record.ttl,
        rdata: try Message.data(of: record, in: message))
      switch record.section {
      case .answer: answers.append(value)
      case .authority: authority.append(value)
      case .additional: additional.append(value)
      }
    }
    guard cursor.position == message.count else { throw .trailingOctets }
  }

  /// Reads a whole message, uncompressing the names in its records (RFC 1035 §4.1.4, RFC 3597 §4).
  public init(parsing message: [UInt8]) throws(WireError) {
    try self.init(parsing: message.span)
  }

  private static func name(
    in message: Span<UInt8>, at offset: Int
  ) throws(WireError) -> (name: Name, end: Int) {
    var buffer = [UInt8](repeating: 0, count: WireName.longest)
    var target = buffer.mutableSpan
    let (end, count) = try WireName.copy(message, at: offset, into: &target, at: 0)
    return (Name(validated: Array(buffer[..<count])), end)
  }

  /// A record's data with its names uncompressed.
  private static func data(of record: RecordView, in message: Span<UInt8>) throws(WireError)
    -> [UInt8]
  {
    // No type has more than two names that may come compressed.
    let room = min(record.dataCount + 2 * WireName.longest, RDataText.maximumLength)
    var buffer = [UInt8](repeating: 0, count: room)
    var target = buffer.mutableSpan
    let count = try RData.copy(record, of: message, into: &target, at: 0)
    return Array(buffer[..<count])
  }
}
