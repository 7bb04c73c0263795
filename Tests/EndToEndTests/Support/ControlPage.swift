import Foundation

/// What a page of the control socket answers, asked over HTTP as a browser or Prometheus would.
struct ControlPage {
  let status: Int
  let contentType: String
  let body: String

  /// Asks for a path of a server's control socket.
  init(_ path: String, of server: ServerProcess, method: String = "GET") throws {
    let socket = try Socket.connected(toFile: server.control)
    socket.send(
      Array("\(method) \(path) HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".utf8))
    var octets: [UInt8] = []
    let deadline = Deadline(after: .seconds(20))
    while socket.isReadable(before: deadline) {
      let part = try socket.receive()
      if part.isEmpty { break }
      octets += part
    }
    let text = String(decoding: octets, as: UTF8.self)
    let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
    let head = parts[0].split(separator: "\r\n")
    status = head.first.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") } ?? 0
    contentType =
      head.first { $0.lowercased().hasPrefix("content-type:") }
      .map { $0.dropFirst("content-type:".count).trimmingCharacters(in: .whitespaces) } ?? ""
    body = parts.count > 1 ? String(parts[1]) : ""
  }
}
