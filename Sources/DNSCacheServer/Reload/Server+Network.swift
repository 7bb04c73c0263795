import Configuration
import EventLoop
import Logging
import System

// What follows from this host's links, addresses and routes, and from their changes.

extension Server {
  /// Has upstreams tried anew, and addresses to listen on looked at, as soon as this host's addresses, routes or
  /// links change.
  func watchNetwork() {
    do {
      worker.value.networkWatch = try NetworkWatch(on: loop) { [unowned self] in networkChanged() }
      // What changed after the first look and before there was a watch, nobody has told.
      followAddresses()
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
    followAddresses()
    worker.value.upstreams?.networkChanged()
    worker.value.upstreamStreams?.networkChanged()
    worker.value.networkChanged()
  }

  /// Takes up which addresses this host has now.
  private func followAddresses() {
    lookAtAddresses()
    // A server of the system's whose address has become this host's own would be this server itself.
    _ = systemServersChanged()
    listeners.follow(settings, on: host)
    lookForNetworks(on: host)
    local.hostChanged(host)
  }

  /// Reads which addresses this host has.
  ///
  /// When that fails, as when no file can be opened, those before are taken to be there still, until a look
  /// after a moment: nobody tells of the same change twice.
  func lookAtAddresses() {
    do {
      host = try HostAddresses()
      lookingAgain = nil
    } catch {
      // Once, until they can be read.
      if lookingAgain == nil {
        logger.warning(
          "this host's addresses can't be read; those known before are taken to be there still",
          metadata: ["error": "\(error)"])
      }
      // Where changes are never told, neither are addresses.
      guard worker.value.networkWatch != nil else { return }
      lookingAgain = Timer(on: loop) { [unowned self] in followAddresses() }
      lookingAgain?.schedule(after: Server.secondLook)
    }
  }

  /// Milliseconds until addresses that couldn't be read are looked at again.
  private static let secondLook: UInt64 = 1_000

  /// Looks which networks this host is in, and serves their clients if `allow` says so.
  ///
  /// - Parameter isNew: whether `allow` has changed, so that they are said in any case.
  func lookForNetworks(on host: HostAddresses, isNew: Bool = false) {
    let found = LocalNetworks(of: host, besides: settings.allowed)
    if found != localNetworks {
      localNetworks = found
      worker.value.service.allow(settings.allowed(with: found), local: found.neighbourhood)
    } else if !isNew {
      return
    }
    announceLocalNetworks()
  }

  /// Says which networks `local-networks` are.
  func announceLocalNetworks() {
    guard settings.allowsLocalNetworks else { return }
    logger.info("local networks are served", metadata: ["networks": "\(localNetworks.text)"])
    if localNetworks.isCut {
      localNetworksCut += 1
      logger.warning(
        "this host is in more networks than are served by themselves; name the others in allow",
        metadata: ["limit": "\(LocalNetworks.most)"])
    }
  }

  /// Says where the page is.
  func announceWeb() {
    guard let web else { return }
    logger.info("HTTP", metadata: ["page": "http://\(web.address)/"])
    if !host.has(web.address) {
      logger.warning(
        "this host does not have the address for HTTP; it is answered as soon as it comes",
        metadata: ["address": "\(web.address)"])
    }
  }
}
