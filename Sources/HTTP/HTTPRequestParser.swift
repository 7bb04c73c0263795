/// Reads HTTP/1.1 requests out of bytes as they come (RFC 9112): no I/O, no clock.
///
/// It takes nothing that two readers could understand differently, since one of them may be a proxy in
/// front of this server: lines end with CRLF, a body's length is said once, and a head has one Host. It may
/// have none: load balancers look without (RFC 9112 §3.2 would have that refused), and who is let in is
/// not decided here.
package struct HTTPRequestParser {
  /// What the bytes so far come to.
  package enum Event {
    /// Nothing whole yet.
    case more
    /// Nothing whole yet, and the client waits for "100 Continue" before it sends the body.
    case awaitsContinue
    case request(HTTPRequest)
    /// Nothing that follows can be trusted to be another request.
    case refused(HTTPRefusal)
  }

  private enum State {
    case requestLine
    case fields
    case body(left: Int)
    case chunkSize
    case chunk(left: Int)
    case chunkEnd
    case trailer
  }

  /// Bytes of request line and header fields, with the trailer, or of a line that tells a chunk's size.
  private let headLimit: Int
  private let bodyLimit: Int
  private var state = State.requestLine
  /// The lines of the head that have come; the last one, from ``lineStart`` on, may lack its end.
  private var head: [UInt8] = []
  private var lineStart = 0
  private var line: RequestLine?
  private var fields: [HTTPRequest.Field] = []
  private var request: HTTPRequest?

  package init(headLimit: Int, bodyLimit: Int) {
    self.headLimit = headLimit
    self.bodyLimit = bodyLimit
  }

  /// Takes bytes up to the first event and says how many; to be called again with those behind.
  ///
  /// After a refusal nothing more is to be given to it.
  package mutating func take(_ input: Span<UInt8>) -> (count: Int, event: Event) {
    var position = 0
    do throws(HTTPRefusal) {
      while position < input.count {
        switch state {
        case .body(let left), .chunk(let left):
          let count = min(left, input.count - position)
          for index in position..<position + count { request?.body.append(input[index]) }
          position += count
          if case .chunk = state {
            state = count == left ? .chunkEnd : .chunk(left: left - count)
          } else {
            state = .body(left: left - count)
            if count == left { return (position, finish()) }
          }
        default:
          let byte = input[position]
          position += 1
          guard head.count < headLimit else { throw .headTooLong }
          head.append(byte)
          if byte == .lineFeed, let event = try endLine() { return (position, event) }
        }
      }
      return (position, .more)
    } catch {
      return (position, .refused(error))
    }
  }

  private mutating func endLine() throws(HTTPRefusal) -> Event? {
    // RFC 9112 §2.2 lets a line end without CR be taken; a proxy may not take it for one.
    let end = head.count - 2
    guard end >= lineStart, head[end] == .carriageReturn else { throw .malformed }
    let text = lineStart..<end
    lineStart = head.count
    switch state {
    case .requestLine:
      // RFC 9112 §2.2: empty lines before a request; they count as part of its head.
      if text.isEmpty { return nil }
      line = try RequestLine(head[text])
      state = .fields
    case .fields:
      guard text.isEmpty else {
        fields.append(try field(text))
        return nil
      }
      return try endHead()
    case .chunkSize:
      let size = try chunkSize(head[text])
      forget(text)
      state = size == 0 ? .trailer : .chunk(left: size)
    case .chunkEnd:
      guard text.isEmpty else { throw .malformed }
      forget(text)
      state = .chunkSize
    case .trailer:
      if text.isEmpty { return finish() }
      _ = try field(text)
    // UNREACHABLE: take(_:) reads these without looking for lines.
    case .body, .chunk: preconditionFailure("a body has no lines")
    }
    return nil
  }

  /// Drops a line that doesn't belong to the head, so that chunks don't use up its limit.
  private mutating func forget(_ text: Range<Int>) {
    head.removeSubrange(text.lowerBound...)
    lineStart = head.count
  }

  /// A header field (RFC 9112 §5): no blank before the colon, and no line that goes on with the next.
  private func field(_ text: Range<Int>) throws(HTTPRefusal) -> HTTPRequest.Field {
    guard let colon = head[text].firstIndex(of: UInt8(ascii: ":")), colon > text.lowerBound,
      head[text.lowerBound..<colon].allSatisfy(\.isTokenByte)
    else { throw .malformed }
    var value = head[(colon + 1)..<text.upperBound]
    guard value.allSatisfy(\.isValueByte) else { throw .malformed }
    value = value.drop { $0 == .space || $0 == .tab }
    while value.last == .space || value.last == .tab { value.removeLast() }
    return HTTPRequest.Field(name: text.lowerBound..<colon, value: value.indices)
  }

  /// Decides how long the body is (RFC 9112 §6).
  private mutating func endHead() throws(HTTPRefusal) -> Event? {
    guard let line else { throw .malformed }
    let request = HTTPRequest(line, head: head, fields: fields)
    let codings = request.headerCount("Transfer-Encoding")
    let lengths = request.headerCount("Content-Length")
    guard codings + lengths <= 1, request.headerCount("Host") <= 1 else { throw .malformed }
    if let coding = request.header("Transfer-Encoding") {
      guard coding.lowercased() == "chunked", request.isHTTP11 else { throw .malformed }
      state = .chunkSize
    } else {
      let length = try request.header("Content-Length").map { text throws(HTTPRefusal) in
        try size(text.utf8, radix: 10)
      }
      state = .body(left: length ?? 0)
    }
    self.request = request
    if case .body(left: 0) = state { return finish() }
    guard request.isHTTP11, let expectation = request.header("Expect") else { return nil }
    guard expectation.lowercased() == "100-continue" else { throw .unknownExpectation }
    return .awaitsContinue
  }

  /// The size in front of a chunk (RFC 9112 §7.1); extensions are ignored.
  private func chunkSize(_ text: ArraySlice<UInt8>) throws(HTTPRefusal) -> Int {
    guard text.allSatisfy(\.isValueByte) else { throw .malformed }
    return try size(
      text.prefix { $0 != UInt8(ascii: ";") && $0 != .space && $0 != .tab }, radix: 16)
  }

  /// A number of bytes of which there is room in the body.
  private func size(
    _ digits: some Collection<UInt8>, radix: Int
  ) throws(HTTPRefusal) -> Int {
    guard !digits.isEmpty else { throw .malformed }
    var size = 0
    for digit in digits {
      guard let value = digit.hexadecimal, value < radix else { throw .malformed }
      // No overflow: it is checked with each digit.
      size = size * radix + Int(value)
      guard size <= bodyLimit - (request?.body.count ?? 0) else { throw .bodyTooLarge }
    }
    return size
  }

  /// Hands out the request and begins anew.
  private mutating func finish() -> Event {
    let whole = request
    self = HTTPRequestParser(headLimit: headLimit, bodyLimit: bodyLimit)
    return whole.map { .request($0) } ?? .more
  }
}

/// Why a request can't be taken.
package enum HTTPRefusal: Error, Equatable {
  /// Not HTTP/1.x, or where it ends is in doubt.
  case malformed
  case headTooLong
  case bodyTooLarge
  case unknownMethod
  case unknownExpectation

  var status: Int {
    switch self {
    case .malformed: 400
    case .bodyTooLarge: 413
    case .unknownExpectation: 417
    // RFC 6585 §5.
    case .headTooLong: 431
    case .unknownMethod: 501
    }
  }

  var sentence: String {
    switch self {
    case .malformed:
      "not a request of HTTP/1.1; say Host and the body's length once: Content-Length, or Transfer-Encoding: chunked"
    case .bodyTooLarge: "the body is too large"
    case .unknownExpectation: "nothing but 100-continue can be expected"
    case .headTooLong: "the request's header is too large"
    case .unknownMethod: "no such method here"
    }
  }
}
