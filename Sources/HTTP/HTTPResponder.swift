import EventLoop

/// Answers one HTTP request: in one piece with `send`, or in parts with `begin`, `write` and `end`.
///
/// The answer can come later. One that is let go without an answer gives 500; once begun, a
/// response keeps its responder until it ends or the client goes away. Calls after that do nothing.
package final class HTTPResponder {
  /// Called once when the client goes away before the response has ended.
  ///
  /// Set it back to nil to break a cycle, if it captures this responder; it is let go when the
  /// response ends.
  package var onClientGone: (() -> Void)?

  /// Nil once there is nothing more to do.
  private weak var connection: HTTPConnection?
  private let isHead: Bool
  private let isHTTP11: Bool
  private var keepsConnection: Bool
  private var fields = ""
  private var hasBegun = false
  /// To be called when everything that was written has been taken by the kernel.
  private var flushed: [() -> Void] = []
  /// Self, while a response that has begun goes on.
  private var begun: HTTPResponder?

  init(_ request: HTTPRequest, _ connection: HTTPConnection) {
    isHead = request.isHead
    isHTTP11 = request.isHTTP11
    keepsConnection = request.keepsConnection
    self.connection = connection
  }

  deinit {
    send(status: 500, contentType: "text/plain", body: "no answer\n")
  }

  /// Whether the client still waits for something.
  package var isOpen: Bool { connection != nil }

  /// Adds a header field to a response that hasn't begun; a value with a line break is left out.
  package func addHeader(_ name: String, _ value: String) {
    guard value.utf8.allSatisfy(\.isValueByte) else { return }
    fields += "\(name): \(value)\r\n"
  }

  /// Has the connection closed after the answer.
  package func closeAfterwards() { keepsConnection = false }

  /// Answers with a body in one piece; without memory for it, the connection ends.
  package func send(status: Int, contentType: String, body: [UInt8]) {
    addHeader("Content-Type", contentType)
    addHeader("Content-Length", "\(body.count)")
    finish(status, isHead ? [] : body)
  }

  /// Answers with a text in one piece.
  package func send(status: Int, contentType: String, body: String) {
    send(status: status, contentType: contentType, body: Array(body.utf8))
  }

  /// Answers without a body: that it is well, or which methods there are (RFC 9110 §15.3.5).
  package func sendNothing() { finish(204) }

  /// Starts a response whose length isn't known; `write` and `end` follow.
  ///
  /// The answer to HEAD ends with this: ``isOpen`` is false then.
  package func begin(status: Int, contentType: String) {
    addHeader("Content-Type", contentType)
    guard !isHead else { return finish(status) }
    guard !hasBegun, let connection else { return }
    if isHTTP11 { addHeader("Transfer-Encoding", "chunked") } else { closeAfterwards() }
    hasBegun = true
    begun = self
    connection.write(head(status))
  }

  /// Sends a part of a response that has begun.
  ///
  /// `then` is called from the loop when the kernel has taken everything written so far: write
  /// the next part there, so that a slow client doesn't make the server keep it all. It isn't
  /// called when the client goes away; `onClientGone` is. Without memory for the part, the connection ends.
  package func write(_ part: [UInt8], then: @escaping () -> Void) {
    guard hasBegun, let connection else { return }
    // An empty chunk would end the response.
    guard !part.isEmpty else { return then() }
    flushed.append(then)
    guard isHTTP11 else { return connection.write(part) }
    connection.write(Array("\(String(part.count, radix: 16))\r\n".utf8), part)
    connection.write(Array("\r\n".utf8))
  }

  /// Ends a response that has begun; what was written is still sent.
  package func end() {
    guard hasBegun, let connection else { return }
    if isHTTP11 { connection.write(Array("0\r\n\r\n".utf8)) }
    forget()
    connection.answerEnded(keepsConnection: keepsConnection)
  }

  private func finish(_ status: Int, _ body: [UInt8] = []) {
    guard !hasBegun, let connection else { return }
    hasBegun = true
    forget()
    connection.write(head(status), body)
    connection.answerEnded(keepsConnection: keepsConnection)
  }

  private func head(_ status: Int) -> [UInt8] {
    if !keepsConnection {
      addHeader("Connection", "close")
    } else if !isHTTP11 {
      addHeader("Connection", "keep-alive")
    }
    return HTTPResponder.head(status, fields)
  }

  /// Status line and header fields (RFC 9112 §4), the last ones as they are given.
  static func head(_ status: Int, _ fields: String) -> [UInt8] {
    let reason =
      switch status {
      case 200: "OK"
      case 204: "No Content"
      case 400: "Bad Request"
      case 401: "Unauthorized"
      case 403: "Forbidden"
      case 404: "Not Found"
      case 405: "Method Not Allowed"
      case 413: "Content Too Large"
      case 417: "Expectation Failed"
      case 421: "Misdirected Request"
      case 422: "Unprocessable Content"
      case 431: "Request Header Fields Too Large"
      case 500: "Internal Server Error"
      case 501: "Not Implemented"
      case 503: "Service Unavailable"
      // RFC 9112 §4: nobody reads it.
      default: ""
      }
    return Array(
      "HTTP/1.1 \(status) \(reason)\r\nDate: \(EventLoop.httpDate())\r\n\(fields)\r\n".utf8)
  }

  /// Lets go of the connection: nothing is called after this.
  private func forget() {
    connection = nil
    flushed = []
    onClientGone = nil
    begun = nil
  }

  /// All that was written has been taken by the kernel.
  func wasFlushed() {
    let calls = flushed
    flushed = []
    for call in calls { call() }
  }

  func clientWentAway() {
    guard isOpen else { return }
    let notice = onClientGone
    forget()
    notice?()
  }
}
