import Foundation

/// A stub resolver on one UDP socket.
final class Client {
  let socket: Socket

  /// Asks a server, from any port of its family or from the source given.
  init(_ server: Endpoint, from source: Endpoint? = nil) throws {
    socket = try Socket.connected(.datagram, to: server, from: source)
  }

  func send(_ message: DNSMessage) { socket.send(message.encoded()) }

  /// The next datagram; `nil` when none comes in time.
  func receive(within duration: Duration = .seconds(20)) throws -> [UInt8]? {
    guard socket.isReadable(before: Deadline(after: duration)) else { return nil }
    return try socket.receive()
  }

  /// Asks and returns the reply that has the question's ID.
  func ask(_ message: DNSMessage, within duration: Duration = .seconds(20)) throws -> DNSMessage? {
    send(message)
    let deadline = Deadline(after: duration)
    while socket.isReadable(before: deadline) {
      let reply = try DNSMessage(parsing: socket.receive())
      if reply.id == message.id { return reply }
    }
    return nil
  }

  static func ask(
    _ server: Endpoint, _ message: DNSMessage, within duration: Duration = .seconds(20)
  ) throws -> DNSMessage? {
    try Client(server).ask(message, within: duration)
  }

  /// Sends any octets and returns what comes back.
  static func exchange(
    _ server: Endpoint, _ bytes: [UInt8], within duration: Duration = .seconds(20)
  ) throws -> [UInt8]? {
    let client = try Client(server)
    client.socket.send(bytes)
    return try client.receive(within: duration)
  }
}

/// A client's TCP connection, RFC 1035 §4.2.2 and RFC 7766.
final class StreamClient {
  let socket: Socket
  private var received: [UInt8] = []
  private(set) var isAtEnd = false

  /// Connects, from an address of loopback when one is given.
  init(_ server: Endpoint, from source: String? = nil) throws {
    socket = try Socket.connected(.stream, to: server, from: source.map { Endpoint($0, 0) })
  }

  /// A message with its length in front.
  static func framed(_ bytes: [UInt8]) -> [UInt8] { UInt16(bytes.count).octets + bytes }

  func send(_ message: DNSMessage) { socket.send(Self.framed(message.encoded())) }

  /// The next whole message; `nil` when none comes in time, or the connection was closed.
  func receive(within duration: Duration = .seconds(20)) -> [UInt8]? {
    let deadline = Deadline(after: duration)
    while true {
      if received.count >= 2 {
        let length = Int(received[0]) << 8 | Int(received[1])
        if received.count >= 2 + length {
          defer { received.removeFirst(2 + length) }
          return Array(received[2..<2 + length])
        }
      }
      guard !isAtEnd, socket.isReadable(before: deadline) else { return nil }
      guard let more = try? socket.receive(), !more.isEmpty else {
        isAtEnd = true
        return nil
      }
      received += more
    }
  }

  func ask(_ message: DNSMessage, within duration: Duration = .seconds(20)) throws -> DNSMessage? {
    send(message)
    return try receive(within: duration).map { try DNSMessage(parsing: $0) }
  }

  /// Whether the server closes the connection in time; what it sends meanwhile is kept.
  func isClosedByServer(within duration: Duration) -> Bool {
    let deadline = Deadline(after: duration)
    while !isAtEnd, socket.isReadable(before: deadline) {
      if let more = try? socket.receive(), !more.isEmpty {
        received += more
      } else {
        isAtEnd = true
      }
    }
    return isAtEnd
  }
}
