import Testing

extension EndToEnd {
  @Suite("Cookies towards upstreams (RFC 7873)")
  struct UpstreamCookieTests {
    private func cookies(_ server: ServerProcess) throws -> String? {
      (try server.ctlJSON("upstreams") as? [[String: Any]])?.first?["cookies"] as? String
    }

    @Test func `NSD's cookies are kept, and not missed when it has them no longer`() throws {
      let nsd = try NSD(hasCookies: true)
      let server = try ServerProcess(upstreams: [nsd.endpoint])
      #expect(try cookies(server) == "unknown")
      for type in [RecordType.a, RecordType.aaaa, RecordType.txt, RecordType.mx] {
        #expect(try server.ask("www.example.net", type)?.code == 0)
      }
      #expect(try cookies(server) == "yes")
      #expect(try server.stat("upstream.cookie_missing") == 0)
      #expect(try server.stat("upstream.cookie_mismatched") == 0)
      #expect(try server.stat("upstream.tcp") == 0)
      nsd.stop()
      try nsd.forgetCookies()
      try nsd.start()
      // The first tells over TCP, the next over UDP again.
      #expect(try server.ask("example.net", RecordType.soa)?.code == 0)
      #expect(try cookies(server) == "no")
      #expect(try server.ask("example.net", RecordType.ns)?.code == 0)
      // A copy of the question, on a busy machine, would bring another.
      #expect(try server.stat("upstream.cookie_missing") >= 1)
      #expect(try server.stat("upstream.tcp") == 1)
    }
  }
}
