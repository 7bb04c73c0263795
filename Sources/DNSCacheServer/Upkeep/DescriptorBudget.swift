import Configuration

/// How the files that may be open are shared out.
///
/// Too few of them cost upstream sockets and then clients' connections, never the start.
struct DescriptorBudget {
  /// Sockets for each upstream.
  let socketsPerUpstream: Int
  /// What bounds clients' TCP connections.
  private(set) var streams: StreamLimits
  /// What to tell a person when there are too few.
  let complaint: String?

  /// Files beside sockets: the loop, logs, the snapshot, control's connections.
  private static let others = 64
  /// For each address listened on: a UDP socket and a TCP one.
  private static let perListener = 2
  /// Sockets for each upstream at least: with fewer, ports are easily guessed.
  private static let leastPerUpstream = 4
  /// Connections of clients at least.
  private static let leastStreams = 8

  init(_ settings: Settings, limit: UInt64) {
    let limit = Int(clamping: limit)
    // At least one is going to come.
    let count = max(Set(settings.servers.map(\.address)).count, 1)
    let most = UpstreamSockets.mostPerUpstream
    let fixed =
      DescriptorBudget.others + DescriptorBudget.perListener * settings.mostListeners
      + (settings.web.address == nil ? 0 : WebServer.connections + 1)
      + settings.resolver.connections * count
    let upstreams = (most + UpstreamSockets.retired(perUpstream: most)) * count
    let needed = fixed + upstreams + settings.streams.connections
    streams = settings.streams
    guard limit < needed else {
      socketsPerUpstream = most
      complaint = nil
      return
    }
    // Half of what is left is for TCP.
    let share = (limit - fixed) / 2 / count
    let sockets = share - UpstreamSockets.retired(perUpstream: max(share, 0))
    socketsPerUpstream = min(max(sockets, DescriptorBudget.leastPerUpstream), most)
    let left =
      limit - fixed
      - (socketsPerUpstream + UpstreamSockets.retired(perUpstream: socketsPerUpstream)) * count
    // With a limit of its own the oldest connection gives way; without, new ones could not come.
    streams.connections = min(
      max(left, DescriptorBudget.leastStreams), settings.streams.connections)
    complaint =
      "only \(limit) files may be open, \(needed) are needed: each upstream is asked from \(socketsPerUpstream) ports instead of \(UpstreamSockets.mostPerUpstream), and \(streams.connections) TCP connections are taken instead of \(settings.streams.connections); set LimitNOFILE=\(needed) in the unit, or `ulimit -n \(needed)` before the start"
  }
}
