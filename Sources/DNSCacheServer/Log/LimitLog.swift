import DNSService
import DNSWire
import EventLoop
import Logging
import Memory

/// Says which clients come to a limit: once a minute for each client and limit, for a bounded number of
/// clients.
final class LimitLog {
  /// Clients that are told apart at a time; of others a line a minute says that there are more.
  static let clients = 64
  /// Milliseconds between two lines about the same client.
  private static let pause: UInt64 = 60_000
  /// Milliseconds between two looks.
  private static let interval: UInt64 = 1_000

  private let worker: Pinned<Worker>
  private let logger: Logger
  private var timer: Timer?
  private var entries: [Entry] = []
  private var toldOfOthers: UInt64?

  private struct Entry {
    var client: ClientNetwork
    var address: IPAddress
    var limit: ClientLimit
    /// How often it came to it since the last line.
    var count: UInt64 = 0
    /// When the last line was written; nothing before the first.
    var told: UInt64?
  }

  init(on loop: EventLoop, worker: Pinned<Worker>, logger: Logger) {
    self.worker = worker
    self.logger = logger
    let timer = Timer(on: loop) { [unowned self] in look(now: EventLoop.now()) }
    timer.schedule(every: LimitLog.interval)
    self.timer = timer
  }

  private func look(now: UInt64) {
    while let (address, limit, count) = worker.value.service.takeLimited() {
      note(address, limit, count, now: now)
    }
    for index in entries.indices where entries[index].count > 0 {
      if let told = entries[index].told, told + LimitLog.pause > now { continue }
      say(entries[index])
      entries[index].count = 0
      entries[index].told = now
    }
    entries.removeAll { $0.count == 0 && ($0.told ?? 0) + LimitLog.pause <= now }
  }

  private func note(_ address: IPAddress, _ limit: ClientLimit, _ count: UInt64, now: UInt64) {
    let client = ClientNetwork(address)
    if let index = entries.firstIndex(where: { $0.client == client && $0.limit == limit }) {
      entries[index].count &+= count
      entries[index].address = address
    } else if entries.count < LimitLog.clients {
      entries.append(Entry(client: client, address: address, limit: limit, count: count))
    } else if toldOfOthers.map({ $0 + LimitLog.pause <= now }) ?? true {
      toldOfOthers = now
      logger.notice("more than \(LimitLog.clients) clients are over a limit: see ctl stats clients")
    }
  }

  private func say(_ entry: Entry) {
    let start = "client \(entry.address)"
    let count = entry.count
    switch entry.limit {
    case .rate:
      logger.notice(
        "\(start) is over its rate: \(count) queries were refused, cut short or not answered (client.rate)"
      )
    case .misses:
      logger.notice(
        "\(start) is over its rate of misses: \(count) queries were refused, cut short or not answered (client.misses)"
      )
    case .inFlight:
      logger.notice(
        "\(start) has too many questions waiting for upstream: \(count) more were answered with SERVFAIL (client.in-flight)"
      )
    case .amplification:
      logger.notice(
        "\(start) may be forged: \(count) answers were cut short or not sent (client.amplification)"
      )
    case .notAllowed:
      logger.notice(
        "\(start) is refused: \(count) queries from outside of the networks that are served (allow)"
      )
    }
  }
}
