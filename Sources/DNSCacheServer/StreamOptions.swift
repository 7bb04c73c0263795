import ArgumentParser

/// The flags about clients' TCP connections.
struct StreamOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Clients' TCP connections at most.", valueName: "number"))
  var tcpConnections = StreamLimits().connections

  @Option(
    help: ArgumentHelp(
      "TCP connections of one client at most: an IPv4 address, an IPv6 /64.", valueName: "number"))
  var tcpConnectionsPerClient = StreamLimits().connectionsPerClient

  @Option(
    help: ArgumentHelp(
      "How long a TCP connection may be idle; less when many are open.", valueName: "duration"))
  var tcpIdleTimeout = Duration(milliseconds: Int(StreamLimits().idleTimeout))

  @Option(
    help: ArgumentHelp(
      "Memory for what TCP clients have half sent and not yet read.", valueName: "size"))
  var tcpBuffers = MemorySize(octets: StreamLimits().buffers)

  /// Checks the flags.
  func limits() throws -> StreamLimits {
    let connections = StreamLimits.connectionsRange
    guard connections.contains(tcpConnections) else {
      throw StartupError(
        .usage,
        "--tcp-connections \(tcpConnections): must be \(connections.lowerBound) to \(connections.upperBound)"
      )
    }
    guard tcpConnectionsPerClient > 0, tcpConnectionsPerClient <= connections.upperBound else {
      throw StartupError(
        .usage,
        "--tcp-connections-per-client \(tcpConnectionsPerClient): must be 1 to \(connections.upperBound)"
      )
    }
    let times = StreamLimits.idleTimeoutRange
    guard times.contains(UInt64(tcpIdleTimeout.milliseconds)) else {
      let (least, most) = (Int(times.lowerBound), Int(times.upperBound))
      throw StartupError(
        .usage,
        "--tcp-idle-timeout \(tcpIdleTimeout): must be \(Duration(milliseconds: least)) to \(Duration(milliseconds: most))"
      )
    }
    let sizes = StreamLimits.buffersRange
    guard sizes.contains(tcpBuffers.octets) else {
      throw StartupError(
        .usage,
        "--tcp-buffers \(tcpBuffers): must be \(MemorySize(octets: sizes.lowerBound)) to \(MemorySize(octets: sizes.upperBound))"
      )
    }
    return StreamLimits(
      connections: tcpConnections, connectionsPerClient: tcpConnectionsPerClient,
      idleTimeout: UInt64(tcpIdleTimeout.milliseconds), buffers: tcpBuffers.octets)
  }
}
