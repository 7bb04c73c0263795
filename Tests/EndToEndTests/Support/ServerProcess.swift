import Foundation

/// The program under test, running.
///
/// The release binary when `DNS_CACHE_SERVER` names it, as `make test` does; else the debug
/// product beside the test bundle.
final class ServerProcess {
  /// The binary that is tested.
  static var binary: String {
    if let path = ProcessInfo.processInfo.environment["DNS_CACHE_SERVER"], !path.isEmpty {
      return path
    }
    return URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "dns-cache-server").path
  }

  /// Whether the binary is the one that is shipped, and a measure of speed means something.
  static var isRelease: Bool { !binary.contains("/debug/") }

  struct NotReady: Error, CustomStringConvertible {
    let description: String
  }

  let folder: TemporaryFolder
  /// The first address listened on.
  private(set) var endpoint: Endpoint
  private(set) var arguments: [String]
  private(set) var process: ChildProcess
  private let launch: Launch
  private var starts = 1

  /// How the program is started.
  struct Launch {
    /// A program and its arguments that become the server: `setpriv …`, `prlimit …`.
    var command: [String] = []
    var binary = ServerProcess.binary
    var environment: [String: String?] = [:]
    /// Whether it is told by flags where to listen; else by the sockets that it is passed, whose port
    /// the command finds in `DNS_TEST_PORT`.
    var hasListenFlags = true
    /// Whether flags name the snapshot, the control socket and the level of the log; else they are what
    /// the file and the environment say.
    var hasFileFlags = true
  }

  var pid: pid_t { process.pid }
  var control: String { folder.file("control.sock") }
  var cacheFile: String { folder.file("cache.snapshot") }
  var endpoint6: Endpoint { Endpoint("::1", endpoint.port) }

  /// Starts the server with upstreams on a free port of both loopback addresses, and waits until
  /// it answers.
  ///
  /// The flags come last, and may name a configuration file; `listen` replaces the two loopback addresses, its port being the one
  /// that was found free.
  init(
    upstreams: [Endpoint], flags: [String] = [], listen: [String] = ["127.0.0.1", "::1"],
    folder: TemporaryFolder? = nil, cacheFile: String? = nil, launch: Launch = Launch()
  ) throws {
    self.launch = launch
    let folder = try folder ?? TemporaryFolder()
    self.folder = folder
    var attempts = 0
    while true {
      let port = try FreePort.next()
      endpoint = Endpoint(listen[0] == "0.0.0.0" ? "127.0.0.1" : listen[0], port)
      var arguments = ["run"]
      if !flags.contains("--config") { arguments += ["--config", folder.noConfiguration] }
      for address in listen where launch.hasListenFlags {
        arguments += ["--listen", Endpoint(address, port).description]
      }
      for upstream in upstreams { arguments += ["--upstream", upstream.description] }
      if launch.hasFileFlags {
        arguments += ["--cache-file", cacheFile ?? folder.file("cache.snapshot")]
        arguments += ["--control", folder.file("control.sock"), "--log-level", "debug"]
      }
      self.arguments = arguments + flags
      process = try Self.spawn(self.arguments, launch, endpoint, folder, 1)
      do {
        try waitUntilReady()
        return
      } catch {
        attempts += 1
        // Somebody else may have taken the port since it was found free.
        guard attempts < 3, process.ending == .exited(69) else { throw error }
      }
    }
  }

  private static func spawn(
    _ arguments: [String], _ launch: Launch, _ endpoint: Endpoint, _ folder: TemporaryFolder,
    _ start: Int
  ) throws -> ChildProcess {
    let words = launch.command + [launch.binary] + arguments
    return try ChildProcess(
      Tool.path(words[0]), Array(words.dropFirst()),
      environment: launch.environment.merging(["DNS_TEST_PORT": "\(endpoint.port)"]) { $1 },
      output: folder.file("output-\(start)"), errors: folder.file("log-\(start)"))
  }

  /// What this start has written to its standard error.
  var log: String { Tool.text(of: folder.file("log-\(starts)")) }

  /// The lines of the log that contain a text, in any letter case.
  func logLines(containing text: String) -> [Substring] {
    log.split(separator: "\n").filter { $0.lowercased().contains(text.lowercased()) }
  }

  /// The lines of the log that complain.
  var complaints: [Substring] {
    log.split(separator: "\n").filter { $0.contains(/(?i)\b(warning|error|critical)\b/) }
  }

  /// Starts it once more with the same arguments, on the same port and files.
  func start() throws {
    starts += 1
    process = try Self.spawn(arguments, launch, endpoint, folder, starts)
    try waitUntilReady()
  }

  func terminate(_ signal: Int32 = SIGTERM, atMost duration: Duration = .seconds(30))
    -> ChildProcess
    .Ending?
  {
    process.signal(signal)
    return process.wait(atMost: duration)
  }

  func kill9() {
    process.signal(SIGKILL)
    _ = process.wait()
  }

  /// Asks it to stop, so that a test with an own folder leaves nothing running.
  deinit { process.stop(atMost: .seconds(5)) }

  private func waitUntilReady() throws {
    // Answered without an upstream (RFC 4892).
    let question = DNSMessage.query(
      "version.bind", RecordType.txt, class: 3, flags: 0)
    let isReady = eventually(within: .seconds(60)) {
      guard process.isRunning else { return true }
      return (try? Client.ask(endpoint, question, within: .milliseconds(200))) != nil
    }
    guard process.isRunning else {
      throw NotReady(description: "the server ended with \(process.ending as Any): \(log)")
    }
    guard isReady else {
      throw NotReady(description: "the server does not answer after a minute: \(log)")
    }
    guard eventually({ FileManager.default.fileExists(atPath: control) }) else {
      throw NotReady(description: "the server has no control socket after 20 s: \(log)")
    }
  }

  // MARK: What it costs

  /// Its resident memory in octets.
  var residentMemory: Int {
    let pages = Tool.text(of: "/proc/\(pid)/statm").split(separator: " ")
    return pages.count > 1 ? (Int(pages[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
  }

  /// The most memory that was ever resident, in octets.
  var peakResidentMemory: Int {
    let line = Tool.text(of: "/proc/\(pid)/status").split(separator: "\n")
      .first { $0.hasPrefix("VmHWM:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }

  /// Seconds of processor time that it has used, the kernel's for it included; in steps of ten
  /// milliseconds.
  var processorTime: Double {
    // What stands before the parenthesis may have spaces (proc(5)).
    let fields = Tool.text(of: "/proc/\(pid)/stat").split(separator: ")").last?
      .split(separator: " ").map { Double($0) ?? 0 }
    guard let fields, fields.count > 12 else { return 0 }
    return (fields[11] + fields[12]) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// How many descriptors it has open.
  var descriptorCount: Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? 0
  }

  /// The same when all sockets for upstreams are there, of which it opens some in each tick of its loop.
  func settledDescriptorCount() throws -> Int {
    var last = -1
    _ = try eventually {
      defer { last = descriptorCount }
      // Asking it makes it tick.
      return try stat("upstream.sockets") > 0 && descriptorCount == last
    }
    return descriptorCount
  }

  /// Datagrams that the kernel had no room for at its listener.
  var droppedDatagrams: Int {
    let port = String(format: ":%04X", endpoint.port)
    return Tool.text(of: "/proc/\(pid)/net/udp").split(separator: "\n").reduce(0) { sum, line in
      let fields = line.split(separator: " ")
      return fields.count > 12 && fields[1].hasSuffix(port) ? sum + (Int(fields[12]) ?? 0) : sum
    }
  }

  /// Whether slices of work took the processor for less than so many microseconds, a power of two: all but one of each
  /// thousand, and one more.
  ///
  /// For a virtual machine that stands still meanwhile the processor works on.
  func areSlices(shorterThan microseconds: Int) throws -> Bool {
    let loop = (try ctlJSON("stats") as? [String: Any])?["loop"] as? [String: Any]
    guard let slices = loop?["slice_cpu_us"] as? [String: Int] else {
      throw NotReady(description: "stats --json has no loop.slice_cpu_us")
    }
    let long = slices.filter { name, _ in
      name.split(separator: "_").last.flatMap { Int($0) }.map { $0 > microseconds } ?? true
    }
    return long.values.reduce(0, +) <= slices.values.reduce(0, +) / 1_000 + 1
  }

  /// Whether a signal has stopped it.
  var isStopped: Bool { LostTime.state(of: pid) == "T" }

  /// Has it find at once all that is sent meanwhile.
  ///
  /// - Returns: whether nobody else had it go on before (`scripts/unkind`).
  @discardableResult func whileStopped(_ body: () throws -> Void) rethrows -> Bool {
    kill(pid, SIGSTOP)
    defer { kill(pid, SIGCONT) }
    _ = eventually(within: .seconds(1), every: .milliseconds(1)) { isStopped }
    try body()
    return isStopped
  }

  // MARK: Asking it

  func ask(_ message: DNSMessage, within duration: Duration = .seconds(20)) throws -> DNSMessage? {
    try Client.ask(endpoint, message, within: duration)
  }

  func ask(
    _ name: DNSName, _ type: UInt16 = RecordType.a, within duration: Duration = .seconds(20)
  ) throws -> DNSMessage? {
    try ask(.query(name, type), within: duration)
  }

  /// Asks for what takes upstream a good part of the time that a client has, until that time was the server's own.
  ///
  /// Where the machine took some of it (``Stopwatch``), SERVFAIL tells nothing, and the next name is asked for.
  func askInPeace(_ name: (Int) -> DNSName) throws -> DNSMessage? {
    for attempt in 0..<20 {
      let stopwatch = Stopwatch(self)
      let reply = try ask(name(attempt))
      // SERVFAIL comes after 4.5 s.
      if reply?.code != 2 || stopwatch.elapsed > .milliseconds(4_300) { return reply }
    }
    return nil
  }

  /// Runs dig against it, with one try.
  func dig(_ arguments: String..., options: [String] = ["+tries=1", "+time=20"]) throws -> Dig {
    Dig(
      try Tool.run(
        "dig", ["@\(endpoint.address)", "-p", "\(endpoint.port)"] + options + arguments))
  }

  // MARK: Its control

  func ctl(_ arguments: String..., timeout: Duration = .seconds(60)) throws -> Tool.Result {
    try Tool.run(Self.binary, ["ctl", "--control", control] + arguments, timeout: timeout)
  }

  /// The JSON value that a verb prints.
  func ctlJSON(_ arguments: String...) throws -> Any {
    let result = try Tool.run(Self.binary, ["ctl", "--control", control] + arguments + ["--json"])
    guard result.status == 0 else {
      throw NotReady(description: "ctl \(arguments) ended with \(result.status): \(result.errors)")
    }
    return try JSONSerialization.jsonObject(
      with: Data(result.output.utf8), options: .fragmentsAllowed)
  }

  /// A number of `stats --json` by the path of `interface.md`, such as `cache.hits`.
  func stat(_ path: String) throws -> Int { try stats(path)[0] }

  /// Numbers of one moment.
  func stats(_ paths: String...) throws -> [Int] {
    let all = try ctlJSON("stats")
    return try paths.map { path in
      var value: Any? = all
      for key in path.split(separator: ".") { value = (value as? [String: Any])?[String(key)] }
      guard let number = value as? NSNumber else {
        throw NotReady(description: "stats --json has no \(path)")
      }
      return number.intValue
    }
  }
}
