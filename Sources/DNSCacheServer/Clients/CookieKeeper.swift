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

/// A file of secrets for servers that stand in for each other, as behind one anycast address.
///
/// Its first line is the secret of new cookies; a second one is accepted, too. Each is 32 hexadecimal
/// digits; lines that begin with a number sign are comments.
enum CookieSecretFile {
  /// Octets of such a file at most.
  private static let limit = 4_096

  /// Reads a file; throws what is wrong with it.
  static func read(_ path: String) throws(ValueError) -> CookieSecrets {
    let text: String
    do {
      text = try FileReader.text(of: path, limit: limit)
    } catch {
      throw ValueError(description: "cannot be read: \(error)")
    }
    let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }
    let secrets = lines.compactMap { secret(in: String($0)) }
    guard let first = secrets.first, secrets.count == lines.count, secrets.count <= 2 else {
      throw ValueError(
        description:
          "must be one or two lines of 32 hexadecimal digits; make one with: openssl rand -hex 16")
    }
    return CookieSecrets(current: first, previous: secrets.count == 2 ? secrets[1] : nil)
  }

  private static func secret(in line: String) -> SipHash? {
    let digits = Array(line.utf8)
    guard digits.count == 2 * SipHash.keyOctets else { return nil }
    var octets: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      let pair = String(decoding: digits[index...index + 1], as: UTF8.self)
      guard pair.allSatisfy(\.isHexDigit), let octet = UInt8(pair, radix: 16) else { return nil }
      octets.append(octet)
    }
    return SipHash(key: octets.span)
  }
}
