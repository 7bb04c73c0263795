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

  /// A configuration file that sets nothing.
  ///
  /// Each server that a test starts is given a file, so that the one in `/etc`, which an installed package
  /// left there, has no say.
  var noConfiguration: String {
    let path = file("none.yaml")
    if !FileManager.default.fileExists(atPath: path) {
      _ = FileManager.default.createFile(atPath: path, contents: Data("# Nothing.\n".utf8))
    }
    return path
  }

  /// Flags that have HTTP let in who brings the token of ``WebClient``.
  var tokenFlags: [String] {
    let path = file("token")
    _ = FileManager.default.createFile(
      atPath: path, contents: Data("\(WebClient.usualToken)\n".utf8),
      attributes: [.posixPermissions: 0o600])
    return ["--http-token-file", path]
  }

  deinit {
    if ProcessInfo.processInfo.environment["DNS_CACHE_SERVER_KEEP"] == nil {
      try? FileManager.default.removeItem(at: url)
    }
  }
}
