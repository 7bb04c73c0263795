import Control
import DNSExchange
import DNSResolver
import DNSWire
import EventLoop
import Observability

/// What `ctl inflight` shows.
enum InFlightReport {
  /// What is in flight, oldest first.
  static func rows(_ resolver: borrowing Resolver) -> Rows {
    let now = EventLoop.now()
    var times: [UInt64] = []
    resolver.visitInFlight { view, _ in times.append(view.started) }
    times.sort()
    let isCut = times.count > Rows.limit
    let last = isCut ? times[Rows.limit - 1] : UInt64.max
    var rows: [(started: UInt64, row: StructuredValue)] = []
    resolver.visitInFlight { view, name in
      guard view.started <= last, rows.count < Rows.limit else { return }
      rows.append(
        (
          view.started,
          .object([
            ("name", .text(Name.text(name))), ("type", .text("\(view.type)")),
            ("flags", .text(view.queryFlags.words.joined(separator: " "))),
            ("ms", .count(now &- view.started)), ("attempts", .count(view.attempts)),
            ("upstream", .count(view.server.slot)),
            ("address", .text(view.address.endpoint.description)),
            ("waiting", .count(view.waiters)),
            ("transport", .text(view.isStreaming ? "tcp" : "udp")),
          ])
        ))
    }
    return Rows(rows: rows.sorted { $0.started < $1.started }.map(\.row), isCut: isCut)
  }
}
