import Foundation
import Testing

extension EndToEnd {
  @Suite("Two servers for one network (docs/two-servers.md)")
  struct TwoServersTests {
    /// In CI nothing may be missing.
    private static func has(_ tool: String) -> Bool {
      ProcessInfo.processInfo.environment["CI"] != nil || (try? Tool.path(tool)) != nil
    }

    @Test(.enabled(if: PrivateNetwork.isAllowed && has("keepalived"), "needs root and keepalived"))
    func `keepalived moves the address to the other server, and back without a loss`() throws {
      try show("keepalived")
    }

    @Test(.enabled(if: PrivateNetwork.isAllowed && has("bird"), "needs root and BIRD"))
    func `BIRD withdraws the address of a server that died, and is back without a loss`() throws {
      try show("anycast")
    }

    /// Runs the files of examples; the script waits for each step, and counts what is lost.
    private func show(_ way: String) throws {
      let result = try Tool.run(
        "\(PackageTests.repository)/scripts/two-servers", [way],
        environment: ["DNS_CACHE_SERVER": ServerProcess.binary], timeout: .seconds(300))
      #expect(result.status == 0, "\(result.output)\(result.errors)")
    }
  }
}
