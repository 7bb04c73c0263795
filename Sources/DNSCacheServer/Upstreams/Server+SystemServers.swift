import Configuration
import DNSWire
import EventLoop
import Logging
import System

// The system's name servers, as long as no other upstream was named: they come and go with the network.

extension Server {
  /// Begins to watch the system's list, or ends it, as the settings want it.
  func watchSystemServers() {
    if settings.isUpstreamExplicit {
      systemServers = []
    } else if systemServers.isEmpty {
      systemServers = [ResolvConf.path, ResolvConf.resolvedPath].map { path in
        FileWatch(by: files, path: path) { [unowned self] in
          _ = systemServersChanged()
          // An address that was an upstream's may be listened on now.
          listeners.follow(settings, on: host)
        }
      }
      // What changed after the settings were read and before there was a watch, nobody has told.
      if let complaint = systemServersChanged(), settings.upstreams.isEmpty {
        logger.warning(
          "\(complaint); until \(ResolvConf.path) names one, only what is known is answered")
      }
    }
  }

  /// Has those asked that the system names now; when it names nobody, those before.
  ///
  /// - Returns: why it names nobody.
  func systemServersChanged() -> ConfigurationError? {
    guard !settings.isUpstreamExplicit else { return nil }
    let found: [Endpoint]
    do {
      found = try ResolvConf.upstreams(besides: OwnEndpoints(settings, on: host))
    } catch {
      return error
    }
    guard found != settings.upstreams.map(\.address) else { return nil }
    settings.upstreams = found.map { UpstreamServer($0) }
    applyBudget()
    applyServers(isPolicyNew: false)
    logger.notice(
      "the system names other upstreams",
      metadata: ["upstreams": "\(found.map(\.description).joined(separator: ","))"])
    return nil
  }
}
