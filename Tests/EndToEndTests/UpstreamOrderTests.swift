import Foundation
import Testing

extension EndToEnd {
  @Suite("upstream-order: the fastest, or the first that is not down")
  struct UpstreamOrderTests {
    let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
    }

    private func write(_ upstreams: [Endpoint], _ order: String) throws -> String {
      let list = upstreams.map { "\"\($0)\"" }.joined(separator: ", ")
      let path = folder.file("server.yaml")
      try "upstream: [\(list)]\nupstream-order: \(order)\n"
        .write(toFile: path, atomically: false, encoding: .utf8)
      return path
    }

    @Test func `in strict order the first is asked however slow it is, also after a reload`() throws
    {
      let slow = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        return [
          .replyAfter(
            milliseconds: 40, .reply(to: query.message, answers: [.a(name, "192.0.2.1")]))
        ]
      }
      let fast = try ScriptedUpstream(SilentUpstreamTests.honest)
      let path = try write([slow.endpoint, fast.endpoint], "strict")
      let server = try ServerProcess(upstreams: [], flags: ["--config", path], folder: folder)
      // On a busy machine it may take so long that the other one is asked as well.
      func isFirst(_ one: ScriptedUpstream, _ other: ScriptedUpstream, _ indices: Range<Int>) throws
      {
        let others = other.queries.count
        let stopwatch = Stopwatch(server)
        let before = try server.stats("upstream.retries", "upstream.downs")
        for index in indices { _ = try server.ask(DNSName("n\(index).example.net")) }
        let after = try server.stats("upstream.retries", "upstream.downs")
        // Or as if it were down, when it got no turn for three attempts.
        guard before[1] == after[1] else {
          #expect(stopwatch.lost > .milliseconds(300))
          return
        }
        #expect(
          indices.allSatisfy { !one.queries(for: DNSName("n\($0).example.net")).isEmpty })
        #expect(other.queries.count - others <= after[0] - before[0])
      }
      try isFirst(slow, fast, 0..<20)
      let rows = try #require(try server.ctlJSON("upstreams") as? [[String: Any]])
      #expect(rows.map { $0["order"] as? Int } == [1, 2])
      #expect(rows.first?["address"] as? String == "\(slow.endpoint)")
      #expect(try server.ctl("explain", "other.example.net").output.contains("upstream-order"))

      _ = try write([fast.endpoint, slow.endpoint], "strict")
      #expect(try server.ctl("reload").output == "changed: upstream\n")
      try isFirst(fast, slow, 20..<40)

      _ = try write([slow.endpoint, fast.endpoint], "fastest")
      #expect(try server.ctl("reload").output.contains("upstream-order"))
      let others = try #require(try server.ctlJSON("upstreams") as? [[String: Any]])
      #expect(others.allSatisfy { $0["order"] is NSNull })
    }

    @Test func `check says that all upstreams are equal, unless their order counts`() throws {
      let pair = [Endpoint("192.0.2.1", 53), Endpoint("192.0.2.2", 53)]
      func check(_ upstreams: [Endpoint], _ order: String) throws -> String {
        let result = try Tool.run(
          ServerProcess.binary, ["check", try write(upstreams, order)])
        #expect(result.status == 0)
        return result.output
      }
      #expect(try check(pair, "fastest").contains("all upstreams are equal"))
      #expect(try !check(pair, "strict").contains("equal"))
      #expect(try !check([pair[0]], "fastest").contains("equal"))
    }
  }
}
