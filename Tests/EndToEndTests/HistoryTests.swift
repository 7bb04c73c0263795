import Foundation
import Testing

extension EndToEnd {
  @Suite("The last hour")
  struct HistoryTests {
    @Test func `a sample each ten seconds tells what came, how long it took and what it holds`()
      throws
    {
      let nsd = try NSD()
      let server = try ServerProcess(upstreams: [nsd.endpoint])
      func history(_ query: String = "") throws -> [[String: Any]] {
        let page = try ControlPage("/api/v1/history" + query, of: server)
        #expect(page.status == 200)
        let all = try #require(
          JSONSerialization.jsonObject(with: Data(page.body.utf8)) as? [String: Any])
        #expect(all["interval_seconds"] as? Int == 10)
        return try #require(all["samples"] as? [[String: Any]])
      }
      #expect(try history().isEmpty)
      for _ in 0..<5 { _ = try server.ask("www.example.net") }
      _ = try server.ask("missing.example.net")
      #expect(
        try eventually(within: .seconds(30), every: .milliseconds(200)) { try history().count == 1 }
      )
      let sample = try #require(try history().first)
      func number(_ name: String) -> Int { (sample[name] as? Int) ?? -1 }
      #expect(number("hits") == 4)
      #expect(number("misses") == 2)
      #expect(number("queries") >= 6)
      #expect(number("stale") == 0 && number("failures") == 0)
      #expect((1...1_000_000).contains(number("hit_p50_us")))
      #expect(number("hit_p50_us") <= number("hit_p99_us"))
      #expect((1...5_000_000).contains(number("miss_p50_us")))
      #expect(number("miss_p50_us") <= number("miss_p99_us"))
      #expect(number("cache_bytes") == (try server.stat("cache.bytes")))
      #expect(number("limit_bytes") == 256 << 20)
      #expect(abs(Double(number("time")) - Date().timeIntervalSince1970) < 60)
      // The second one has nothing in it, for nobody asked.
      #expect(
        try eventually(within: .seconds(30), every: .milliseconds(200)) { try history().count == 2 }
      )
      let last = try #require(try history("?last=1").last)
      #expect(try history("?last=1").count == 1)
      #expect(last["queries"] as? Int == 0)
      #expect(last["hit_p50_us"] is NSNull)
      for wrong in ["0", "361", "-1", "x"] {
        #expect(try ControlPage("/api/v1/history?last=\(wrong)", of: server).status == 400)
      }
    }
  }
}
