import Foundation
import Testing

extension EndToEnd {
  @Suite("A forwarder that asks this server")
  struct LoopTests {
    /// dnsmasq sends queries on with another ID; without our cookie nothing else tells whose they are.
    @Test(arguments: ["", "?cookies=off"])
    func `dnsmasq that asks this server is found out, and other upstreams resolve`(
      rules: String
    ) throws {
      let upstream = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        return [.reply(.reply(to: query.message, answers: [.a(name, "192.0.2.1")]))]
      }
      let forwarder = Endpoint("127.0.0.1", try FreePort.next())
      let server = try ServerProcess(
        upstreams: [],
        flags: [
          "--upstream", "dns://\(forwarder)\(rules)", "--upstream", upstream.endpoint.description,
          "--upstream-order", "strict",
        ])
      let dnsmasq = try Dnsmasq(at: forwarder, asking: server.endpoint)
      #expect(
        try server.ask("www.example.net", within: .seconds(6))?.answers == [
          .a("www.example.net", "192.0.2.1")
        ])
      #expect(eventually { server.logLines(containing: "come back to this server").count == 1 })
      #expect(try server.stat("upstream.looped") >= 1)
      for index in 0..<5 {
        #expect(try server.ask(DNSName("n\(index).example.net"))?.answers.count == 1)
      }
      #expect(server.logLines(containing: "come back to this server").count == 1)
      withExtendedLifetime(dnsmasq) {}
    }
  }
}

/// dnsmasq, which sends all that it is asked on to one server.
private final class Dnsmasq {
  private let folder: TemporaryFolder
  private let process: ChildProcess

  struct NotReady: Error {
    let log: String
  }

  init(at endpoint: Endpoint, asking server: Endpoint) throws {
    folder = try TemporaryFolder()
    process = try ChildProcess(
      Tool.path("dnsmasq"),
      [
        "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=",
        "--pid-file=", "--log-facility=-", "--bind-interfaces",
        "--listen-address=\(endpoint.address)", "--port=\(endpoint.port)",
        "--server=\(server.address)#\(server.port)",
      ], output: folder.file("output"), errors: folder.file("log"))
    let question = DNSMessage.query("version.bind", RecordType.txt, class: 3)
    let isReady = eventually(within: .seconds(20)) {
      (try? Client.ask(endpoint, question, within: .milliseconds(200))) != nil
    }
    guard isReady else { throw NotReady(log: Tool.text(of: folder.file("log"))) }
  }

  deinit { process.stop(atMost: .seconds(5)) }
}
