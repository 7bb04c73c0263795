import DNSExchange
import DNSResolver
import DNSService
import DNSWire
import Randomness

/// Upstreams behind links with delay and loss, driven by a host's fake clock, a millisecond a step.
final class SimulatedNetwork {
  /// The way to an upstream and back.
  struct Link {
    /// Milliseconds from query to reply.
    var delay = 10
    /// Packets of a hundred that are lost in each direction.
    var loss = 0
    /// Whether anything arrives at all.
    var isUp = true
    /// Questions that arrived, probes not counted.
    var questions = 0
  }

  /// How a client's question ended.
  struct Ending {
    var isAnswered: Bool
    var asked: UInt64
    var time: UInt64
    var wait: UInt64 { time - asked }
  }

  let host: Host
  var links: [Link]
  private(set) var endings: [Ending] = []
  /// Most questions that were in flight at a time.
  private(set) var mostInFlight = 0
  /// The sockets that packets left from.
  var sockets: Set<SocketID> = []
  private var random: SplitMix64
  private var underWay: [UInt64: [(octets: [UInt8], socket: SocketID)]] = [:]
  private var asked: [UInt32: UInt64] = [:]
  private var count: UInt32 = 0

  init(_ options: Host.Options, links: [Link]) {
    host = Host(options)
    self.links = links
    random = SplitMix64(seed: options.seed &+ 99)
  }

  /// Clients that wait.
  var waiting: Int { asked.count }

  /// A client asks for the address of a name.
  func ask(_ name: Name) {
    count += 1
    asked[count] = host.now
    handle(host.ask(Message(query: name, .a).encoded(), client: count))
    mostInFlight = max(mostInFlight, host.resolver.inFlight)
  }

  /// A client asks for a name that nobody asked for yet.
  func askForNew() throws { ask(try Name("n\(count).example.net")) }

  /// Lets time pass, with new questions at a steady rate.
  func run(to end: UInt64, every interval: UInt64 = .max) throws {
    while host.now < end {
      host.advance(to: host.now + 1) { handle($0) }
      for reply in underWay.removeValue(forKey: host.now) ?? [] {
        handle(host.receive(reply.octets, socket: reply.socket))
      }
      if interval != .max, host.now % interval == 0 { try askForNew() }
    }
  }

  private func handle(_ events: [Host.Event]) {
    for event in events {
      switch event {
      case .sent(let query, let octets):
        guard let socket = query.socket else { continue }
        deliver(octets, socket: socket, upstream: query.upstream, isProbe: query.isProbe)
      case .replied(let client, _, let octets):
        guard let since = asked.removeValue(forKey: client) else { continue }
        endings.append(Ending(isAnswered: octets[3] & 0xF == 0, asked: since, time: host.now))
      case .closed, .dropped: break
      }
    }
  }

  private func deliver(_ query: [UInt8], socket: SocketID, upstream: Int, isProbe: Bool) {
    sockets.insert(socket)
    let link = links[upstream]
    guard link.isUp, random.number(0...99) >= link.loss else { return }
    if !isProbe { links[upstream].questions += 1 }
    guard random.number(0...99) >= link.loss else { return }
    var end = 12
    while query[end] != 0 { end += 1 + Int(query[end]) }
    let reply =
      query[0..<2] + [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0] + query[12..<end + 5]
      + [0xC0, 12, 0, 1, 0, 1, 0, 0, 1, 0x2C, 0, 4, 192, 0, 2, 1]
    underWay[host.now + UInt64(link.delay), default: []].append((Array(reply), socket))
  }
}

extension [SimulatedNetwork.Ending] {
  /// Those who asked in some time.
  func asked(in time: Range<UInt64>) -> [SimulatedNetwork.Ending] {
    filter { time.contains($0.asked) }
  }

  /// The longest wait of the fastest part.
  func wait(of part: Double) -> UInt64 {
    let waits = map(\.wait).sorted()
    return waits.isEmpty ? 0 : waits[Swift.min(waits.count - 1, Int(Double(waits.count) * part))]
  }
}
