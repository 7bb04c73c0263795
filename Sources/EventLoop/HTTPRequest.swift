import CEvent
import Glibc
import System

/// What a client asked for over HTTP, whole and copied.
public struct HTTPRequest {
  /// The methods that are let through; others get 501.
  public enum Method: Sendable {
    /// Ask. HEAD is this, too: its answer is the same without the body (RFC 9110 §9.3.2).
    case get
    /// Do something.
    case post
    /// Set something.
    case put
    /// Remove something.
    case delete
    /// Ask which methods there are.
    case options
  }

  /// What is to be done.
  public let method: Method
  /// The path with its percent escapes replaced, as in "/api/v1/cache/example.net".
  ///
  /// Octets that aren't UTF-8 become U+FFFD. An escaped slash can't be told from a plain one.
  public let path: String
  /// The parts of the query in their order, unescaped; without "=" the value is empty.
  public let query: [(name: String, value: String)]
  /// The header fields in their order.
  public let headers: [(name: String, value: String)]
  /// The body, at most as long as the server's limit.
  public let body: [UInt8]
  /// The host, with the port if there was one, of a request for a whole URI; nil for a path alone.
  ///
  /// It counts instead of the field Host (RFC 9112 §3.2.2).
  public let authority: String?
  /// The client; nil over a Unix socket.
  public let peer: SocketAddress?
  /// The address by which the client came; nil over a Unix socket.
  public let local: SocketAddress?

  /// The first header field of that name, whatever the case of its letters.
  public func header(_ name: String) -> String? {
    headers.first { Self.isEqual($0.name, name) }?.value
  }

  /// How many header fields have that name, whatever the case of its letters.
  public func headerCount(_ name: String) -> Int {
    headers.count { Self.isEqual($0.name, name) }
  }

  /// The first value of that name in the query.
  public func queryValue(_ name: String) -> String? {
    query.first { $0.name == name }?.value
  }

  /// Copies a request; nil for one without a path or with another method.
  @unsafe
  init?(_ request: UnsafeMutablePointer<evhttp_request>) {
    // SAFETY: libevent's strings are terminated and live as long as the request.
    switch unsafe evhttp_request_get_command(request) {
    case EVHTTP_REQ_GET, EVHTTP_REQ_HEAD: method = .get
    case EVHTTP_REQ_POST: method = .post
    case EVHTTP_REQ_PUT: method = .put
    case EVHTTP_REQ_DELETE: method = .delete
    case EVHTTP_REQ_OPTIONS: method = .options
    default: return nil
    }
    guard let location = unsafe evhttp_request_get_evhttp_uri(request),
      let text = unsafe evhttp_uri_get_path(location)
    else { return nil }
    path = Self.unescape(unsafe String(cString: text).utf8, plusIsSpace: false)
    if let text = unsafe evhttp_uri_get_query(location) {
      query = Self.splitQuery(unsafe String(cString: text))
    } else {
      query = []
    }
    var headers: [(name: String, value: String)] = []
    var field = unsafe evhttp_request_get_input_headers(request)?.pointee.tqh_first
    while let current = unsafe field {
      if let name = unsafe current.pointee.key, let value = unsafe current.pointee.value {
        unsafe headers.append((name: String(cString: name), value: String(cString: value)))
      }
      unsafe field = current.pointee.next.tqe_next
    }
    self.headers = headers
    let input = unsafe evhttp_request_get_input_buffer(request)
    let count = unsafe evbuffer_get_length(input)
    body = unsafe Array(unsafeUninitializedCapacity: count) { octets, filled in
      // SAFETY: copies at most as many octets as the array has room for.
      unsafe filled = max(0, Int(evbuffer_copyout(input, octets.baseAddress, count)))
    }
    authority = unsafe Self.authority(of: location)
    peer = unsafe Self.peer(of: request)
    local = unsafe Self.local(of: request)
  }

  @unsafe
  private static func authority(of location: OpaquePointer) -> String? {
    guard let host = unsafe evhttp_uri_get_host(location) else { return nil }
    let port = unsafe evhttp_uri_get_port(location)
    return unsafe String(cString: host) + (port < 0 ? "" : ":\(port)")
  }

  @unsafe
  private static func local(of request: UnsafeMutablePointer<evhttp_request>) -> SocketAddress? {
    guard let connection = unsafe evhttp_request_get_connection(request),
      let buffers = unsafe evhttp_connection_get_bufferevent(connection)
    else { return nil }
    return SocketAddress(ofSocket: unsafe bufferevent_getfd(buffers))
  }

  @unsafe
  private static func peer(of request: UnsafeMutablePointer<evhttp_request>) -> SocketAddress? {
    guard let connection = unsafe evhttp_request_get_connection(request),
      let name = unsafe evhttp_connection_get_addr(connection)
    else { return nil }
    // SAFETY: libevent keeps room for any kind of address.
    return unsafe SocketAddress(at: UnsafeRawPointer(name))
  }

  static func splitQuery(_ text: String) -> [(name: String, value: String)] {
    text.utf8.split(separator: UInt8(ascii: "&")).map { part in
      let sides = part.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      return (
        name: unescape(sides[0], plusIsSpace: true),
        value: sides.count == 2 ? unescape(sides[1], plusIsSpace: true) : ""
      )
    }
  }

  /// Replaces percent escapes (RFC 3986 §2.1); what isn't one stays as it is.
  static func unescape(_ text: some Collection<UInt8>, plusIsSpace: Bool) -> String {
    let text = Array(text)
    var octets: [UInt8] = []
    octets.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      if text[index] == UInt8(ascii: "%"), index + 2 < text.count,
        let high = hexadecimal(text[index + 1]), let low = hexadecimal(text[index + 2])
      {
        octets.append(high << 4 | low)
        index += 3
      } else {
        let isPlus = plusIsSpace && text[index] == UInt8(ascii: "+")
        octets.append(isPlus ? UInt8(ascii: " ") : text[index])
        index += 1
      }
    }
    return String(decoding: octets, as: UTF8.self)
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private static func isEqual(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8) { lowerCased($0) == lowerCased($1) }
  }

  private static func lowerCased(_ letter: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(letter) ? letter | 0x20 : letter
  }
}
