import Randomness
import Testing

@testable import HTTP

@Suite("Requests (RFC 9112)")
struct HTTPRequestParserTests {
  static let usual = "GET / HTTP/1.1\r\nHost: x\r\n"

  /// What a parser makes of bytes that come in pieces: the requests' paths and bodies, and why it stopped.
  private func parse(
    _ text: String, pieces: Int = .max
  ) -> (requests: [HTTPRequest], refusal: HTTPRefusal?, continues: Int) {
    var parser = HTTPRequestParser(headLimit: 200, bodyLimit: 20)
    var requests: [HTTPRequest] = []
    var continues = 0
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let piece = Array(rest.prefix(pieces))
      let (count, event) = parser.take(piece.span)
      rest = rest.dropFirst(count)
      switch event {
      case .more: #expect(count == piece.count)
      case .awaitsContinue: continues += 1
      case .request(let request): requests.append(request)
      case .refused(let refusal): return (requests, refusal, continues)
      }
    }
    return (requests, nil, continues)
  }

  @Test(arguments: [
    // Line ends (§2.2), and lines that go on (§5.2).
    "GET / HTTP/1.1\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\n\r\n", usual + "\n",
    usual + "X: 1\r\n 2\r\n\r\n", usual + "X: 1\r\n\t2\r\n\r\n", " " + usual + "\r\n",
    usual + "X: a\rb\r\n\r\n", "GET / HTTP/1.1\r\r\n\r\n",
    // Request lines (§3).
    "GET /\r\n\r\n", "GET / HTTP/1.1 \r\n\r\n", "GET  / HTTP/1.1\r\n\r\n",
    "GET\t/ HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1x\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "GET / http/1.1\r\n\r\n",
    "GET / HTTP/1.\r\n\r\n", "GET x HTTP/1.1\r\n\r\n", "GET * HTTP/1.1\r\n\r\n",
    "GET ftp://x/ HTTP/1.1\r\n\r\n", "G(T / HTTP/1.1\r\n\r\n", "GET /\u{1} HTTP/1.1\r\n\r\n",
    // Header fields (§5.1).
    usual + "X : 1\r\n\r\n", usual + ": 1\r\n\r\n", usual + "X\r\n\r\n", usual + "X Y: 1\r\n\r\n",
    usual + "X: \u{0}\r\n\r\n", usual + "X: \u{7F}\r\n\r\n", usual + "Host: y\r\n\r\n",
    usual + "hOST: x\r\n\r\n",
    // Where a body ends (§6.3).
    usual + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    usual + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
    usual + "Content-Length: 1, 1\r\n\r\n", usual + "Content-Length: +1\r\n\r\n",
    usual + "Content-Length: -1\r\n\r\n", usual + "Content-Length: 0x1\r\n\r\n",
    usual + "Content-Length: 1a\r\n\r\n", usual + "Content-Length:\r\n\r\n",
    usual + "Transfer-Encoding: gzip, chunked\r\n\r\n",
    usual + "Transfer-Encoding: identity\r\n\r\n",
    usual + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    usual + "Transfer-Encoding: xchunked\r\n\r\n", usual + "Transfer-Encoding:\r\n\r\n",
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
  ])
  func `what two readers could take differently is refused`(text: String) {
    #expect(parse(text).refusal == .malformed)
    #expect(parse(text, pieces: 1).refusal == .malformed)
  }

  @Test(arguments: [
    "\r\n", "zz\r\n", "-1\r\n", "0x1\r\n", "1\n", "1\r\nab\r\n", "1\r\na\n", "1 \u{0}\r\n",
    "0\r\nX\r\n\r\n", "0\r\n X: 1\r\n\r\n", " 1\r\n",
  ])
  func `a malformed chunk is refused`(chunks: String) {
    let head = Self.usual + "Transfer-Encoding: chunked\r\n\r\n"
    #expect(parse(head + chunks).refusal == .malformed)
    #expect(parse(head + chunks, pieces: 1).refusal == .malformed)
  }

  @Test(arguments: [
    ("Content-Length: 21\r\n\r\n", HTTPRefusal.bodyTooLarge),
    ("Content-Length: 99999999999999999999999999\r\n\r\n", .bodyTooLarge),
    ("Transfer-Encoding: chunked\r\n\r\n15\r\n", .bodyTooLarge),
    ("Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", .bodyTooLarge),
    ("Transfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n1\r\n", .bodyTooLarge),
    ("Transfer-Encoding: chunked\r\n\r\n" + String(repeating: "0", count: 300), .headTooLong),
    (
      "Transfer-Encoding: chunked\r\n\r\n0\r\n" + String(repeating: "X: 1\r\n", count: 40),
      .headTooLong
    ),
    ("X: " + String(repeating: "x", count: 300), .headTooLong),
    (String(repeating: "X: 1\r\n", count: 40), .headTooLong),
  ])
  func `what goes over the limits is refused`(rest: String, refusal: HTTPRefusal) {
    #expect(parse(Self.usual + rest).refusal == refusal)
    #expect(parse(Self.usual + rest, pieces: 1).refusal == refusal)
  }

  @Test func `empty lines before a request are left out, and not without end`() {
    let found = parse("\r\n\r\n" + Self.usual + "\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
    #expect(found.requests.map(\.path) == ["/", "/2"] && found.refusal == nil)
    #expect(parse(String(repeating: "\r\n", count: 200)).refusal == .headTooLong)
  }

  @Test func `a request is the same in whatever pieces it comes`() {
    let text =
      Self.usual + "\r\n" + "POST /a?b=c HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
      + "PUT /%61 HTTP/1.1\r\nX:\t y \t\r\ntransfer-encoding: Chunked\r\n\r\n"
      + "2;x=y\r\nde\r\n01 \r\nf\r\n0\r\nTrailer: 1\r\n\r\n" + "HEAD http://h HTTP/1.0\r\n\r\n"
    for pieces in 1...text.utf8.count {
      let found = parse(text, pieces: pieces)
      #expect(found.refusal == nil)
      #expect(found.requests.map(\.path) == ["/", "/a", "/a", "/"])
      #expect(found.requests.map(\.method) == [.get, .post, .put, .get])
      #expect(
        found.requests.map { String(decoding: $0.body, as: UTF8.self) } == ["", "abc", "def", ""])
      #expect(found.requests[2].header("x") == "y")
      #expect(found.requests[2].header("trailer") == nil)
      #expect(found.requests[3].isHead && found.requests[3].authority == "h")
    }
  }

  @Test(arguments: [
    ("HTTP/1.1\r\n", true), ("HTTP/1.0\r\n", false), ("HTTP/1.1\r\nConnection: close\r\n", false),
    ("HTTP/1.1\r\nConnection: x\r\nConnection: y, Close\r\n", false),
    ("HTTP/1.0\r\nConnection: Keep-Alive\r\n", true), ("HTTP/1.7\r\nConnection: closed\r\n", true),
    ("HTTP/1.0\r\nConnection: keep-alive, close\r\n", false),
  ])
  func `the connection stays open as the client wishes`(rest: String, keeps: Bool) throws {
    let request = try #require(parse("GET / \(rest)\r\n").requests.first)
    #expect(request.keepsConnection == keeps)
  }

  @Test func `only a body that is still to come is waited for`() {
    let expect = "POST / HTTP/1.1\r\nExpect: 100-Continue\r\n"
    #expect(parse(expect + "Content-Length: 1\r\n\r\n").continues == 1)
    #expect(parse(expect + "Transfer-Encoding: chunked\r\n\r\n").continues == 1)
    #expect(parse(expect + "Content-Length: 0\r\n\r\n").continues == 0)
    #expect(parse(expect + "\r\n").requests.count == 1)
    let old = "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    #expect(parse(old).continues == 0 && parse(old).refusal == nil)
  }

  /// Requests cut, doubled and changed: whatever the pieces, the same comes of them.
  @Test func `any bytes come to the same in whatever pieces`() {
    var random = SplitMix64(seed: 13)
    let seeds = [
      Self.usual + "\r\n", Self.usual + "Content-Length: 3\r\n\r\nabc",
      Self.usual + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: 1\r\n\r\n",
      "OPTIONS * HTTP/1.0\r\n\r\n",
    ].map { Array($0.utf8) }
    for _ in 0..<3_000 {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes += seeds.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 0...2, using: &random) where !bytes.isEmpty {
          let place = Int.random(in: 0..<bytes.count, using: &random)
          switch Int.random(in: 0..<4, using: &random) {
          case 0: bytes[place] = .random(in: 0...127, using: &random)
          case 1: bytes.remove(at: place)
          case 2: bytes.insert(contentsOf: "\r\n".utf8, at: place)
          default: bytes.insert(contentsOf: bytes[place...].prefix(9), at: place)
          }
        }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      let whole = parse(text)
      let pieces = parse(text, pieces: Int.random(in: 1...9, using: &random))
      #expect(whole.requests.map(\.path) == pieces.requests.map(\.path))
      #expect(whole.requests.map(\.body) == pieces.requests.map(\.body))
      #expect(whole.refusal == pieces.refusal && whole.continues == pieces.continues)
    }
  }
}
