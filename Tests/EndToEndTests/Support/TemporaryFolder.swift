import Foundation

/// A folder of one test, removed with its owner.
///
/// With `DNS_CACHE_SERVER_KEEP` in the environment it stays, for a look at its logs.
final class TemporaryFolder {
  let url: URL
  var path: String { url.path }

  init() throws {
    // Short: the path of a control socket has at most 107 octets.
    let name = "dns-test-" + String(UInt32.random(in: .min ... .max), radix: 36)
    url = URL(filePath: "/tmp").appending(path: name)
    try FileManager.default.createDirectory(
      at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
  }

  func file(_ name: String) -> String { url.appending(path: name).path }

  deinit {
    if ProcessInfo.processInfo.environment["DNS_CACHE_SERVER_KEEP"] == nil {
      try? FileManager.default.removeItem(at: url)
    }
  }
}
