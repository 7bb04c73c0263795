import Configuration
import DNSWire
import LocalFiles
import System

/// This server's own name: `nslookup` asks for the name of the server's address first.
enum OwnName {
  /// The records of the name and its addresses, if there is a name or a domain in the settings.
  static func records(_ rules: LocalRules, _ host: HostAddresses) -> [LocalFileEvent] {
    guard rules.name != nil || rules.domain != nil,
      let text = rules.name ?? Process.hostName(), let name = try? Name(text), name.labelCount > 0
    else { return [] }
    // Those of the own network; on a router there are others, too.
    let all = host.all.filter(\.isUp).map(\.address.address)
      .filter { !$0.isLoopback && !isLinkLocal($0) }
    let own = all.filter { address in IPNetwork.notGlobal.contains { $0.contains(address) } }
    return HostRecords.of(name, own.isEmpty ? all : own, in: rules.domain)
  }

  private static func isLinkLocal(_ address: IPAddress) -> Bool {
    address.isLinkLocalIPv6 || address.isIPv4 && address.low >> 16 == 0xA9FE
  }
}
