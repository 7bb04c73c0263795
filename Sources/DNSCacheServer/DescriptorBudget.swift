/// How the files that may be open are shared out.
///
/// Too few of them cost upstream sockets and then clients' connections, never the start.
struct DescriptorBudget {
  /// Sockets for each upstream.
  let socketsPerUpstream: Int
  /// What to tell a person when there are too few.
  let complaint: String?

  /// Files beside sockets: the loop, logs, the snapshot, control's connections.
  private static let others = 64
  /// For each address listened on: a UDP socket and a TCP one.
  private static let perListener = 2
  /// Sockets for each upstream at least: with fewer, ports are easily guessed.
  private static let leastPerUpstream = 4

  init(_ settings: Settings, limit: UInt64) {
    let limit = Int(clamping: limit)
    let fixed = DescriptorBudget.others + DescriptorBudget.perListener * settings.listen.count
    let most = UpstreamSockets.mostPerUpstream
    let upstreams = (most + UpstreamSockets.retired(perUpstream: most)) * settings.upstreams.count
    let needed =
      fixed + upstreams + ClientStreams.limit
      + UpstreamStreams.connectionLimit * settings.upstreams.count
    guard limit < needed else {
      socketsPerUpstream = UpstreamSockets.mostPerUpstream
      complaint = nil
      return
    }
    // Half of what is left is for TCP.
    let share = (limit - fixed) / 2 / settings.upstreams.count
    let sockets = share - UpstreamSockets.retired(perUpstream: max(share, 0))
    socketsPerUpstream = min(max(sockets, DescriptorBudget.leastPerUpstream), most)
    complaint =
      "only \(limit) files may be open, \(needed) are needed: each upstream is asked from \(socketsPerUpstream) ports instead of \(UpstreamSockets.mostPerUpstream), and fewer TCP connections are taken; set LimitNOFILE=\(needed) in the unit, or `ulimit -n \(needed)` before the start"
  }
}
