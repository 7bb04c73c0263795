import Testing

@testable import Configuration

@Suite("The configuration file")
struct ConfigurationFileTests {
  private func mistakes(_ text: String) -> [String] {
    ConfigurationFile(Array(text.utf8), path: "f.yaml").errors.map(\.description)
  }

  private func settings(_ text: String) throws -> Settings {
    var configuration = Configuration(defaults: Settings())
    configuration.take(ConfigurationFile(Array(text.utf8), path: "f.yaml"))
    return try configuration.settings()
  }

  @Test func `what the file says is set, and nothing else`() throws {
    let settings = try settings(
      """
      listen: ["192.168.1.1:53", "[::1]:5353"]
      upstream: [9.9.9.9, "192.168.1.254:53"]
      allow: 192.168.0.0/16
      cache:
        size: 64MiB
        save-interval: 0
        file: /tmp/c
      """)
    #expect(settings.listen.map(\.description) == ["192.168.1.1:53", "[::1]:5353"])
    #expect(settings.upstreams.map(\.description) == ["9.9.9.9:53", "192.168.1.254:53"])
    #expect(settings.allowed.count == 1)
    #expect(settings.cache.octets == 64 << 20)
    #expect(settings.saveInterval == 0)
    #expect(settings.cacheFile == "/tmp/c")
    #expect(settings.control == Settings().control)
  }

  @Test(arguments: ["", "# nothing\n", "cache:\n"])
  func `a file that sets nothing is right`(text: String) throws {
    #expect(mistakes(text) == [])
  }

  @Test func `all mistakes are told at once, each with its place and the word that was meant`() {
    let found = mistakes(
      """
      listn: ["127.0.0.1"]
      cache:
        siez: 64MiB
        size: 64
        prefetch: "yes"
      upstream:
        - 9.9.9.9
        - nine
      size: 1MiB
      log: {level: inof}
      rebind-protection: true
      """)
    #expect(
      found == [
        "f.yaml:1:1: listn: no setting has this name; did you mean listen?",
        "f.yaml:3:3: siez: no setting of cache has this name; did you mean size?",
        "f.yaml:4:9: cache.size: 64: not a size; write a whole number and KiB, MiB or GiB",
        "f.yaml:5:13: cache.prefetch: \"yes\": text; write true or false",
        "f.yaml:8:5: upstream: nine: not an address; write 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53",
        "f.yaml:9:1: size: no setting has this name; did you mean cache.size?",
        "f.yaml:10:14: log.level: inof: not one of trace, debug, info, notice, warning, error; did you mean info?",
        "f.yaml:11:1: rebind-protection: no setting has this name; did you mean names.rebind-protection?",
      ])
  }

  @Test(
    arguments: [
      (
        "cache: 5",
        "f.yaml:1:8: cache is a single value; it must be a group of settings, as size: 64MiB"
      ),
      ("- a", "f.yaml:1:1: the file is a list; it must be a group of settings, as size: 64MiB"),
      ("cache: {size: [1MiB]}", "f.yaml:1:15: cache.size is a list; it must be one size"),
      (
        "cache: {size: {a: 1}}",
        "f.yaml:1:15: cache.size is a group of settings; it must be one size"
      ),
      ("cache: {size: }", "f.yaml:1:9: cache.size has no value; write one size"),
      ("cache: {size: 8GiB}", "f.yaml:1:15: cache.size: 8GiB: must be 1MiB to 4GiB"),
      (
        "listen: [~]",
        "f.yaml:1:10: listen has nothing here; write a list of address[:port] or interface[:port]"
      ),
      ("allow: []", "f.yaml:1:8: allow is an empty list; leave it out to have the default"),
      (
        "names: {rebind-protection: yes}",
        "f.yaml:1:28: names.rebind-protection: yes: neither true nor false"
      ),
      ("a: [", "f.yaml:2:1: did not find expected node content"),
    ] as [(String, String)])
  func `a wrong shape is told`(text: String, message: String) {
    #expect(mistakes(text).first == message)
  }

  @Test(
    arguments: [
      ("upstream: tls://9.9.9.9", "not spoken yet"),
      ("upstream: [\"https://dns.example.net/dns-query\"]", "not spoken yet"),
      ("upstream: dns.example.net", "a name"), ("upstream: 192.0.2.1@853", "192.0.2.1:853"),
      ("upstream: 192.0.2.1#5353", "192.0.2.1:5353"), ("listen: [::1]", "quotes"),
      ("listen: [[::1]:53]", "quotes"), ("forward-zone:\n  name: \".\"\n", "unbound's"),
      ("server:\n  interface: 0.0.0.0\n", "unbound's"),
      ("server=192.0.2.1\nno-resolv\n", "dnsmasq's"),
      ("nameserver 192.0.2.1\n", "resolv.conf's"),
      ("options { forwarders { 192.0.2.1; }; };\n", "BIND's"), ("cache:\n\tsize: 64MiB\n", "a tab"),
      ("names: {rebind-protection: true, rebind-allow: [\"*.home\"]}", "write home"),
    ] as [(String, String)])
  func `what people bring from elsewhere has a sentence of its own`(text: String, words: String) {
    let found = mistakes(text)
    #expect(found.count == 1 && found[0].contains(words), "\(found)")
  }

  @Test func `a byte order mark is passed over`() throws {
    #expect(try settings("\u{FEFF}upstream: 192.0.2.1\n").upstreams.count == 1)
  }

  @Test(
    arguments: [
      ("sizze", "size"), ("Size", "size"), ("szie", "size"), ("save-intervall", "save-interval"),
    ] as [(String, String)])
  func `the nearest word is found`(wrong: String, right: String) {
    #expect(NearestWord.to(wrong, among: ["file", "size", "save-interval"]) == right)
  }

  @Test func `a word that is near to none is not guessed`() {
    #expect(NearestWord.to("upstream", among: ["file", "size"]) == nil)
  }

  @Test func `a long word, and one with line breaks, is shown in part and in one line`() {
    let found = mistakes("upstream: \"a\\nb" + String(repeating: "x", count: 500) + "\"")
    #expect(found.count == 1 && found[0].count < 200 && !found[0].contains("\n"), "\(found)")
  }
}
