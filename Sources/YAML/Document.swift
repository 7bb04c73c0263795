/// One YAML document, read whole with libyaml.
///
/// What a configuration needs: scalars, lists and mappings. Anchors, aliases, tags and several
/// documents in one file are refused: they make a file mean what nobody reads in it.
package struct Document: Sendable {
  /// The document's value; nothing when the text has none.
  package let root: Node?

  /// Longest text that is read, in octets.
  package static let longest = 1 << 20
  /// Lists and mappings within each other at most.
  package static let deepest = 16

  /// Reads a text in UTF-8.
  package init(_ octets: [UInt8]) throws(SyntaxError) {
    guard octets.count <= Document.longest else {
      throw SyntaxError(
        Mark(line: 1, column: 1),
        "\(octets.count) octets are more than a configuration has (\(Document.longest) at most)")
    }
    var reader = TreeReader(events: try EventSource(octets))
    root = try reader.document()
  }
}

/// Why a text is no document, and where.
package struct SyntaxError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Where.
  package let mark: Mark
  /// What is wrong and what to do.
  package let message: String

  /// Says what is wrong where.
  package init(_ mark: Mark, _ message: String) {
    self.mark = mark
    self.message = message
  }

  /// Line, column and what is wrong.
  package var description: String { "\(mark.line):\(mark.column): \(message)" }
}

/// A stream of events as nodes.
private struct TreeReader {
  let events: EventSource
  private var depth = 0

  init(events: EventSource) {
    self.events = events
  }

  mutating func document() throws(SyntaxError) -> Node? {
    guard case .streamStart = try events.next().kind,
      case .documentStart = try events.next().kind
    else { return nil }
    let root = try node(try events.next())
    _ = try events.next()
    let after = try events.next()
    guard case .streamEnd = after.kind else {
      throw SyntaxError(after.mark, "a second document begins here; one file has one")
    }
    return root
  }

  private mutating func node(_ event: EventSource.Event) throws(SyntaxError) -> Node {
    guard !event.isAdorned else {
      throw SyntaxError(event.mark, "anchors (&) and tags (!) are not understood; write the value")
    }
    depth += 1
    defer { depth -= 1 }
    guard depth <= Document.deepest else { throw SyntaxError(event.mark, "nested too deeply") }
    switch event.kind {
    case .scalar(let text, let isQuoted):
      return Node(content: .scalar(text, isQuoted: isQuoted), mark: event.mark)
    case .sequenceStart:
      return Node(content: .sequence(try items()), mark: event.mark)
    case .mappingStart:
      return Node(content: .mapping(try entries()), mark: event.mark)
    default:
      throw SyntaxError(event.mark, "aliases (*) are not understood; write the value")
    }
  }

  private mutating func items() throws(SyntaxError) -> [Node] {
    var items: [Node] = []
    while true {
      let item = try events.next()
      if case .sequenceEnd = item.kind { return items }
      items.append(try node(item))
    }
  }

  private mutating func entries() throws(SyntaxError) -> [Node.Entry] {
    var entries: [Node.Entry] = []
    var marks: [String: Mark] = [:]
    while true {
      let key = try events.next()
      if case .mappingEnd = key.kind { return entries }
      guard case .scalar(let name, _) = key.kind, !key.isAdorned else {
        throw SyntaxError(key.mark, "a key is a word")
      }
      if let first = marks.updateValue(key.mark, forKey: name) {
        throw SyntaxError(key.mark, "\(name) stands here again; it was set in line \(first.line)")
      }
      entries.append(Node.Entry(key: name, mark: key.mark, value: try node(try events.next())))
    }
  }
}
