import Foundation

/// A program started by a test: ended by its own process number, at the latest with this value.
final class ChildProcess {
  enum Ending: Equatable {
    case exited(Int32)
    case signalled(Int32)
  }

  struct StartError: Error, CustomStringConvertible {
    let description: String
  }

  let pid: pid_t
  /// How it ended, once that is known.
  private(set) var ending: Ending?

  /// Starts a program found by its path, its output and errors going to files.
  ///
  /// `descriptors` are ours that it gets under other numbers.
  init(
    _ executable: String, _ arguments: [String], environment changes: [String: String?] = [:],
    output: String = "/dev/null", errors: String = "/dev/null", descriptors: [Int32: Int32] = [:]
  ) throws {
    var environment = ProcessInfo.processInfo.environment
    for (name, value) in changes { environment[name] = value }

    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    let flags = O_WRONLY | O_CREAT | O_APPEND
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0o644)
    unsafe posix_spawn_file_actions_addopen(&actions, 2, errors, flags, 0o644)
    for (number, ours) in descriptors {
      unsafe posix_spawn_file_actions_adddup2(&actions, ours, number)
    }

    // The threads of a test run block signals, and a child inherits that: it gets none blocked.
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    // SAFETY: the strings live until they are freed below, after the child has its copies.
    let argv = unsafe ([executable] + arguments).map { unsafe strdup($0) } + [nil]
    let envp = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
      unsafe argv.forEach { unsafe free($0) }
      unsafe envp.forEach { unsafe free($0) }
    }
    var child: pid_t = 0
    let result = unsafe posix_spawn(&child, executable, &actions, &attributes, argv, envp)
    guard result == 0 else {
      throw StartError(description: "cannot start \(executable): errno \(result)")
    }
    pid = child
  }

  /// Whether it has not ended yet.
  var isRunning: Bool {
    reap()
    return ending == nil
  }

  func signal(_ number: Int32) {
    if isRunning { kill(pid, number) }
  }

  /// Waits for its end; `nil` when it is still running at the deadline.
  func wait(atMost duration: Duration = .seconds(20)) -> Ending? {
    _ = eventually(within: duration, every: .milliseconds(2)) { !isRunning }
    return ending
  }

  /// Asks it to end, and makes it end when it doesn't.
  @discardableResult func stop(atMost duration: Duration = .seconds(10)) -> Ending? {
    signal(SIGTERM)
    if let ending = wait(atMost: duration) { return ending }
    signal(SIGKILL)
    return wait(atMost: .seconds(5))
  }

  private func reap() {
    guard ending == nil else { return }
    var status: Int32 = 0
    guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return }
    ending = status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
  }

  deinit {
    guard isRunning else { return }
    kill(pid, SIGKILL)
    var status: Int32 = 0
    unsafe waitpid(pid, &status, 0)
  }
}
