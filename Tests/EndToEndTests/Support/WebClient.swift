import Foundation

/// A client of HTTP/1.1 that sends exactly what it is told.
struct WebClient {
  let endpoint: Endpoint
  /// Brought with each request that has no field Authorization of its own.
  var token: String?

  static let usualToken = "correct-horse-battery-staple"

  struct Response {
    let status: Int
    /// Names in lower case.
    let headers: [String: String]
    let body: String

    var json: Any? {
      try? JSONSerialization.jsonObject(with: Data(body.utf8), options: .fragmentsAllowed)
    }

    /// Reads a response that the end of the connection ended.
    init?(_ octets: [UInt8]) {
      let text = String(decoding: octets, as: UTF8.self)
      guard text.hasPrefix("HTTP/1."), let end = text.range(of: "\r\n\r\n") else { return nil }
      let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
      guard let number = lines[0].split(separator: " ").dropFirst().first.flatMap({ Int($0) })
      else { return nil }
      status = number
      var headers: [String: String] = [:]
      for line in lines.dropFirst() {
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
      }
      self.headers = headers
      body = String(text[end.upperBound...])
    }
  }

  /// Sends a request with its header fields, and returns the answer; `nil` when there is none in time.
  ///
  /// Host is the endpoint unless it is among the fields; the empty value leaves a field out.
  func request(
    _ method: String = "GET", _ target: String, _ fields: [String: String] = [:],
    body: String = "", within duration: Duration = .seconds(20)
  ) throws -> Response? {
    var fields = fields
    fields["Host"] = fields["Host"] ?? "\(endpoint)"
    fields["Connection"] = "close"
    if let token { fields["Authorization"] = fields["Authorization"] ?? "Bearer \(token)" }
    if method != "GET" { fields["Content-Length"] = "\(body.utf8.count)" }
    let head = fields.filter { !$0.value.isEmpty }.map { "\($0.key): \($0.value)\r\n" }.joined()
    return Response(
      try exchange("\(method) \(target) HTTP/1.1\r\n\(head)\r\n\(body)", within: duration))
  }

  /// Sends a text, and returns all that comes until the server closes the connection.
  func exchange(_ text: String, within duration: Duration = .seconds(20)) throws -> [UInt8] {
    let socket = try Socket.connected(.stream, to: endpoint)
    socket.send(Array(text.utf8))
    let deadline = Deadline(after: duration)
    var received: [UInt8] = []
    while socket.isReadable(before: deadline) {
      guard let more = try? socket.receive(), !more.isEmpty else { break }
      received += more
    }
    return received
  }
}

extension ServerProcess {
  /// A client of the server's HTTP, whose port the log tells.
  func web() throws -> WebClient {
    guard let line = logLines(containing: "page=http://").first,
      let match = line.firstMatch(of: /page=http:\/\/(.*):(\d+)\//),
      let port = UInt16(match.output.2)
    else { throw NotReady(description: "the log names no page: \(log)") }
    let address = match.output.1.trimmingCharacters(in: ["[", "]"])
    return WebClient(
      endpoint: Endpoint(address == "0.0.0.0" ? "127.0.0.1" : address, port),
      token: arguments.contains("--http-token-file") ? WebClient.usualToken : nil)
  }
}
