import EventLoop
import Logging

// What follows from this host's links, addresses and routes, and from their changes.

extension Server {
  /// Has upstreams tried anew, and addresses to listen on looked at, as soon as this host's addresses, routes or
  /// links change.
  func watchNetwork() {
    do {
      core.value.networkWatch = try NetworkWatch(on: loop) { [unowned self] in networkChanged() }
    } catch {
      logger.notice(
        "changes of the network aren't told here; upstreams recover when they are tried again",
        metadata: ["error": "\(error)"])
      if !settings.listenInterfaces.isEmpty {
        logger.warning("addresses of interfaces are listened on as they are now, or at a reload")
      }
    }
  }

  private func networkChanged() {
    logger.debug("the network has changed")
    listeners.follow(settings, on: HostAddresses())
    core.value.upstreams?.networkChanged()
    core.value.upstreamStreams?.networkChanged()
    core.value.networkChanged()
  }

  /// What `ctl stats` shows of listeners.
  var networkReport: Report {
    .object([
      ("listeners", .count(listeners.addresses.count)),
      ("listeners_missing", .count(listeners.missing.count)),
      ("followed_limit_reached", .count(listeners.followedCut)),
    ])
  }

  /// Says where the page is.
  func announceWeb() {
    guard let web else { return }
    logger.info("HTTP", metadata: ["page": "http://\(web.address)/"])
    if !HostAddresses().has(web.address) {
      logger.warning(
        "this host does not have the address for HTTP; it is answered as soon as it comes",
        metadata: ["address": "\(web.address)"])
    }
  }
}
