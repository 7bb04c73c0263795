import Glibc

/// The path of a Unix socket, as the kernel takes it.
struct UnixAddress {
  private var storage = sockaddr_un()

  /// Throws ENAMETOOLONG for a path that doesn't fit: on Linux 107 octets do.
  init(path: String) throws(SystemError) {
    let octets = Array(path.utf8)
    // SAFETY: checked to fit with the terminating zero, which the storage already has.
    let fits = unsafe withUnsafeMutableBytes(of: &storage.sun_path) { room in
      guard !octets.isEmpty, octets.count < room.count, !octets.contains(0) else { return false }
      unsafe room.copyBytes(from: octets)
      return true
    }
    guard fits else { throw SystemError(call: "bind", purpose: path, code: ENAMETOOLONG) }
    storage.sun_family = sa_family_t(AF_UNIX)
  }

  /// Lends the address to a call such as bind or connect.
  func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    unsafe withUnsafePointer(to: storage) {
      // SAFETY: every sockaddr type begins with a family, by which the kernel tells them apart.
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
