import Glibc

/// This program run once more, beside this process: for work on what strangers wrote, which can neither hold up nor
/// crash the server there.
///
/// It gets a request on its standard input and says on its standard output what became of it.
package final class ChildProcess {
  /// What ends it: its exit status, or the signal that ended it.
  package enum End: Equatable, Sendable {
    case exited(Int32)
    case killed(signal: Int32)
  }

  /// Reads what it says; doesn't block.
  package let output: Int32
  private let id: pid_t
  private var isReaped = false

  /// Octets of a request at most: what a pipe may hold for anyone (`fs.pipe-max-size`).
  package static let mostRequest = 1 << 20
  /// F_SETPIPE_SZ (fcntl(2)), which Swift's Glibc doesn't show.
  private static let setPipeSize: Int32 = 1_031

  /// Starts it.
  ///
  /// - Parameters:
  ///   - arguments: those behind the program's name.
  ///   - request: what it reads.
  package init(arguments: [String], request: [UInt8]) throws(SystemError) {
    let purpose = "a process beside this one"
    let input = try Self.pipe(purpose)
    let output = try Self.pipe(purpose)
    if request.count > 65_536 {
      // What doesn't fit is told below.
      _ = fcntl(input.write.number, Self.setPipeSize, Int32(Self.mostRequest))
    }
    let writer = input.write.number
    _ = fcntl(writer, F_SETFL, O_NONBLOCK)
    // SAFETY: the call gets the array's length.
    let written = try unsafe request.withUnsafeBytes { octets in
      CallResult(retrying: { unsafe write(writer, octets.baseAddress, octets.count) })
    }.value(call: "write", purpose: purpose)
    guard written == request.count else {
      throw SystemError(call: "write", purpose: purpose, code: EMSGSIZE)
    }
    id = try Self.spawn(
      arguments, input: input.read.number, output: output.write.number, purpose: purpose)
    self.output = output.read.release()
    _ = fcntl(self.output, F_SETFL, O_NONBLOCK)
  }

  deinit {
    if !isReaped {
      kill(id, SIGKILL)
      var status: Int32 = 0
      let id = id
      // SAFETY: the kernel writes one number.
      _ = CallResult(retrying: { unsafe Int(waitpid(id, &status, 0)) })
    }
    _ = close(output)
  }

  /// What has ended it; nothing as long as it runs.
  package func reap() -> End? {
    var status: Int32 = 0
    let id = id
    // SAFETY: the kernel writes one number.
    guard
      case .done(let done) = CallResult(retrying: { unsafe Int(waitpid(id, &status, WNOHANG)) }),
      done == Int(id)
    else { return nil }
    isReaped = true
    let signal = status & 0x7F
    return signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal: signal)
  }

  /// Reads what it has said; 0 octets at its end, nothing when there is nothing yet.
  package func read(into octets: inout [UInt8], most: Int) throws(SystemError) -> Int? {
    var piece = [UInt8](repeating: 0, count: most)
    // SAFETY: the call gets the array's length.
    switch CallResult(retrying: { unsafe Glibc.read(output, &piece, piece.count) }) {
    case .wouldBlock: return nil
    case .done(let count):
      octets += piece[..<count]
      return count
    case .failed(let code):
      throw SystemError(call: "read", purpose: "a process beside this one", code: code)
    }
  }

  private struct Pipe: ~Copyable {
    var read: Descriptor
    var write: Descriptor
  }

  private static func pipe(_ purpose: String) throws(SystemError) -> Pipe {
    var ends: (Int32, Int32) = (-1, -1)
    // SAFETY: the kernel writes two numbers.
    let result = unsafe withUnsafeMutableBytes(of: &ends) { bytes in
      CallResult(retrying: {
        unsafe Int(Glibc.pipe(bytes.baseAddress?.assumingMemoryBound(to: Int32.self)))
      })
    }
    _ = try result.value(call: "pipe", purpose: purpose)
    let pipe = Pipe(read: Descriptor(owning: ends.0), write: Descriptor(owning: ends.1))
    // One thread: nothing is run in between that could inherit them.
    for number in [pipe.read.number, pipe.write.number] { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }
    return pipe
  }

  private static func spawn(
    _ arguments: [String], input: Int32, output: Int32, purpose: String
  ) throws(SystemError) -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    // SAFETY: both are made here, used by the one call, and destroyed.
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawnattr_init(&attributes)
    defer {
      unsafe posix_spawn_file_actions_destroy(&actions)
      unsafe posix_spawnattr_destroy(&attributes)
    }
    unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
    // Signals that the server holds back or hears have their usual effect there.
    var none = sigset_t()
    var all = sigset_t()
    unsafe sigemptyset(&none)
    unsafe sigfillset(&all)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setsigdefault(&attributes, &all)
    unsafe posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    // The very program that runs, also when its file was replaced.
    let program = "/proc/self/exe"
    var words: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map {
      unsafe strdup($0)
    }
    unsafe words.append(nil)
    defer { unsafe words.forEach { unsafe free($0) } }
    var id: pid_t = 0
    let code = unsafe posix_spawn(&id, program, &actions, &attributes, words, environ)
    guard code == 0 else { throw SystemError(call: "posix_spawn", purpose: purpose, code: code) }
    return id
  }
}
