import DNSService
import DNSWire
import EventLoop
import Memory
import System

/// Keeps the server's cookies dated, and their secret young (RFC 7873 §7.1, RFC 9018 §5).
final class CookieKeeper {
  /// Milliseconds between two looks at the wall clock; cookies allow for five minutes.
  private static let interval: UInt64 = 60_000
  /// Looks after which the secret is changed: once a day.
  ///
  /// A cookie is good for an hour, so that the last secret is all that has to be kept.
  private static let looksPerSecret = 1_440

  private let worker: Pinned<Worker>
  private var isShared: Bool
  private var looks = 0
  private var timer: Timer?

  /// - Parameter isShared: whether the secret is one that other servers have, too, and stays.
  init(on loop: EventLoop, worker: Pinned<Worker>, isShared: Bool) {
    self.worker = worker
    self.isShared = isShared
    CookieKeeper.setWallClock(worker)
    let timer = Timer(on: loop) { [unowned self] in look() }
    timer.schedule(every: CookieKeeper.interval)
    self.timer = timer
  }

  private static func setWallClock(_ worker: Pinned<Worker>) {
    worker.value.service.setWallClock(
      UInt32(truncatingIfNeeded: EventLoop.wallClock()), now: EventLoop.now())
  }

  /// Takes over whether the secret is shared; one that was and is no more is changed at once.
  func reconfigure(isShared: Bool) {
    if self.isShared && !isShared {
      worker.value.service.renewCookieSecret(CookieKeeper.randomSecret())
    }
    self.isShared = isShared
  }

  private func look() {
    CookieKeeper.setWallClock(worker)
    looks += 1
    guard !isShared, looks.isMultiple(of: CookieKeeper.looksPerSecret) else { return }
    worker.value.service.renewCookieSecret(CookieKeeper.randomSecret())
  }

  /// A secret that nobody else has.
  static func randomSecret() -> SipHash {
    var random = SystemRandomNumberGenerator()
    return SipHash(random.next(), random.next())
  }
}
