import ArgumentParser

/// The flags about clients' TCP connections.
struct StreamOptions: ParsableArguments {
  @Option(help: .setting("tcp.connections")) var tcpConnections: String?
  @Option(help: .setting("tcp.connections-per-client")) var tcpConnectionsPerClient: String?
  @Option(help: .setting("tcp.idle-timeout")) var tcpIdleTimeout: String?
  @Option(help: .setting("tcp.buffers")) var tcpBuffers: String?

  var given: [GivenFlag] {
    [
      GivenFlag("tcp.connections", tcpConnections),
      GivenFlag("tcp.connections-per-client", tcpConnectionsPerClient),
      GivenFlag("tcp.idle-timeout", tcpIdleTimeout), GivenFlag("tcp.buffers", tcpBuffers),
    ].compactMap { $0 }
  }
}
