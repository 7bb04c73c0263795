import Foundation

/// A terminal that a test holds the other end of.
final class PseudoTerminal {
  private let descriptor: Int32
  /// The path of the end that a program gets.
  let path: String
  /// All that was written to it so far.
  private(set) var output: [UInt8] = []

  // ioctl_tty(2); macros of C that Swift does not see.
  private static let unlock: UInt = 0x4004_5431  // TIOCSPTLCK
  private static let tellNumber: UInt = 0x8004_5430  // TIOCGPTN

  init(columns: Int, rows: Int) throws {
    descriptor = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var locked: Int32 = 0
    var number: UInt32 = 0
    guard descriptor >= 0, unsafe ioctl(descriptor, Self.unlock, &locked) == 0,
      unsafe ioctl(descriptor, Self.tellNumber, &number) == 0
    else {
      throw ServerProcess.NotReady(description: "no pseudo-terminal: errno \(errno)")
    }
    path = "/dev/pts/\(number)"
    resize(columns: columns, rows: rows)
  }

  deinit { close(descriptor) }

  /// Changes its size; the kernel tells the program by SIGWINCH.
  func resize(columns: Int, rows: Int) {
    var size = winsize(
      ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    _ = unsafe ioctl(descriptor, UInt(TIOCSWINSZ), &size)
  }

  /// Starts a program on it, as the leader of a session whose terminal this is.
  func start(
    _ program: String, _ arguments: [String], environment: [String: String?], errors: String
  ) throws -> ChildProcess {
    try ChildProcess(
      "/bin/sh", ["-c", "exec setsid --ctty \"$0\" \"$@\" <'\(path)'", program] + arguments,
      environment: environment, output: path, errors: errors)
  }

  /// Types.
  func type(_ octets: [UInt8]) {
    _ = unsafe octets.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
  }

  /// Takes what the program has written.
  func read() {
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&request, 1, 0) == 1, request.revents & Int16(POLLIN) != 0 else { return }
      let count = unsafe Glibc.read(descriptor, &piece, piece.count)
      guard count > 0 else { return }
      output += piece[..<count]
    }
  }

  var text: String { String(decoding: output, as: UTF8.self) }

  /// The lines of the last whole screen: each begins at the upper left and ends by erasing the rest.
  func screen() -> [String] {
    read()
    let frames = text.components(separatedBy: "\u{1B}[H").dropFirst()
      .compactMap { $0.components(separatedBy: "\u{1B}[J").dropLast().first }
    // The terminal puts a carriage return before each line feed, also where there is one.
    let lines = (frames.last ?? "").unicodeScalars.filter { $0 != "\r" }
    return String(String.UnicodeScalarView(lines)).components(separatedBy: "\n").map {
      $0.replacingOccurrences(of: "\u{1B}[K", with: "")
    }
  }
}
