import Foundation

/// NSD, serving the zones of `Tests/Zones` on a free port of loopback.
final class NSD {
  let endpoint: Endpoint
  private let folder: TemporaryFolder
  private var process: ChildProcess

  /// Where the zone files are, from where this file was compiled.
  static let zones = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Zones")

  struct NotReady: Error, CustomStringConvertible {
    let log: String
    var description: String { "NSD did not answer in time: \(log)" }
  }

  /// Starts it, with another zone from a file when one is named.
  init(
    address: String = "127.0.0.1", zone: (name: String, file: String)? = nil,
    hasMinimalResponses: Bool = false, hasCookies: Bool = false
  ) throws {
    folder = try TemporaryFolder()
    endpoint = Endpoint(address, try FreePort.next())
    let configuration = Self.configuration(
      of: endpoint, in: folder, zone: zone, hasMinimalResponses: hasMinimalResponses,
      hasCookies: hasCookies)
    try configuration.write(
      toFile: folder.file("nsd.conf"), atomically: false, encoding: .utf8)
    process = try Self.spawn(folder)
    try waitUntilReady()
  }

  /// A configuration that keeps all files in one folder and serves the zones of `Tests/Zones`.
  static func configuration(
    of endpoint: Endpoint, in folder: TemporaryFolder, zone: (name: String, file: String)? = nil,
    hasMinimalResponses: Bool = false, hasCookies: Bool = false
  ) -> String {
    let extra = zone.map { "zone:\n  name: \($0.name)\n  zonefile: \($0.file)" } ?? ""
    return """
      server:
        ip-address: \(endpoint.address)@\(endpoint.port)
        server-count: 1
        username: ""
        chroot: ""
        database: ""
        zonesdir: "\(zones.path)"
        pidfile: "\(folder.file("nsd.pid"))"
        logfile: "\(folder.file("nsd.log"))"
        xfrdfile: "\(folder.file("xfrd.state"))"
        xfrdir: "\(folder.path)"
        zonelistfile: "\(folder.file("zone.list"))"
        # A cache may ask as fast as it likes.
        rrl-ratelimit: 0
        rrl-whitelist-ratelimit: 0
        minimal-responses: \(hasMinimalResponses ? "yes" : "no")
        answer-cookie: \(hasCookies ? "yes" : "no")
        refuse-any: no
        verbosity: 1
      remote-control:
        control-enable: no
      zone:
        name: example.net
        zonefile: example.net.zone
      zone:
        name: 2.0.192.in-addr.arpa
        zonefile: 2.0.192.in-addr.arpa.zone
      \(extra)
      """
  }

  /// Ends it: its port is closed afterwards.
  func stop() { process.stop() }

  /// Has it answer without cookies when it is started again.
  func forgetCookies() throws {
    let file = folder.file("nsd.conf")
    try Tool.text(of: file).replacing("answer-cookie: yes", with: "answer-cookie: no")
      .write(toFile: file, atomically: false, encoding: .utf8)
  }

  /// Starts it again on the same port.
  func start() throws {
    process = try Self.spawn(folder)
    try waitUntilReady()
  }

  deinit {
    // Asked first: it ends its own children.
    process.stop(atMost: .seconds(5))
  }

  private static func spawn(_ folder: TemporaryFolder) throws -> ChildProcess {
    try ChildProcess(
      Tool.path("nsd"), ["-d", "-c", folder.file("nsd.conf")],
      output: folder.file("output"), errors: folder.file("errors"))
  }

  private func waitUntilReady() throws {
    let isReady = eventually(within: .seconds(60), every: .milliseconds(20)) {
      let question = DNSMessage.query("example.net", RecordType.soa)
      let reply = try? Client.ask(endpoint, question, within: .milliseconds(500))
      return reply?.answers.isEmpty == false || !process.isRunning
    }
    guard isReady, process.isRunning else {
      throw NotReady(
        log: Tool.text(of: folder.file("errors")) + Tool.text(of: folder.file("nsd.log")))
    }
  }
}
