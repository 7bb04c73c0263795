import Foundation
import Testing

extension EndToEnd {
  /// Figures of `stats` and `upstreams`, flags and settings are in `Tests/DNSCacheServerTests/Golden/interface.txt`.
  @Suite("Keys of JSON that others depend on")
  struct InterfaceTests {
    /// Keys as they were recorded first, by verb: they are added to, never renamed or removed.
    ///
    /// `[]` stands for each element of a list.
    static let recorded: [(verb: String, keys: String)] = [
      (
        "status",
        """
        health resolves version pid uptime_seconds listening[] upstreams[] inflight cache.names cache.records cache.bytes \
        cache.limit_bytes snapshot.file snapshot.saves snapshot.failures snapshot.last_saved_unix snapshot.last_bytes \
        snapshot.loaded_records snapshot.damaged_places snapshot.is_loading snapshot.is_saving \
        snapshot.not_saved_because
        """
      ),
      (
        "inflight",
        "[].name [].type [].flags [].ms [].attempts [].upstream [].address [].waiting [].transport"
      ),
      ("routes", "[].domains[] [].networks [].upstream[]"),
      ("routes a.corp.example", "name course zone upstream[] text"),
      (
        "explain www.example.net",
        """
        name type question in_flight last_failure failures rules answer.course answer.rcode answer.text cached[].name \
        cached[].type cached[].kind cached[].records cached[].data[] cached[].ttl cached[].since cached[].until cached[].left \
        cached[].stale cached[].used cached[].rank cached[].section cached[].flags cached[].upstream would_ask[].upstream \
        would_ask[].turn would_ask[].state would_ask[].rtt would_ask[].packet would_ask[].last_failure \
        would_ask[].last_failure_ms
        """
      ),
      (
        "cache show www.example.net",
        "[].name [].ttl [].stale [].type [].rank [].section [].upstream [].flags [].data"
      ),
      ("cache names 192.0.2.80", "[].name"),
      ("cache dump", "name ttl stale type rank section upstream flags data"),
      ("cache save", "saved_bytes ms"),
      (
        "top names",
        "since total samples top[].name top[].type top[].count top[].error top[].at_least top[].at_most"
      ),
      (
        "top clients",
        "since total samples top[].client top[].count top[].error top[].at_least top[].at_most"
      ),
      (
        "top failures",
        """
        since total samples top[].name top[].type top[].reason top[].count top[].error top[].at_least \
        top[].at_most
        """
      ),
      ("cache flush www.example.net", "removed"),
      ("reload", "reloaded changed needs_restart"),
      ("stop", "stopping"),
    ]

    /// The same of what has no verb of its own, by path.
    static let pages: [(path: String, keys: String)] = [
      (
        "/api/v1/history",
        """
        interval_seconds samples[].time samples[].queries samples[].hits samples[].misses samples[].stale \
        samples[].failures samples[].hit_p50_us samples[].hit_p99_us samples[].miss_p50_us samples[].miss_p99_us \
        samples[].cache_bytes samples[].limit_bytes
        """
      ),
      (
        "/api/v1/watch",
        """
        time queries_per_second hits_per_mille stale_per_mille failures_per_mille hit_p50_us hit_p99_us miss_p50_us \
        miss_p99_us cache_bytes limit_bytes inflight upstreams_up upstreams
        """
      ),
      ("/api/v1/cache/show?name=a..b", "error"),
    ]

    /// Every key of a value, as `snapshot.file` or `top[].name`.
    private static func keys(_ value: Any, _ path: String = "") -> Set<String> {
      var found: Set<String> = [path]
      if let object = value as? [String: Any] {
        for (name, member) in object {
          found.formUnion(keys(member, path.isEmpty ? name : "\(path).\(name)"))
        }
      } else if let list = value as? [Any] {
        for element in list { found.formUnion(keys(element, "\(path)[]")) }
      }
      return found
    }

    private static func keys(ofLines text: String) throws -> Set<String> {
      try text.split(separator: "\n").reduce(into: []) {
        let value = try JSONSerialization.jsonObject(
          with: Data($1.utf8), options: .fragmentsAllowed)
        $0.formUnion(keys(value))
      }
    }

    @Test func `every key that was recorded is still there`() throws {
      let nsd = try NSD()
      let silent = try ScriptedUpstream(SilentUpstreamTests.silent)
      let server = try ServerProcess(
        upstreams: [nsd.endpoint], flags: ["--route", "corp.example=\(silent.endpoint)"])
      for name in ["www.example.net", "web.example.net", "not-served.example.org"] {
        _ = try server.ask(DNSName(name))
      }
      // The last hour has a sample after ten seconds.
      #expect(
        try eventually(within: .seconds(40), every: .milliseconds(200)) {
          try ControlPage("/api/v1/history", of: server).body.contains("\"time\"")
        })
      for (path, keys) in Self.pages {
        let found = try Self.keys(ofLines: ControlPage(path, of: server).body)
        #expect(
          Set(keys.split(separator: " ").map(String.init)).subtracting(found) == [], "\(path)")
      }
      let waiting = try ChildProcess(
        Tool.path("dig"),
        ["@127.0.0.1", "-p", "\(server.endpoint.port)", "a.corp.example", "+tries=1", "+time=20"],
        output: "/dev/null", errors: "/dev/null")
      #expect(try eventually { try server.stat("inflight.now") > 0 })
      for (verb, keys) in Self.recorded {
        let words = verb.split(separator: " ").map(String.init)
        let result = try Tool.run(
          ServerProcess.binary, ["ctl", "--control", server.control] + words + ["--json"])
        #expect(result.status == 0, "\(verb): \(result.errors)")
        let found = try Self.keys(ofLines: result.output)
        #expect(
          Set(keys.split(separator: " ").map(String.init)).subtracting(found) == [], "\(verb)")
      }
      _ = waiting.stop()
    }
  }
}
