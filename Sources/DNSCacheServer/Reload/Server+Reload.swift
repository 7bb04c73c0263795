import Configuration
import Control
import EventLoop
import Logging
import System

// Reading file and flags again: everything is checked first, then what has changed is taken over in place.

extension Server {
  /// Is told what has changed, or what is wrong, a line for each mistake; nothing has changed then.
  typealias ReloadCompletion = (Result<ReloadResult, StartupError>) -> Void

  /// Milliseconds after which a file that may be still being written is read again.
  private static let rereadingPause: UInt64 = 200
  /// Times that it is read at most: one that grows for five seconds is given up.
  private static let mostReadings = 25

  /// Reads the configuration again and takes over what has changed; the cache stays.
  ///
  /// Ends at once, but for a file that is empty or without a final newline: that may be still being written, and
  /// is read again until it stays as it is.
  func reload(_ completion: @escaping ReloadCompletion) {
    reloads.append(completion)
    guard reloads.count == 1 else { return }
    service.reloading()
    readConfiguration(before: nil, readings: 1)
  }

  private func readConfiguration(before: ConfigurationText?, readings: Int) {
    let result = Result { () throws(StartupError) -> ReloadResult? in
      do {
        let text = try source.text(pipeTimeout: 0)
        if let text, text.isEmptied || !text.hasEnd, text.stamp != nil, text != before {
          guard readings < Server.mostReadings else {
            throw ConfigurationErrors("the configuration \(text.path) is still being written")
          }
          rereading = Timer(on: loop) { [unowned self] in
            readConfiguration(before: text, readings: readings + 1)
          }
          rereading?.schedule(after: Server.rereadingPause)
          return nil
        }
        if text == nil, hasFile {
          throw ConfigurationErrors("the configuration \(SettingsSource.defaultFile) is gone")
        }
        if let text, text.isEmptied {
          throw ConfigurationErrors(
            "the configuration \(text.path) is empty; write {} if nothing is to be set")
        }
        return try takeOver(
          source.settings(with: text, needsUpstream: !settings.upstreams.isEmpty),
          isFromFile: text != nil)
      } catch let error as ConfigurationErrors {
        for mistake in error.all { logger.error("reload: \(mistake)") }
        logger.error("the configuration is not reloaded: nothing has changed")
        throw StartupError(.usage, "\(error)")
      } catch let error as StartupError {
        throw error
      } catch {
        throw StartupError(.fault, "\(error)")
      }
    }
    let finished: Result<ReloadResult, StartupError>
    switch result {
    case .success(nil): return
    case .success(let changes?): finished = .success(changes)
    case .failure(let error): finished = .failure(error)
    }
    let waiting = reloads
    reloads = []
    service.ready("Serving")
    for completion in waiting { completion(finished) }
  }

  /// Takes over settings that are right by themselves.
  ///
  /// - Parameter isFromFile: whether a file had a say.
  private func takeOver(_ new: Settings, isFromFile: Bool) throws(StartupError) -> ReloadResult {
    let prepared: (listening: Listeners.Change, servers: ControlServers)
    do {
      prepared = try prepare(new)
    } catch {
      logger.error("the configuration is not reloaded: nothing has changed")
      logger.error("reload: \(error)")
      throw error
    }
    let old = settings
    let result = old.difference(to: new, reservedCache: worker.value.cache.reservedOctets)
    settings = new.keepingRestarts(
      of: old, reservedCache: worker.value.cache.reservedOctets)
    listeners.apply(prepared.listening)
    takeOver(prepared.servers)
    applyBudget()
    listeners.lookForMissing(settings, on: host)
    lookForNetworks(on: host, isNew: result.changed.contains("allow"))
    let areNamesChanged = result.changed.contains {
      $0.hasPrefix("names.") || $0.hasPrefix("routes[") || $0.hasPrefix("local.")
    }
    // In another order the same routes have other numbers.
    let areRoutesMoved = old.routes.map(\.route) != settings.routes.map(\.route)
    applyServers(isPolicyNew: areNamesChanged || areRoutesMoved)
    if result.changed.contains(where: { $0.hasPrefix("local.") }) {
      local.reconfigure(settings.local, host: host)
    }
    if result.changed.contains(where: Server.isOfBlocking) { applyBlocking() }
    for complaint in settings.exposedSecrets { logger.warning("\(complaint)") }
    maintenance?.shrink(on: loop)
    threshold.level = settings.logLevel
    worker.value.keepQueries(settings.recentQueries, settings.logPrivacy)
    if settings.logsQueries != old.logsQueries {
      worker.value.logQueries(to: settings.logsQueries ? log : nil)
    }
    snapshot.reconfigure(path: settings.cacheFile, interval: settings.saveInterval)
    if old.cookieSecretFile != nil || settings.cookieSecretFile != nil {
      cookies?.reconfigure(isShared: settings.cookieSecrets != nil)
    }
    if worker.value.cache.hasUnjudged || areNamesChanged
      || result.changed.contains("resolver.trust-ad")
    {
      purging?.start()
    }
    hasFile = hasFile || isFromFile
    watchSystemServers()
    logger.notice(
      "reloaded",
      metadata: [
        "changed": "\(result.changed.joined(separator: ","))",
        "needs_restart": "\(result.restart.joined(separator: ","))",
      ])
    return result
  }

  /// Opens and checks what may fail; where that fails, all is as before.
  private func prepare(
    _ new: Settings
  ) throws(StartupError) -> (listening: Listeners.Change, servers: ControlServers) {
    if new.cacheFile != settings.cacheFile {
      makeFolder(of: new.cacheFile)
      do {
        try snapshot.check(new.cacheFile)
      } catch {
        throw StartupError(
          .unavailable,
          "cannot keep the cache in \(new.cacheFile): \(error); choose another with cache.file")
      }
    }
    lookAtAddresses()
    let listening = try listeners.prepare(new, on: host)
    do {
      return (listening, try openServers(new))
    } catch {
      listeners.cancel(listening)
      throw error
    }
  }

  /// Shares the files that may be open out anew, and takes over all that the worker is told.
  func applyBudget() {
    let budget = DescriptorBudget(settings, limit: DescriptorLimit.raise())
    if let complaint = budget.complaint { logger.warning("\(complaint)") }
    worker.value.reconfigure(settings, in: localNetworks, budget)
  }

  /// Whether the name of a setting that has changed is one that has to do with what is blocked.
  private static func isOfBlocking(_ key: String) -> Bool {
    ["block.", "groups", "routes", "local.", "state", "cache.file"].contains { key.hasPrefix($0) }
  }

  /// Has names blocked as the settings say.
  func applyBlocking() {
    blocking.reconfigure(settings)
    lists.reconfigure(
      settings.blockLists, for: settings.groupRules, allowsBroad: settings.block.allowsBroad,
      protected: settings.protectedNames, in: settings.listFolder)
  }

  /// Has names looked for anew in lists and rules.
  func blockingChanged() {
    worker.value.blockingChanged()
    if worker.value.cache.needsUnmarking { purging?.start() }
  }

  /// Has the servers asked that the settings name.
  ///
  /// - Parameter isPolicyNew: whether names may take other routes than before.
  func applyServers(isPolicyNew: Bool) {
    let retired = worker.value.setRoutes(settings.forwardRoutes, isPolicyNew: isPolicyNew)
    // Not while the worker is being changed: what ends tells it.
    for server in retired { worker.value.upstreamStreams?.retire(server) }
    worker.value.drainActions()
  }
}

extension Server {
  /// The control socket and the HTTP server of a new configuration, where they are others than before.
  private struct ControlServers {
    var control: ControlSocket?
    var web: WebServer?
    var isWebGone = false
  }

  /// Opens what is new, and has what stays take over who is let in; throws when something can't be had.
  private func openServers(_ new: Settings) throws(StartupError) -> ControlServers {
    var servers = ControlServers()
    guard let api else { return servers }
    if new.control != settings.control {
      makeFolder(of: new.control)
      do {
        servers.control = try ControlSocket(
          on: loop, path: new.control, api: api, budget: tickBudget)
      } catch {
        throw StartupError(.unavailable, ControlAddress.cannotOpen(new.control, error))
      }
    }
    do throws(StartupError) {
      if new.web.address == settings.web.address {
        try web?.reconfigure(new.web)
      } else {
        servers.isWebGone = true
        servers.web = try WebServer(new.web, on: loop, worker: worker, api: api, budget: tickBudget)
      }
    } catch {
      servers.control?.close()
      throw error
    }
    return servers
  }

  private func takeOver(_ servers: ControlServers) {
    if let fresh = servers.control {
      // Its place is free at once, to come back to.
      if let old = control {
        old.stopListening()
        retirements.add { old.close() }
      }
      control = fresh
    }
    guard servers.isWebGone else { return }
    if let old = web {
      old.stopListening()
      retirements.add { old.close() }
    }
    web = servers.web
    announceWeb()
  }
}

extension Settings {
  /// These settings, but with the other's values where a change needs a restart.
  fileprivate func keepingRestarts(of old: Settings, reservedCache: Int) -> Settings {
    var settings = self
    settings.user = old.user
    settings.cache.octets = min(cache.octets, reservedCache)
    settings.local.memory = old.local.memory
    settings.resolver.inFlight = old.resolver.inFlight
    settings.resolver.waiters = old.resolver.waiters
    return settings
  }
}
