import Foundation

/// The service manager's end of sd_notify(3): a Unix socket that takes datagrams.
final class NotifySocket {
  /// What the server finds in NOTIFY_SOCKET.
  let name: String
  private let socket: Socket
  /// Every message so far, in order.
  private(set) var messages: [String] = []

  /// A socket at a path, or with `@` in front one without a file.
  init(_ name: String) throws {
    self.name = name
    socket = try Socket(.datagram, family: AF_UNIX)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let octets = name.hasPrefix("@") ? [0] + name.utf8.dropFirst() : Array(name.utf8)
    // SAFETY: the copy is bounded by the structure's own room.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
      unsafe room.copyBytes(from: octets.prefix(room.count - 1))
    }
    let length = MemoryLayout<sa_family_t>.size + octets.count + (name.hasPrefix("@") ? 0 : 1)
    let number = socket.descriptor
    // SAFETY: a sockaddr_un is a sockaddr by the system's own convention.
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(number, $0, socklen_t(length))
      }
    }
    guard status == 0 else { throw SystemError("bind to \(name)") }
    // As the service manager's, it takes news from whoever it started.
    if !name.hasPrefix("@") { unsafe _ = chmod(name, 0o777) }
  }

  /// Takes in what has come, and waits for a message that begins with a text or has a line that does.
  func hears(_ text: String, within duration: Duration = .seconds(20)) throws -> Bool {
    let deadline = Deadline(after: duration)
    while true {
      try drain()
      if messages.contains(where: { $0.split(separator: "\n").contains { $0.hasPrefix(text) } }) {
        return true
      }
      guard socket.isReadable(before: deadline) else { return false }
    }
  }

  /// Forgets what came before.
  func forget() throws {
    try drain()
    messages = []
  }

  /// How many messages have a line that begins with a text.
  func count(of text: String) throws -> Int {
    try drain()
    return messages.count { $0.split(separator: "\n").contains { $0.hasPrefix(text) } }
  }

  private func drain() throws {
    while socket.isReadable(before: Deadline(after: .zero)) {
      messages.append(String(decoding: try socket.receive(), as: UTF8.self))
    }
  }
}
