import Memory

extension Message {
  /// Writes the message, its counts and OPT being made from what it holds.
  ///
  /// Owner names, and names in the data of RFC 1035's types, are compressed unless told otherwise
  /// (RFC 3597 §4). Records that would go past `limit` octets are left out from the first one on,
  /// with TC set unless all of them are in Additional (RFC 2181 §9); header, questions and OPT are
  /// written whatever the limit. OPT comes first in Additional, so that a TSIG stays the last.
  public func encoded(limit: Int = 65_535, compress: Bool = true) -> [UInt8] {
    let fixed = questions.map(\.wire)
    let opt = edns?.record
    let optCount = opt.map { MessageWriter.optSize + $0.rdata.count } ?? 0
    let smallest = MessageHeader.size + fixed.reduce(0) { $0 + $1.count } + optCount
    let limit = max(min(limit, Int(UInt16.max)), smallest)
    var buffer = [UInt8](repeating: 0, count: limit)
    var space = buffer.mutableSpan
    let suffixes = Pinned(SuffixTable())
    defer { suffixes.destroy() }
    var writer = MessageWriter(&space, limit: limit - optCount, suffixes: suffixes)
    writer.header(id: id, questionCount: UInt16(questions.count))
    for question in fixed { writer.question(question.span) }
    let isWhole =
      Message.write(answers, in: .answer, to: &writer, compress: compress)
      && Message.write(authority, in: .authority, to: &writer, compress: compress)
    writer.limit = limit
    if let opt { _ = Message.write([opt], in: .additional, to: &writer, compress: false) }
    if isWhole {
      _ = Message.write(additional, in: .additional, to: &writer, compress: compress)
    }
    let count = writer.finish(
      flags: isWhole ? flags : flags | MessageHeader.Flag.truncated)
    return Array(buffer[..<count])
  }

  /// Writes records until one does not fit; says whether all did.
  @_lifetime(writer: copy writer)
  private static func write(
    _ records: [Record], in section: RecordView.Section, to writer: inout MessageWriter,
    compress: Bool
  ) -> Bool {
    for record in records {
      let mark = writer.mark
      let data = writer.beginRecord(
        ownerName: record.name.wire.span, compress: compress, type: record.type,
        recordClass: record.recordClass.rawValue, ttl: record.ttl)
      // The writer looks for names only where they are sure to be.
      if compress, (try? RData.check(record.rdata.span, of: record.type)) != nil {
        writer.data(record.rdata.span, of: record.type)
      } else {
        writer.octets(record.rdata.span)
      }
      writer.endRecord(data, in: section)
      if writer.overflowed {
        writer.rewind(to: mark)
        return false
      }
    }
    return true
  }
}
