import Foundation
import Testing

extension EndToEnd {
  @Suite("HTTP over TCP: who is let in, and to what")
  struct WebTests {
    let nsd: NSD
    let server: ServerProcess
    let web: WebClient

    init() throws {
      nsd = try NSD()
      let folder = try TemporaryFolder()
      server = try ServerProcess(
        upstreams: [nsd.endpoint],
        flags: ["--http", "127.0.0.1:0", "--http-host", "Resolver.Test"] + folder.tokenFlags,
        folder: folder)
      web = try server.web()
    }

    private static let status = "/api/v1/status"
    private static let safe = ["Content-Type": "application/json"]

    @Test func `the verbs are those of the control socket, but for stop`() throws {
      _ = try server.dig("www.example.net")
      let verbs = [
        "status", "upstreams", "inflight", "cache/show?name=www.example.net",
        "cache/names?address=192.0.2.80",
      ]
      for verb in verbs {
        let response = try #require(try web.request("GET", "/api/v1/\(verb)"))
        #expect(response.status == 200)
        #expect(response.headers["content-type"] == "application/json")
        #expect(response.json != nil, "\(verb): \(response.body)")
      }
      let rows = try web.request("GET", "/api/v1/cache/show?name=www.example.net")?.json
      #expect((rows as? [[String: Any]])?.first?["data"] as? String == "192.0.2.80")
      #expect(try web.request("POST", "/api/v1/stop", Self.safe)?.status == 403)
      #expect(try web.request("GET", "/api/v1/cache/save")?.status == 405)
      #expect(try web.request("GET", "/api/v1/nothing")?.status == 404)
      #expect(try web.request("GET", "/nothing")?.status == 404)
      #expect(try web.request("POST", "/", Self.safe)?.status == 405)
      let flush = try web.request("POST", "/api/v1/cache/flush?name=www.example.net", Self.safe)
      #expect(flush?.status == 200)
      #expect(try !server.ctl("cache", "show", "www.example.net").output.contains("192.0.2.80"))
      #expect(server.process.isRunning)
    }

    @Test func `metrics are had as Prometheus asks for them, and counted by the same rules`() throws
    {
      let fields = ["Accept": "text/plain;version=0.0.4", "User-Agent": "Prometheus"]
      let metrics = try #require(try web.request("GET", "/metrics", fields))
      #expect(metrics.status == 200)
      #expect(metrics.headers["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
      #expect(metrics.body.contains("# HELP ") && metrics.body.contains("# TYPE "))
      #expect(try web.request("GET", "/metrics", ["Host": "attacker.example.net"])?.status == 421)
      #expect(try web.request("POST", "/metrics", Self.safe)?.status == 405)
    }

    @Test func `HEAD is GET without the body, and OPTIONS tells the methods`() throws {
      for path in ["/", "/healthz", "/metrics", Self.status, "/api/v1/cache/dump", "/nothing"] {
        let whole = try #require(try web.request("GET", path))
        let head = try #require(try web.request("HEAD", path), "\(path)")
        #expect(head.status == whole.status && head.body.isEmpty, "\(path)")
        #expect(head.headers["content-type"] == whole.headers["content-type"])
        if path == "/healthz" { #expect(head.headers["content-length"] == "3") }
        #expect(head.headers["transfer-encoding"] == nil)
      }
      // Two on one connection: the second begins where the first has ended.
      let two = try web.exchange(
        "HEAD /healthz HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
      #expect(
        String(decoding: two, as: UTF8.self).components(separatedBy: "HTTP/1.1 200").count == 3)
      #expect(String(decoding: two, as: UTF8.self).hasSuffix("\r\n\r\nok\n"))
      // As HAProxy asks when nothing is set, and as others do.
      for line in [
        "OPTIONS / HTTP/1.0", "OPTIONS * HTTP/1.1", "OPTIONS /api/v1/cache/save HTTP/1.1",
      ] {
        let answer = try web.exchange("\(line)\r\nConnection: close\r\n\r\n")
        let response = try #require(WebClient.Response(answer), "\(line)")
        #expect(response.status == 204 && response.body.isEmpty, "\(line)")
        #expect(response.headers["allow"]?.hasPrefix("GET, HEAD") == true, "\(line)")
        #expect(response.headers["content-length"] == nil)
      }
      #expect(try web.request("HEAD", Self.status, ["Host": "attacker.example.net"])?.status == 421)
      #expect(try web.request("HEAD", "/api/v1/cache/save")?.status == 405)
      let refused = try web.request("GET", "/api/v1/cache/save")
      #expect(refused?.headers["allow"] == "POST, OPTIONS")
      #expect(try web.request("POST", "/", Self.safe)?.headers["allow"] == "GET, HEAD, OPTIONS")
      // The dumps' cursors are free again.
      for _ in 0..<10 { #expect(try web.request("HEAD", "/api/v1/cache/dump")?.status == 200) }
      #expect(try server.ctl("cache", "flush", "example.net", "--tree").status == 0)
    }

    @Test func `a name that was made to lead here is refused`() throws {
      let port = web.endpoint.port
      let cases: [(host: String, status: Int)] = [
        ("127.0.0.1", 200), ("127.0.0.1:\(port)", 200), ("127.0.0.1:1", 200),
        ("localhost", 200), ("LocalHost:\(port)", 200), ("localhost.", 200),
        ("resolver.test:\(port)", 200), ("RESOLVER.TEST", 200),
        ("attacker.example.net", 421), ("attacker.example.net:\(port)", 421),
        ("127.0.0.2", 421), ("[::1]:\(port)", 421), ("localhost.example.net", 421),
        ("127.0.0.1.example.net", 421), ("127.0.0.1@attacker.example.net", 421),
        ("127.0.0.1, attacker.example.net", 421), ("2130706433", 421), ("", 421),
      ]
      for (host, status) in cases {
        #expect(try web.request("GET", Self.status, ["Host": host])?.status == status, "\(host)")
      }
      // A whole URI counts more than Host (RFC 9112 §3.2.2); and there is one of each only.
      let whole = try web.request("GET", "http://attacker.example.net\(Self.status)")
      #expect(whole?.status == 421)
      #expect(try web.request("GET", "http://localhost\(Self.status)")?.status == 200)
      let two = "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n"
      #expect(WebClient.Response(try web.exchange(two))?.status == 400)
      #expect(try server.stat("http.refused_host") == 11)
      #expect(try server.stat("http.refused_form") == 1)
      // Health is told to whoever asks.
      #expect(try web.request("GET", "/healthz", ["Host": "any.example.net"])?.body == "ok\n")
    }

    @Test func `pages of others are refused, and a link to ours is not`() throws {
      let own = "http://\(web.endpoint)"
      let cases: [(path: String, fields: [String: String], status: Int)] = [
        (Self.status, ["Origin": own], 200), (Self.status, ["Sec-Fetch-Site": "same-origin"], 200),
        (Self.status, ["Sec-Fetch-Site": "none"], 200),
        (Self.status, ["Origin": "http://attacker.example.net"], 403),
        (Self.status, ["Origin": "null"], 403), (Self.status, ["Origin": "\(own)0"], 403),
        (Self.status, ["Origin": "http://localhost"], 403),
        (Self.status, ["Sec-Fetch-Site": "cross-site"], 403),
        (Self.status, ["Sec-Fetch-Site": "same-site"], 403),
        (
          Self.status,
          [
            "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
          ], 403
        ),
        (
          "/",
          [
            "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
          ], 200
        ),
        (
          "/",
          [
            "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "iframe",
          ], 403
        ),
        ("/", ["Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"], 403),
        ("/healthz", ["Origin": "http://attacker.example.net"], 200),
      ]
      for (path, fields, status) in cases {
        #expect(try web.request("GET", path, fields)?.status == status, "\(path) \(fields)")
      }
      // No answer may be read by another page.
      let response = try web.request("GET", Self.status, ["Origin": own])
      #expect(response?.headers["access-control-allow-origin"] == nil)
      let foreign = [
        "Origin": "http://attacker.example.net", "Access-Control-Request-Method": "POST",
      ]
      let preflight = try web.request("OPTIONS", Self.status, foreign)
      #expect(preflight?.status == 403)
      #expect(preflight?.headers.keys.contains { $0.hasPrefix("access-control") } == false)
    }

    @Test func `without a token only what tells is had, on loopback, too`() throws {
      let server = try ServerProcess(
        upstreams: [nsd.endpoint], flags: ["--http", "127.0.0.1:0"])
      let web = try server.web()
      for path in ["/", "/healthz", "/metrics", "/api/v1/explain/www.example.net"] {
        #expect(try web.request("GET", path)?.status == 200, "\(path)")
      }
      #expect(try web.request("GET", "/nothing")?.status == 404)
      for path in [
        Self.status, "/api/v1/top/clients", "/api/v1/top/names", "/api/v1/cache/dump",
        "/api/v1/inflight", "/api/v1/history",
      ] {
        let refused = try web.request("GET", path)
        #expect(refused?.status == 403, "\(path)")
        #expect(refused?.body.contains("http-token-file") == true)
      }
      for path in ["cache/flush?negative=1", "reload", "cache/save"] {
        #expect(try web.request("POST", "/api/v1/\(path)", Self.safe)?.status == 403, "\(path)")
      }
      #expect(try server.stat("http.refused_token") == 9)
      #expect(try server.ctl("cache", "flush", "--negative").status == 0)
    }

    @Test func `what changes something is never done for a form of another page`() throws {
      let save = "/api/v1/cache/save"
      let own = "http://\(web.endpoint)"
      let cases: [(fields: [String: String], status: Int)] = [
        // Whoever brings the token is no form of another page.
        (["Content-Type": "application/json"], 200), (["X-Requested-With": "page"], 200),
        (["Origin": own], 200), ([:], 200),
        (["Content-Type": "application/json", "Authorization": ""], 401),
        (["Origin": own, "Authorization": ""], 401), (["Authorization": ""], 403),
        (["Content-Type": "application/x-www-form-urlencoded", "Authorization": ""], 403),
        (["Content-Type": "text/plain", "Authorization": ""], 403),
        (["Content-Type": "application/json", "Origin": "http://attacker.example.net"], 403),
        (["Content-Type": "application/json", "Origin": "null"], 403),
        (["Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"], 403),
      ]
      for (fields, status) in cases {
        #expect(try web.request("POST", save, fields)?.status == status, "\(fields)")
      }
      #expect(try server.stat("http.refused_origin") == 6)
    }

    @Test func `every answer tells the browser what it may not do`() throws {
      for path in ["/", "/healthz", Self.status, "/nothing"] {
        let headers = try #require(try web.request("GET", path)).headers
        #expect(headers["x-content-type-options"] == "nosniff")
        #expect(headers["referrer-policy"] == "no-referrer")
        #expect(headers["cache-control"] == "no-store")
        let policy = try #require(headers["content-security-policy"])
        #expect(policy.hasPrefix("default-src 'none';"))
        #expect(policy.contains("frame-ancestors 'none'"))
        #expect(!policy.contains("unsafe"))
      }
      // Style and script are allowed by a word that is another one each time.
      let nonces = try (0..<3).map { _ in
        let page = try #require(try web.request("GET", "/"))
        let policy = page.headers["content-security-policy"] ?? ""
        let nonce = try #require(policy.firstMatch(of: /script-src 'nonce-(\w{20,})'/)).output.1
        #expect(page.body.contains("<script type=\"module\" nonce=\"\(nonce)\">"))
        #expect(page.body.contains("<style nonce=\"\(nonce)\">"))
        return nonce
      }
      #expect(Set(nonces).count == 3)
    }

    @Test func `health is 503 while every upstream is silent`() throws {
      #expect(try web.request("GET", "/healthz")?.status == 200)
      let silent = try ScriptedUpstream { _ in [] }
      let server = try ServerProcess(
        upstreams: [silent.endpoint], flags: ["--http", "127.0.0.1:0"])
      let web = try server.web()
      #expect(try web.request("GET", "/healthz")?.status == 200)
      let client = try Client(server.endpoint)
      for number in 0..<5 { client.send(.query(DNSName("n\(number).example.net"))) }
      #expect(try eventually { try web.request("GET", "/healthz")?.status == 503 })
      #expect(try web.request("GET", "/healthz")?.body == "no upstream answers\n")
      // It serves even so, and `ctl status` fails only when it is asked to.
      #expect(try web.request("GET", "/livez")?.body == "ok\n")
      let status = try server.ctl("status")
      #expect(status.status == 0)
      #expect(status.output.hasPrefix("health"))
      #expect(status.output.contains("no upstream answers: \(silent.endpoint)\n"))
      #expect(try server.ctl("status", "--check").status == 1)
      // The log has said it once, as a warning.
      let line = "warning: upstream \(silent.endpoint) does not answer; no upstream answers"
      #expect(eventually { server.logLines(containing: line).count == 1 })
      silent.setScript(SilentUpstreamTests.honest)
      #expect(try eventually { try web.request("GET", "/healthz")?.status == 200 })
      #expect(try server.ctl("status", "--check").status == 0)
      #expect(
        eventually {
          !server.logLines(containing: "upstream \(silent.endpoint) answers again after").isEmpty
        })
    }

    // MARK: The token

    @Test func `with a token nothing but the page and health is had without it`() throws {
      let token = WebClient.usualToken
      let folder = try TemporaryFolder()
      let server = try ServerProcess(
        upstreams: [nsd.endpoint], flags: ["--http", "0.0.0.0:0"] + folder.tokenFlags,
        folder: folder)
      var web = try server.web()
      web.token = nil
      #expect(try web.request("GET", "/")?.status == 200)
      // A probe has no secrets, and learns one word.
      let probe = try web.request("GET", "/healthz", ["Host": "any.example.net"])
      #expect(probe?.status == 200 && probe?.body == "ok\n")
      #expect(try web.request("GET", "/livez", ["Host": "any.example.net"])?.body == "ok\n")
      for path in [Self.status, "/healthz/", "/metrics", "/nothing"] {
        let refused = try web.request("GET", path)
        #expect(refused?.status == 401)
        #expect(refused?.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
      }
      let wrong = [
        "Bearer", "Bearer ", "Bearer \(token.dropLast())", "Bearer \(token)x", "Basic \(token)",
        token, "Bearer correct-horse-battery-staplf", "Bearer \(token) \(token)",
      ]
      for value in wrong {
        let status = try web.request("GET", Self.status, ["Authorization": value])?.status
        #expect(status == 401, "\(value)")
      }
      for value in ["Bearer \(token)", "bearer \(token)"] {
        let fields = ["Authorization": value]
        #expect(try web.request("GET", Self.status, fields)?.status == 200)
        #expect(try web.request("GET", "/healthz", fields)?.status == 200)
        // A token is no reason to let another page in.
        let origin = ["Authorization": value, "Origin": "http://attacker.example.net"]
        #expect(try web.request("GET", Self.status, origin)?.status == 403)
        let host = ["Authorization": value, "Host": "attacker.example.net"]
        #expect(try web.request("GET", Self.status, host)?.status == 421)
      }
      #expect(try server.stat("http.refused_token") == 12)
      #expect(!server.log.contains(token))
    }

    @Test(arguments: ["--http-token-file", "--cookie-secret-file"])
    func `a secret that others on this host may read is warned of`(flag: String) throws {
      let file = server.folder.file("secret")
      try "00112233445566778899aabbccddeeff\n".write(
        toFile: file, atomically: false, encoding: .utf8)
      for (mode, count) in [(0o644, 1), (0o602, 1), (0o640, 0)] {
        unsafe _ = chmod(file, mode_t(mode))
        let server = try ServerProcess(
          upstreams: [nsd.endpoint], flags: ["--http", "127.0.0.1:0", flag, file])
        func warnings() -> Int { server.logLines(containing: "chmod o-rwx \(file)").count }
        #expect(warnings() == count, "\(server.log)")
        // A reload says it, too.
        #expect(try server.ctl("reload").status == 0)
        #expect(warnings() == 2 * count)
        #expect(!server.log.contains("00112233"))
      }
    }

    @Test(arguments: [
      (["--http", "0.0.0.0:0"], "--http-token-file"), (["--http", "[::]:0"], "--http-token-file"),
      (["--http", "127.0.0.1"], "127.0.0.1:8053"), (["--http", "localhost:80"], "127.0.0.1:8053"),
      (["--http", "127.0.0.1:0", "--http-token-file", "/nonexistent"], "/nonexistent"),
      (["--http", "127.0.0.1:0", "--http-token-file", "/etc/hostname"], "16"),
    ])
    func `a start without what is needed says what is`(flags: [String], words: String) throws {
      let result = try Tool.run(
        ServerProcess.binary,
        [
          "run", "--config", server.folder.noConfiguration, "--listen", "127.0.0.1:0", "--upstream",
          "127.0.0.1:53530", "--cache-file",
          server.folder.file("other"), "--control", server.folder.file("other.sock"),
          "--log-level", "error",
        ] + flags)
      #expect(result.status == 64)
      #expect(result.errors.contains(words), "\(result.errors)")
      #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    }
  }
}
