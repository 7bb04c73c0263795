import Configuration

/// How the files that may be open are shared out.
///
/// Too few of them cost upstream sockets and then clients' connections, never the start.
struct DescriptorBudget {
  /// Sockets for each upstream.
  let sockets: Int
  /// Sockets for each server that is asked for names of a route alone.
  let routeSockets: Int
  /// What bounds clients' TCP connections.
  private(set) var streams: StreamLimits
  /// What to tell a person when there are too few.
  let complaint: String?

  /// Files beside sockets: the loop, logs, the snapshot, control's connections.
  private static let others = 64
  /// For each address listened on: a UDP socket and a TCP one.
  private static let perListener = 2
  /// Sockets that servers of routes get before upstreams get more.
  private static let routeShare = 32
  /// Sockets for each server at least: with fewer, ports are easily guessed.
  private static let least = 4
  /// Connections of clients at least.
  private static let leastStreams = 8

  init(_ settings: Settings, limit: UInt64) {
    let limit = Int(clamping: limit)
    let most = UpstreamSockets.most
    let named = Set(settings.upstreams.map(\.address))
    let routeServers = Set(settings.servers.map(\.address)).subtracting(named).count
    // At least one is going to come.
    let upstreams = max(named.count, 1)
    let fixed =
      DescriptorBudget.others + DescriptorBudget.perListener * settings.mostListeners
      + (settings.web.address == nil ? 0 : WebServer.connections + 1)
      + settings.resolver.connections * (upstreams + routeServers)
    func files(_ sockets: Int, _ routeSockets: Int) -> Int {
      UpstreamSockets.files(for: sockets) * upstreams
        + UpstreamSockets.files(for: routeSockets) * routeServers
    }
    let needed = fixed + files(most, most) + settings.streams.connections
    streams = settings.streams
    guard limit < needed else {
      sockets = most
      routeSockets = most
      complaint = nil
      return
    }
    // Half of what is left is for TCP.
    let room = max(limit - fixed, 0) / 2
    func share(of room: Int, among servers: Int) -> Int {
      let share = UpstreamSockets.sockets(within: max(room, 0) / max(servers, 1))
      return min(max(share, DescriptorBudget.least), most)
    }
    let equal = share(of: room, among: upstreams + routeServers)
    // Most questions are for the upstreams.
    let reserved = UpstreamSockets.files(for: min(equal, DescriptorBudget.routeShare))
    let sockets = max(share(of: room - reserved * routeServers, among: upstreams), equal)
    self.sockets = sockets
    routeSockets = share(
      of: room - UpstreamSockets.files(for: sockets) * upstreams, among: routeServers)
    let left = limit - fixed - files(sockets, routeSockets)
    // With a limit of its own the oldest connection gives way; without, new ones could not come.
    streams.connections = min(
      max(left, DescriptorBudget.leastStreams), settings.streams.connections)
    let routes =
      routeServers == 0 ? "" : ", each server of a route from \(routeSockets)"
    complaint =
      "only \(limit) files may be open, \(needed) are needed: each upstream is asked from \(sockets) ports instead of \(most)\(routes), and \(streams.connections) TCP connections are taken instead of \(settings.streams.connections); set LimitNOFILE=\(needed) in the unit, or `ulimit -n \(needed)` before the start"
  }
}
