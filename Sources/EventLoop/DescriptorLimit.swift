import Glibc

/// How many files and sockets the process may have open.
public enum DescriptorLimit {
  /// Lifts the limit as far as the process may, and returns it.
  ///
  /// Never lowers it. Throws when the kernel doesn't tell or refuses.
  @discardableResult
  public static func raise() throws(SystemError) -> UInt64 {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    // SAFETY: the calls write or read one rlimit.
    _ = try CallResult(retrying: { unsafe Int(getrlimit(resource, &limit)) })
      .value(call: "getrlimit", purpose: "the number of open files")
    guard limit.rlim_cur < limit.rlim_max else { return UInt64(limit.rlim_cur) }
    limit.rlim_cur = limit.rlim_max
    _ = try CallResult(retrying: { unsafe Int(setrlimit(resource, &limit)) })
      .value(call: "setrlimit", purpose: "\(limit.rlim_max) open files")
    return UInt64(limit.rlim_cur)
  }
}
