import Foundation

/// Programs that a test runs to their end: dig, dnsperf, the server's own `ctl`.
enum Tool {
  struct Result {
    /// The exit status; -1 when a signal or the time limit ended it.
    let status: Int32
    let output: String
    let errors: String
  }

  struct NotFound: Error, CustomStringConvertible {
    let name: String
    var description: String { "\(name) is not installed: run scripts/setup test" }
  }

  /// The path of a program, as a shell finds it; the system's folders for daemons included.
  static func path(_ name: String) throws -> String {
    if name.hasPrefix("/") { return name }
    let variable = ProcessInfo.processInfo.environment["PATH"] ?? ""
    for folder in variable.split(separator: ":") + ["/usr/sbin", "/sbin", "/usr/bin", "/bin"] {
      let path = "\(folder)/\(name)"
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw NotFound(name: name)
  }

  /// Runs a program and waits for its end, at most for the time given.
  static func run(
    _ name: String, _ arguments: [String], environment: [String: String?] = [:],
    timeout: Duration = .seconds(60)
  ) throws -> Result {
    let folder = try TemporaryFolder()
    let process = try ChildProcess(
      path(name), arguments, environment: environment,
      output: folder.file("output"), errors: folder.file("errors"))
    var status: Int32 = -1
    if case .exited(let code) = process.wait(atMost: timeout) { status = code }
    process.stop(atMost: .seconds(1))
    return Result(
      status: status, output: text(of: folder.file("output")),
      errors: text(of: folder.file("errors")))
  }

  /// The contents of a file, whatever its octets; empty when there is none.
  ///
  /// Read to its end, unlike with `FileManager`, which stops after a page of a file in `/proc`.
  static func text(of path: String) -> String {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var octets: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe read(descriptor, &piece, piece.count)
      guard count > 0 else { return String(decoding: octets, as: UTF8.self) }
      octets += piece[..<count]
    }
  }
}
