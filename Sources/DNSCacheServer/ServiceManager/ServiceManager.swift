import EventLoop
import Logging
import System

/// Tells a service manager how the server is (sd_notify(3)); does nothing where there is none.
///
/// What it isn't ready to take is kept, in order, and sent soon after. The watchdog's sign of life comes
/// from the loop's timer, so a loop that hangs gives none.
final class ServiceManager {
  /// Milliseconds after which what could not be sent is tried again.
  private static let retryInterval: UInt64 = 100
  /// Messages kept at most; the oldest give way, for what matters is the last state.
  private static let backlogLimit = 16
  /// Milliseconds between two lines for `systemctl status`.
  private static let statusInterval: UInt64 = 10_000
  /// Microseconds that are asked for to finish the last save, again and again.
  private static let extensionPeriod: UInt64 = 30_000_000
  /// Microseconds between two such requests.
  private static let extensionInterval: UInt64 = 1_000_000

  private let sender: UnixDatagramSender?
  private let logger: Logger
  private var backlog: [String] = []
  private var retry: Timer?
  private var watchdog: Timer?
  private var status: Timer?
  private var hasComplained = false
  private var extendedAt: UInt64 = 0

  /// - Parameter describe: a line about how the server is, for people.
  init(
    on loop: EventLoop, _ environment: ServiceEnvironment, logger: Logger,
    describe: @escaping () -> String
  ) {
    self.logger = logger
    guard let name = environment.notifySocket else {
      sender = nil
      return
    }
    do {
      sender = try UnixDatagramSender(to: name)
    } catch {
      sender = nil
      logger.warning("the service manager can't be told anything", metadata: ["error": "\(error)"])
      return
    }
    retry = Timer(on: loop) { [unowned self] in flush() }
    let status = Timer(on: loop) { [unowned self] in
      // Not worth waiting for; the next one is newer.
      if backlog.isEmpty { send("STATUS=\(describe())") }
    }
    status.schedule(every: Self.statusInterval)
    self.status = status
    guard let period = environment.watchdog else { return }
    let watchdog = Timer(on: loop) { [unowned self] in
      if backlog.isEmpty { send("WATCHDOG=1") }
    }
    // Half of what it waits, as sd_watchdog_enabled(3) recommends.
    watchdog.schedule(every: max(period / 2_000, 1))
    self.watchdog = watchdog
  }

  /// Every address is listened on, and the loop begins.
  func ready(_ description: String) { send("READY=1\nSTATUS=\(description)") }

  /// A reload begins; `ready` ends it.
  func reloading() {
    // The time lets the manager tell this reload's end from one before (systemd.service(5),
    // Type=notify-reload).
    send("RELOADING=1\nMONOTONIC_USEC=\(EventLoop.microseconds())\nSTATUS=Reloading")
  }

  /// No more questions are taken.
  func stopping() {
    watchdog = nil
    status = nil
    send("STOPPING=1\nSTATUS=Saving the cache")
  }

  /// The last save goes on: a slow disk is no reason to be killed.
  ///
  /// May be called as often as one likes.
  func stillStopping() {
    let now = EventLoop.microseconds()
    guard sender != nil, now - extendedAt >= Self.extensionInterval else { return }
    extendedAt = now
    send("EXTEND_TIMEOUT_USEC=\(Self.extensionPeriod)")
  }

  private func send(_ message: String) {
    guard sender != nil else { return }
    if backlog.count >= Self.backlogLimit { backlog.removeFirst() }
    backlog.append(message)
    flush()
  }

  private func flush() {
    guard let sender else { return }
    while let message = backlog.first {
      switch sender.send(message) {
      case .sent: break
      case .full:
        retry?.schedule(after: Self.retryInterval)
        return
      case .failed(let error):
        if !hasComplained {
          hasComplained = true
          logger.warning(
            "the service manager can't be told anything", metadata: ["error": "\(error)"])
        }
      }
      backlog.removeFirst()
    }
  }
}
