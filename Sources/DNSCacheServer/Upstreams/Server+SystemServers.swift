import EventLoop
import Logging

// The system's name servers, as long as no other upstream was named: they come and go with the network.

extension Server {
  /// Begins to watch the system's list, or ends it, as the settings want it.
  func watchSystemServers() {
    if settings.isUpstreamExplicit {
      systemServers = []
    } else if systemServers.isEmpty {
      systemServers = [ResolvConf.path, ResolvConf.resolvedPath].map { path in
        FileWatch(on: loop, path: path) { [unowned self] in systemServersChanged() }
      }
    }
  }

  /// Says that nobody can be asked, and what will be done about it.
  func noteNoUpstream() {
    do {
      _ = try ResolvConf.upstreams(besides: OwnEndpoints(settings))
    } catch {
      logger.warning(
        "\(error); until \(ResolvConf.path) names one, only what is known is answered")
    }
  }

  /// Has those asked that the system names now; when it names nobody, those before.
  private func systemServersChanged() {
    guard !settings.isUpstreamExplicit,
      let found = try? ResolvConf.upstreams(besides: OwnEndpoints(settings)),
      found != settings.upstreams
    else { return }
    settings.upstreams = found
    applyBudget()
    applyUpstreams()
    logger.notice(
      "the system names other upstreams",
      metadata: ["upstreams": "\(found.map(\.description).joined(separator: ","))"])
  }
}
