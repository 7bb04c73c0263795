import CYAML

/// libyaml's parser over one text: its events, one after the other, in Swift's own memory.
@safe
final class EventSource {
  // On the heap: the parser keeps pointers to itself and to the text.
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let text: UnsafeMutablePointer<UInt8>

  /// What of an event is of use.
  struct Event {
    enum Kind {
      case streamStart, streamEnd, documentStart, documentEnd
      case scalar(String, isQuoted: Bool)
      case alias
      case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    }

    var kind: Kind
    var mark: Mark
    /// Whether it has an anchor or a tag.
    var isAdorned = false
  }

  init(_ octets: [UInt8]) throws(SyntaxError) {
    // SAFETY: both are freed in deinit, which also runs when this fails.
    unsafe parser = UnsafeMutablePointer.allocate(capacity: 1)
    unsafe text = UnsafeMutablePointer.allocate(capacity: max(octets.count, 1))
    unsafe parser.initialize(to: yaml_parser_t())
    unsafe text.initialize(repeating: 0, count: max(octets.count, 1))
    guard unsafe yaml_parser_initialize(parser) == 1 else {
      throw SyntaxError(Mark(line: 1, column: 1), "no memory for reading")
    }
    for index in 0..<octets.count { unsafe text[index] = octets[index] }
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, text, octets.count)
  }

  deinit {
    // SAFETY: of a parser that was not initialised all fields are zero, and nothing is freed.
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
    unsafe text.deallocate()
  }

  func next() throws(SyntaxError) -> Event {
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure }
    defer { unsafe yaml_event_delete(&event) }
    let mark = unsafe Mark(event.start_mark)
    switch unsafe event.type {
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      // SAFETY: libyaml gives the octets' count; they live until the event is deleted.
      let text = unsafe String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      let isQuoted = unsafe scalar.style != YAML_PLAIN_SCALAR_STYLE
      let isAdorned = unsafe scalar.anchor != nil || scalar.tag != nil
      return Event(kind: .scalar(text, isQuoted: isQuoted), mark: mark, isAdorned: isAdorned)
    case YAML_SEQUENCE_START_EVENT:
      let start = unsafe event.data.sequence_start
      let isAdorned = unsafe start.anchor != nil || start.tag != nil
      return Event(kind: .sequenceStart, mark: mark, isAdorned: isAdorned)
    case YAML_MAPPING_START_EVENT:
      let start = unsafe event.data.mapping_start
      let isAdorned = unsafe start.anchor != nil || start.tag != nil
      return Event(kind: .mappingStart, mark: mark, isAdorned: isAdorned)
    case YAML_ALIAS_EVENT: return Event(kind: .alias, mark: mark)
    case YAML_SEQUENCE_END_EVENT: return Event(kind: .sequenceEnd, mark: mark)
    case YAML_MAPPING_END_EVENT: return Event(kind: .mappingEnd, mark: mark)
    case YAML_DOCUMENT_START_EVENT: return Event(kind: .documentStart, mark: mark)
    case YAML_DOCUMENT_END_EVENT: return Event(kind: .documentEnd, mark: mark)
    case YAML_STREAM_START_EVENT: return Event(kind: .streamStart, mark: mark)
    default: return Event(kind: .streamEnd, mark: mark)
    }
  }

  private var failure: SyntaxError {
    // SAFETY: libyaml's messages are constants, ended by zero.
    let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "not YAML"
    guard unsafe parser.pointee.error != YAML_READER_ERROR else {
      // Octets that are no UTF-8 have no mark; what was read before them has.
      return unsafe SyntaxError(Mark(parser.pointee.mark), "not UTF-8 text: \(problem)")
    }
    return unsafe SyntaxError(Mark(parser.pointee.problem_mark), problem)
  }
}

extension Mark {
  fileprivate init(_ mark: yaml_mark_t) {
    self.init(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
  }
}
