import Foundation
import Testing

@testable import Control

@Suite("Where ctl looks for the server")
struct ControlAddressTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "ctl-\(UUID().uuidString)")

  /// What is found with a configuration, a flag and an environment.
  private func find(
    _ text: String?, flag: String? = nil, _ environment: [String: String] = [:]
  ) throws -> ControlAddress {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "server.yaml")
    try text?.write(to: file, atomically: true, encoding: .utf8)
    return ControlAddress(
      flag: flag, environment: { environment[$0] }, configuration: file.path)
  }

  private let variable = ["DNS_CACHE_SERVER_CONTROL": "/run/variable"]

  @Test func `a flag wins over the environment, and that over the configuration`() throws {
    let text = "control: /run/file\n"
    #expect(try find(text, flag: "/run/flag", variable).paths == ["/run/flag"])
    #expect(try find(text, variable).paths == ["/run/variable"])
    #expect(try find(text).paths == ["/run/file"])
    #expect(try find(text, ["RUNTIME_DIRECTORY": "/run/unit"]).paths == ["/run/file"])
  }

  @Test(arguments: [
    "listen: [127.0.0.1]\n", "", "control:\n", "control: [a]\n", "- control\n",
    "cache: {control: x}",
  ])
  func `without a setting the system's server comes first`(text: String) throws {
    let address = try find(text)
    #expect(address.paths.first == "/run/dns-cache-server/control.sock")
    #expect(try find(nil).paths == address.paths)
  }

  @Test func `who named the socket is said, and what may hide it`() throws {
    #expect(try find("control: /run/file\n").nobodyThere.contains("server.yaml names"))
    #expect(
      try find(nil, variable).nobodyThere.contains("$DNS_CACHE_SERVER_CONTROL names"))
    #expect(!(try find(nil, flag: "/run/flag").nobodyThere.contains("names")))
    let broken = try find("listen: [\ncontrol: /run/file\n").nobodyThere
    #expect(broken.contains("server.yaml:"))
    #expect(broken.contains("/run/dns-cache-server/control.sock"))
  }
}
