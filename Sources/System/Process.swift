import Glibc

/// What a program asks of the system about itself.
package enum Process {
  /// The value of an environment variable; nothing when it isn't set or empty.
  package static func environment(_ name: String) -> String? {
    // SAFETY: the environment changes by this type only, on the same thread; the value is copied.
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
  }

  /// Takes a variable out of the environment; programs that are started later don't get it.
  package static func unsetEnvironment(_ name: String) {
    // SAFETY: the string outlives the call; only one thread reads the environment.
    _ = unsafe unsetenv(name)
  }

  /// Whether a folder may be written, or is missing and could be made in its parent.
  package static func canWrite(folder path: String) -> Bool {
    // SAFETY: the strings outlive the calls.
    if unsafe access(path, W_OK) == 0 { return true }
    guard errno == ENOENT else { return false }
    let parent = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
    return unsafe access(String(parent), W_OK) == 0
  }

  /// Whether there is something at a path, as far as the program may see.
  package static func exists(_ path: String) -> Bool {
    // SAFETY: the string outlives the call.
    unsafe access(path, F_OK) == 0
  }

  /// Makes a folder and the parents that are missing; nothing happens when it is there.
  package static func makeFolder(_ path: String, mode: UInt32 = 0o750) throws(SystemError) {
    // SAFETY: the string outlives the call.
    if unsafe mkdir(path, mode) == 0 || errno == EEXIST { return }
    if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try makeFolder(String(path[..<slash]), mode: mode)
      if unsafe mkdir(path, mode) == 0 || errno == EEXIST { return }
    }
    throw SystemError(call: "mkdir", purpose: path, code: errno)
  }

  /// The host's name, or nothing when it has none.
  package static func hostName() -> String? {
    var name = [CChar](repeating: 0, count: 256)
    // SAFETY: the call gets the array's length, less one so that a zero stays at the end.
    guard unsafe gethostname(&name, name.count - 1) == 0, name[0] != 0 else { return nil }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// The ports that the kernel gives to clients, or nothing when it doesn't tell (ip(7)).
  package static func clientPorts() -> ClosedRange<UInt16>? {
    let text = readSmallFile("/proc/sys/net/ipv4/ip_local_port_range")
    let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { UInt16($0) }
    guard numbers.count == 2, numbers[0] > 0, numbers[0] <= numbers[1] else { return nil }
    return numbers[0]...numbers[1]
  }

  /// The beginning of a file of the kernel's, whose size isn't known before; empty when there is none.
  private static func readSmallFile(_ path: String) -> String {
    // SAFETY: the string outlives the call.
    guard
      case .done(let number) = CallResult(retrying: {
        unsafe Int(open(path, O_RDONLY | O_CLOEXEC))
      })
    else { return "" }
    let descriptor = Descriptor(owning: Int32(number))
    var octets = [UInt8](repeating: 0, count: 256)
    // SAFETY: the call gets the array's length.
    guard
      case .done(let count) = CallResult(retrying: {
        unsafe read(descriptor.number, &octets, octets.count)
      })
    else { return "" }
    return String(decoding: octets.prefix(count), as: UTF8.self)
  }

  /// The name of a running program, where it can be seen (proc(5)).
  static func programName(_ process: Int32) -> String? {
    // Not `comm`, which is cut to fifteen bytes.
    let words = readSmallFile("/proc/\(process)/cmdline").split(separator: "\0")
    return words.first?.split(separator: "/").last.map(String.init)
  }

  /// Octets of the program's memory that are resident; nothing when the kernel doesn't tell (proc(5)).
  package static var residentOctets: Int? {
    let fields = readSmallFile("/proc/self/statm").split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
    return pages * sysconf(Int32(_SC_PAGESIZE))
  }

  /// Whether the journal reads a descriptor, by what it set when it started us (systemd.exec(5)).
  package static func isJournal(_ descriptor: Int32) -> Bool {
    var status = stat()
    // SAFETY: the kernel fills the structure.
    guard let place = environment("JOURNAL_STREAM"), unsafe fstat(descriptor, &status) == 0 else {
      return false
    }
    return place == "\(status.st_dev):\(status.st_ino)"
  }

  /// Whether a person looks at standard error.
  package static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// Whether the program runs as root.
  package static var isRoot: Bool { geteuid() == 0 }

  /// The program's number.
  package static var id: Int32 { getpid() }

  /// Holds back some signals: they wait until they are released.
  package static func hold(_ signals: [Int32]) { change(signals, SIG_BLOCK) }

  /// Lets signals through that were held back, those that wait at once.
  package static func release(_ signals: [Int32]) { change(signals, SIG_UNBLOCK) }

  private static func change(_ signals: [Int32], _ how: Int32) {
    var set = sigset_t()
    // SAFETY: the calls write and read one set.
    unsafe sigemptyset(&set)
    for signal in signals { unsafe sigaddset(&set, signal) }
    _ = unsafe sigprocmask(how, &set, nil)
  }

  /// Holds every signal that can be held: from now on none ends the program.
  package static func holdSignals() {
    var all = sigset_t()
    // SAFETY: the calls write and read one set.
    unsafe sigfillset(&all)
    _ = unsafe sigprocmask(SIG_BLOCK, &all, nil)
  }

  /// Writes text to standard error as it is; what can't be written is lost.
  package static func writeError(_ text: String) { _ = write(Array(text.utf8), to: STDERR_FILENO) }

  /// Writes octets to standard output as they are; false when that can't be, as when nobody reads.
  @discardableResult
  package static func writeOutput(_ octets: [UInt8]) -> Bool { write(octets, to: STDOUT_FILENO) }

  /// Stops as ^Z does, until somebody lets the program go on.
  package static func stop() { _ = kill(getpid(), SIGSTOP) }

  /// Waits; for command-line tools, not for programs with a loop.
  package static func sleep(milliseconds: UInt32) { _ = usleep(milliseconds * 1_000) }

  /// All of the standard input, as far as it isn't more than so many octets.
  package static func readInput(most: Int) -> [UInt8] {
    var octets: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while octets.count <= most {
      // SAFETY: the call gets the array's length.
      guard
        case .done(let count) = CallResult(retrying: {
          unsafe read(STDIN_FILENO, &piece, piece.count)
        }), count > 0
      else { break }
      octets += piece[..<count]
    }
    return octets
  }

  /// Bounds what this process may use up, and has it gain no rights: before it reads what strangers wrote.
  ///
  /// - Parameters:
  ///   - seconds: of the processor.
  ///   - octets: of memory.
  package static func confine(seconds: UInt, octets: UInt) {
    for (what, most) in [
      (RLIMIT_CPU, seconds), (RLIMIT_AS, octets), (RLIMIT_CORE, 0),
    ] {
      var limit = rlimit(rlim_cur: most, rlim_max: most)
      // SAFETY: the kernel reads one rlimit. Where it refuses, the usual bounds hold.
      _ = unsafe setrlimit(__rlimit_resource_t(what.rawValue), &limit)
    }
    Privileges.gainNoMore()
  }

  private static func write(_ octets: [UInt8], to descriptor: Int32) -> Bool {
    var rest = octets[...]
    while !rest.isEmpty {
      // SAFETY: the pointer is used within the call, with its own length.
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}
