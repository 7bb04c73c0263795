import Testing

@testable import Configuration

@Suite("Flags and file together")
struct ConfigurationTests {
  /// What a file and flags give, or everything that is wrong with them.
  private func read(_ text: String = "", _ assignments: [String] = []) throws -> Settings {
    var configuration = Configuration(defaults: Settings())
    configuration.take(assignments: assignments)
    configuration.take(ConfigurationFile(Array(text.utf8), path: "f.yaml"))
    return try configuration.settings()
  }

  private func mistakes(_ text: String = "", _ assignments: [String] = []) -> [String] {
    do {
      _ = try read(text, assignments)
      return []
    } catch let error as ConfigurationErrors {
      return error.all.map(\.description)
    } catch {
      return ["\(error)"]
    }
  }

  @Test func `a flag wins over the file, whole lists included`() throws {
    let text = """
      upstream: [9.9.9.9, 9.9.9.10]
      cache: {size: 64MiB, prefetch: false, save-interval: 1m}
      names: {rebind-protection: true}
      """
    let settings = try read(
      text,
      [
        "upstream=192.0.2.1", "cache.size=2MiB", "cache.prefetch=true",
        "names.rebind-protection=false",
      ])
    #expect(settings.upstreams.map(\.description) == ["192.0.2.1:53"])
    #expect(settings.isUpstreamExplicit)
    #expect(settings.cache.octets == 2 << 20)
    #expect(settings.isPrefetching)
    #expect(!settings.names.isRebindProtected)
    #expect(settings.saveInterval == 60_000)
  }

  @Test func `mistakes of flags and of the file are told together`() {
    #expect(
      mistakes("cach: {}\nlog: {level: debug}", ["cache.size=64", "cache.min-ttl=2h"]) == [
        "--cache-size 64: not a size; write a whole number and KiB, MiB or GiB",
        "--min-ttl 2h: must be 0 to 1h",
        "f.yaml:1:1: cach: no setting has this name; did you mean cache?",
      ])
  }

  @Test(
    arguments: [
      (
        "cache: {min-ttl: 1m, max-ttl: 30s}", [],
        "f.yaml:1:18: cache.min-ttl: 1m: must not be more than cache.max-ttl, which is 30s"
      ),
      (
        "cache: {max-ttl: 30s}", ["cache.min-ttl=1m"],
        "--min-ttl 1m: must not be more than --max-ttl, which is 30s"
      ),
      (
        "names: {forward-special: [test], answer-special: [local, TEST]}", [],
        "f.yaml:1:58: names.answer-special: TEST: test. is named by names.forward-special, too; choose one"
      ),
      (
        "names: {rebind-allow: lan}", [],
        "f.yaml:1:23: names.rebind-allow: lan: is of no use; it needs names.rebind-protection"
      ),
      (
        "", ["names.rebind-allow-loopback=true"],
        "--rebind-allow-loopback true: is of no use; it needs --rebind-protection"
      ),
      (
        "listen: [127.0.0.1, '[::1]:53', 127.0.0.1:53]", [],
        "f.yaml:1:33: listen: 127.0.0.1:53: stands in the list twice; name it once"
      ),
      (
        "listen: 0.0.0.0:5300\nupstream: [9.9.9.9, 127.0.0.9:5300]", [],
        "f.yaml:2:21: upstream: 127.0.0.9:5300: this server listens on 0.0.0.0:5300, which includes that address, itself; name another server"
      ),
      (
        "upstream: 0.0.0.0", [],
        "f.yaml:1:11: upstream: 0.0.0.0: no server can be there; name its address and port"
      ),
      (
        "client: {cookie-secret-file: /nowhere/secret}", [],
        "f.yaml:1:30: client.cookie-secret-file: /nowhere/secret: cannot be read: open for /nowhere/secret: No such file or directory"
      ),
      (
        "", ["names.forward-special=home.arap"],
        "--forward-special home.arap: not a special zone; did you mean home.arpa?"
      ),
    ] as [(String, [String], String)])
  func `values that don't go together are told where they stand`(
    text: String, assignments: [String], message: String
  ) {
    let found = mistakes(text, assignments)
    #expect(found.count == 1 && found[0].hasPrefix(message), "\(found)")
  }

  @Test func `too many upstreams are told at the first that is too many`() {
    let most = Settings.mostUpstreams
    let addresses = (1...most + 2).map { "192.0.2.\($0)" }.joined(separator: ", ")
    let found = mistakes("upstream: [\(addresses)]")
    #expect(found.count == 1 && found[0].contains("192.0.2.\(most + 1): there are \(most + 2)"))
    #expect(
      mistakes("upstream: [\((1...most).map { "192.0.2.\($0)" }.joined(separator: ","))]") == [])
  }

  @Test func `a wrong listener is not followed by guesses about upstreams`() {
    #expect(mistakes("listen: [192.168.1]\nupstream: 127.0.0.1").count == 1)
  }

  @Test func `a list that may be empty can be emptied`() throws {
    #expect(try read("client: {exempt: []}").clients.exempt.isEmpty)
    #expect(!Settings().clients.exempt.isEmpty)
  }

  @Test func `a file that can't be read is told`() {
    var configuration = Configuration(defaults: Settings())
    configuration.read("/nowhere/file.yaml")
    #expect(
      configuration.errors.map(\.description) == [
        "the configuration /nowhere/file.yaml can't be read: open for /nowhere/file.yaml: No such file or directory"
      ])
  }
}
