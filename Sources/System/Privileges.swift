import CEvent
import Glibc

/// What a program may do beyond its user's rights (capabilities(7)), and how it gives that up.
package enum Privileges {
  /// The one capability that stays: ports below 1024 can be bound later, too.
  private static let kept = UInt32(1) << UInt32(CAP_NET_BIND_SERVICE)
  /// Capabilities have numbers below this; the kernel knows some forty.
  private static let capabilityLimit: UInt = 64

  /// Makes the program another user's for good, with the right to bind low ports and nothing else.
  ///
  /// Called as root, or as that user. Other groups than the user's own go, no program that it may start
  /// can have more rights, and others of the same user can't look into its memory. Throws when the kernel
  /// refuses one of these; the program then must not go on, for some may be done.
  ///
  /// Capabilities are a thread's: there must be no other thread.
  package static func drop(to user: SystemUser) throws(SystemError) {
    let purpose = "running as \(user.name)"
    dropBoundingSet()
    let isChanging = !user.isCurrent
    if isChanging {
      // Permitted capabilities outlive the change of user; they are cut down below.
      try check(process_control(PR_SET_KEEPCAPS, 1, 0), "prctl", purpose)
      try check(setgroups(0, nil), "setgroups", purpose)
      try check(setresgid(user.group, user.group, user.group), "setresgid", purpose)
      try check(setresuid(user.id, user.id, user.id), "setresuid", purpose)
      try check(process_control(PR_SET_KEEPCAPS, 0, 0), "prctl", purpose)
    }
    var permitted: UInt32 = 0
    // SAFETY: the call writes one number.
    try check(unsafe capabilities_permitted(&permitted), "capget", purpose)
    // A service manager's filter of system calls may forbid it, where there is nothing to give up.
    if isChanging || permitted & ~kept != 0 {
      try check(capabilities_keep(permitted & kept), "capset", purpose)
    }
    // Ambient ones have gone with the inheritable ones; a kernel without them says EINVAL.
    _ = process_control(PR_CAP_AMBIENT, UInt(PR_CAP_AMBIENT_CLEAR_ALL), 0)
    try check(process_control(PR_SET_NO_NEW_PRIVS, 1, 0), "prctl", purpose)
    // No core file and no ptrace: the memory has secrets of cookies.
    try check(process_control(PR_SET_DUMPABLE, 0, 0), "prctl", purpose)
    // The way back must be closed.
    guard user.id == 0 || setresuid(0, 0, 0) != 0, geteuid() == user.id else {
      throw SystemError(call: "setresuid", purpose: "\(purpose), which can be undone", code: EPERM)
    }
  }

  /// Gives up what this process may do beyond its user, for good: for one that reads what strangers wrote.
  package static func gainNoMore() {
    // Where the kernel refuses there was nothing to give up.
    _ = process_control(PR_CAP_AMBIENT, UInt(PR_CAP_AMBIENT_CLEAR_ALL), 0)
    _ = process_control(PR_SET_NO_NEW_PRIVS, 1, 0)
  }

  /// Takes every capability from the set that programs started later can have, as far as that is allowed.
  private static func dropBoundingSet() {
    for capability in 0..<capabilityLimit {
      // The first number that the kernel doesn't know.
      if process_control(PR_CAPBSET_READ, capability, 0) < 0 { return }
      _ = process_control(PR_CAPBSET_DROP, capability, 0)
    }
  }

  private static func check(
    _ result: Int32, _ call: StaticString, _ purpose: String
  ) throws(SystemError) {
    if result != 0 { throw SystemError(call: call, purpose: purpose, code: errno) }
  }
}
