import DNSWire
import EventLoop
import System

/// What a client asked for over HTTP, whole and copied.
package struct HTTPRequest {
  /// The methods that are let through; others get 501.
  package enum Method: Sendable {
    /// HEAD is this, too: its answer is the same without the body (RFC 9110 §9.3.2).
    case get
    case post
    case put
    case delete
    case options
  }

  package let method: Method
  /// Whether the request was HEAD, whose answer has no body.
  package let isHead: Bool
  /// The host, with the port if there was one, of a request for a whole URI; nil for a path alone.
  ///
  /// It counts instead of the field Host (RFC 9112 §3.2.2).
  package let authority: String?
  /// The path with its percent escapes replaced, as in "/api/v1/cache/example.net".
  ///
  /// Bytes that aren't UTF-8 become U+FFFD. An escaped slash can't be told from a plain one.
  package let path: String
  /// The parts of the query in their order, unescaped; without "=" the value is empty.
  package let query: [(name: String, value: String)]
  /// Whether the client understands HTTP/1.1, chunks among it.
  package let isHTTP11: Bool
  /// Request line and header fields as they came.
  private let head: [UInt8]
  private let fields: [Field]
  /// At most as long as the server's limit.
  package internal(set) var body: [UInt8] = []
  /// The client; nil over a Unix socket.
  package internal(set) var peer: Endpoint?
  /// The address by which the client came; nil over a Unix socket.
  package internal(set) var local: Endpoint?

  /// Where name and value of a header field stand in the head.
  struct Field {
    let name: Range<Int>
    let value: Range<Int>
  }

  init(_ line: RequestLine, head: [UInt8], fields: [Field]) {
    method = line.method
    isHead = line.isHead
    authority = line.authority
    path = line.path
    query = line.query
    isHTTP11 = line.isHTTP11
    self.head = head
    self.fields = fields
  }

  /// The first header field of that name, whatever the case of its letters.
  package func header(_ name: String) -> String? { values(name).first }

  /// How many header fields have that name, whatever the case of its letters.
  package func headerCount(_ name: String) -> Int { values(name).count }

  /// The first value of that name in the query.
  package func queryValue(_ name: String) -> String? { query.first { $0.name == name }?.value }

  /// Whether the connection stays open for another request (RFC 9112 §9.3).
  var keepsConnection: Bool {
    let options = values("Connection").joined(separator: ",").lowercased().split(separator: ",")
      .map { $0.filter { $0 != " " && $0 != "\t" } }
    return !options.contains("close") && (isHTTP11 || options.contains("keep-alive"))
  }

  private func values(_ name: String) -> [String] {
    fields.filter { field in
      head[field.name].elementsEqual(name.utf8) { $0.lowercased == $1.lowercased }
    }.map { String(decoding: head[$0.value], as: UTF8.self) }
  }
}

/// The first line of a request (RFC 9112 §3).
struct RequestLine {
  let method: HTTPRequest.Method
  let isHead: Bool
  let authority: String?
  let path: String
  let query: [(name: String, value: String)]
  let isHTTP11: Bool

  /// Reads the line without its end.
  init(_ line: ArraySlice<UInt8>) throws(HTTPRefusal) {
    let parts = line.split(separator: .space, omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(\.isTokenByte),
      parts[1].allSatisfy({ $0 > .space && $0 != .delete })
    else { throw .malformed }
    guard parts[2].count == 8, parts[2].starts(with: "HTTP/1.".utf8), let minor = parts[2].last,
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(minor)
    else { throw .malformed }
    isHTTP11 = minor != UInt8(ascii: "0")
    let name = String(decoding: parts[0], as: UTF8.self)
    isHead = name == "HEAD"
    switch name {
    case "GET", "HEAD": method = .get
    case "POST": method = .post
    case "PUT": method = .put
    case "DELETE": method = .delete
    case "OPTIONS": method = .options
    default: throw .unknownMethod
    }
    if parts[1].elementsEqual("*".utf8), method == .options {
      (authority, path, query) = (nil, "*", [])
      return
    }
    var rest = parts[1]
    if rest.first == .slash {
      authority = nil
    } else {
      let scheme = ["http://", "https://"].first { scheme in
        rest.prefix(scheme.utf8.count).elementsEqual(scheme.utf8) { $0.lowercased == $1 }
      }
      guard let scheme else { throw .malformed }
      rest = rest.dropFirst(scheme.utf8.count)
      let host = rest.prefix { $0 != .slash && $0 != UInt8(ascii: "?") }
      // RFC 3986 §3.2.1: a user's name may stand before the host.
      let start = host.lastIndex(of: UInt8(ascii: "@")).map { $0 + 1 } ?? host.startIndex
      authority = String(decoding: host[start...], as: UTF8.self)
      rest = rest[host.endIndex...]
    }
    let end = rest.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
    path = end == rest.startIndex ? "/" : Self.unescape(rest[..<end], plusIsSpace: false)
    query = Self.splitQuery(rest[end...].dropFirst())
  }

  private static func splitQuery(_ text: ArraySlice<UInt8>) -> [(name: String, value: String)] {
    text.split(separator: UInt8(ascii: "&")).map { part in
      let sides = part.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      return (
        name: unescape(sides[0], plusIsSpace: true),
        value: sides.count == 2 ? unescape(sides[1], plusIsSpace: true) : ""
      )
    }
  }

  /// Replaces percent escapes (RFC 3986 §2.1); what isn't one stays as it is.
  private static func unescape(_ text: ArraySlice<UInt8>, plusIsSpace: Bool) -> String {
    var bytes: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let high = rest.first?.hexadecimal,
        let low = rest.dropFirst().first?.hexadecimal
      {
        bytes.append(high << 4 | low)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? .space : byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension UInt8 {
  static let tab = UInt8(ascii: "\t")
  static let lineFeed = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")
  static let space = UInt8(ascii: " ")
  static let slash = UInt8(ascii: "/")
  static let delete: UInt8 = 0x7F

  /// The letter in lower case, other bytes as they are.
  var lowercased: UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
  }

  /// Whether it may stand in a method's or a header field's name (RFC 9110 §5.6.2).
  var isTokenByte: Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(lowercased)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
      || "!#$%&'*+-.^_`|~".utf8.contains(self)
  }

  /// Whether it may stand in a header field's value (RFC 9110 §5.5): visible, above ASCII, or a blank.
  var isValueByte: Bool { self >= .space && self != .delete || self == .tab }

  /// The value of a hexadecimal digit.
  var hexadecimal: UInt8? {
    switch lowercased {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): lowercased - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
