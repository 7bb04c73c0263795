import Control
import System

/// What a service manager told the program by its environment (sd_notify(3), sd_listen_fds(3)).
///
/// Taken once, at the start: the variables are gone afterwards, so that nobody takes them for his own.
struct ServiceEnvironment {
  /// Where to send news, if a service manager wants any: a path, or with `@` an abstract name.
  let notifySocket: String?
  /// Microseconds within which it wants to hear from us; nothing when it doesn't watch.
  let watchdog: UInt64?
  /// The sockets that it opened for us.
  let sockets: PassedSockets

  /// Throws when sockets are passed that can't be served.
  static func take() throws(StartupError) -> ServiceEnvironment {
    func variable(_ name: String) -> String? {
      let value = Process.environment(name)
      Process.unsetEnvironment(name)
      return value
    }
    let notifySocket = variable("NOTIFY_SOCKET")
    let watchdogPeriod = variable("WATCHDOG_USEC")
    let watchdogProcess = variable("WATCHDOG_PID")
    let count = variable("LISTEN_FDS")
    let listenProcess = variable("LISTEN_PID")
    let names = variable("LISTEN_FDNAMES")
    // Without WATCHDOG_PID it is meant for every process that reads it (sd_watchdog_enabled(3)).
    let isWatched = watchdogProcess.map { $0 == "\(Process.id)" } ?? true
    return ServiceEnvironment(
      // Others, as vsock:, are of virtual machines, for the manager itself.
      notifySocket: notifySocket.flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil },
      watchdog: isWatched
        ? watchdogPeriod.flatMap { UInt64($0) }.flatMap { $0 > 0 ? $0 : nil } : nil,
      sockets: listenProcess == "\(Process.id)"
        ? try PassedSockets(count: count, names: names) : PassedSockets())
  }
}
