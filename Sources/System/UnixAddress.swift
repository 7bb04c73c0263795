import Glibc

/// The address of a Unix socket, as the kernel takes it.
struct UnixAddress {
  private var storage = sockaddr_un()
  private let length: socklen_t

  /// The place of a file; throws ENAMETOOLONG for a path that doesn't fit: on Linux 107 octets do.
  init(path: String) throws(SystemError) {
    guard Self.fill(&storage, with: Array(path.utf8), at: 0) else {
      throw SystemError(call: "bind", purpose: path, code: ENAMETOOLONG)
    }
    storage.sun_family = sa_family_t(AF_UNIX)
    length = socklen_t(MemoryLayout<sockaddr_un>.size)
  }

  /// A name in the abstract namespace, which has no file (unix(7)); the same length holds.
  init(abstractName name: String) throws(SystemError) {
    let octets = Array(name.utf8)
    // The zero in front tells it from a path; the length ends it.
    guard Self.fill(&storage, with: octets, at: 1) else {
      throw SystemError(call: "connect", purpose: "@\(name)", code: ENAMETOOLONG)
    }
    storage.sun_family = sa_family_t(AF_UNIX)
    let pathOffset = MemoryLayout<sa_family_t>.size
    length = socklen_t(pathOffset + 1 + octets.count)
  }

  /// Puts octets into the path; false for none, for a zero among them, and for too many.
  private static func fill(
    _ storage: inout sockaddr_un, with octets: [UInt8], at offset: Int
  ) -> Bool {
    // SAFETY: checked to fit with a terminating zero, which the storage already has.
    unsafe withUnsafeMutableBytes(of: &storage.sun_path) { room in
      guard !octets.isEmpty, offset + octets.count < room.count, !octets.contains(0)
      else { return false }
      for (index, octet) in octets.enumerated() { unsafe room[offset + index] = octet }
      return true
    }
  }

  /// Lends the address to a call such as bind or connect.
  func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    unsafe withUnsafePointer(to: storage) {
      // SAFETY: every sockaddr type begins with a family, by which the kernel tells them apart.
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
    }
  }
}
