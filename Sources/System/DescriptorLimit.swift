import Glibc

/// How many files and sockets the process may have open.
package enum DescriptorLimit {
  /// Lifts the limit as far as the process may, and returns what it is then.
  ///
  /// Never lowers it.
  @discardableResult
  package static func raise() -> UInt64 {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    // SAFETY: the call writes one rlimit. It fails for wrong arguments only.
    guard unsafe getrlimit(resource, &limit) == 0 else { return 0 }
    guard limit.rlim_cur < limit.rlim_max else { return UInt64(limit.rlim_cur) }
    let before = UInt64(limit.rlim_cur)
    limit.rlim_cur = limit.rlim_max
    // SAFETY: the call reads one rlimit.
    guard unsafe setrlimit(resource, &limit) == 0 else { return before }
    return UInt64(limit.rlim_cur)
  }
}
