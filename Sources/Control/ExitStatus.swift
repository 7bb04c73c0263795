/// How the program ends, as scripts and units see it.
package enum ExitStatus: Int32 {
  /// A clean stop.
  case success = 0
  /// `ctl status --check`: nothing can be resolved.
  case notResolving = 1
  /// Wrong usage or configuration (EX_USAGE).
  case usage = 64
  /// Cannot listen, or a needed part is missing (EX_UNAVAILABLE).
  case unavailable = 69
  /// A fault of ours (EX_SOFTWARE).
  case fault = 70
}

/// Why the program can't go on: one sentence that says what to do, and the exit status.
package struct StartupError: Error, CustomStringConvertible {
  package let status: ExitStatus
  package let description: String

  package init(_ status: ExitStatus, _ sentence: String) {
    self.status = status
    description = sentence
  }
}
