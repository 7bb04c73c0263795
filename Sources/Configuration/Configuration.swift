import YAML

/// What flags and a file give, put together: one set of settings, or everything that is wrong.
package struct Configuration {
  private(set) var mistakes: [Mistake] = []
  private var given: [String: GivenSetting] = [:]
  private let usual: Settings

  package init(usual: Settings) {
    self.usual = usual
  }

  // MARK: What is given

  /// Takes what the command line sets, each as `key=value`; it wins over the file.
  package mutating func take(assignments: [String]) {
    let pairs = assignments.map {
      $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    }
    for (index, pair) in pairs.enumerated() {
      guard let setting = Setting.named(pair[0]) else {
        let hint = NearestWord.hint(for: pair[0], among: Setting.all.map(\.key))
        mistakes.append(
          Mistake(
            origin: .flag("set"), message: "\(pair[0]): no setting has this name\(hint)"))
        continue
      }
      // Of a setting that has one value the last counts.
      if !setting.isList, pairs[(index + 1)...].contains(where: { $0[0] == pair[0] }) { continue }
      take(pair.count == 2 ? pair[1] : "", of: setting)
    }
  }

  private mutating func take(_ text: String, of setting: Setting) {
    let origin = Origin.flag(setting.flag)
    // The file's values are not to stand in for one that is wrong.
    var values = given[setting.key]?.values ?? []
    do {
      values.append(
        GivenValue(value: try setting.kind.value(text, at: origin), text: text, origin: origin))
    } catch {
      mistakes.append(Mistake(origin: origin, message: "\(text): \(error)"))
    }
    given[setting.key] = GivenSetting(setting: setting, values: values)
  }

  /// Reads a file.
  package mutating func read(_ path: String) {
    do {
      take(try ConfigurationText(reading: path, waits: true))
    } catch {
      mistakes += error.list
    }
  }

  /// Takes what a file held.
  package mutating func take(_ text: ConfigurationText) {
    take(ConfigurationFile(text.octets, path: text.path))
  }

  /// Takes what a file has, where no flag says otherwise.
  mutating func take(_ file: ConfigurationFile) {
    mistakes += file.mistakes
    for setting in file.given where given[setting.setting.key] == nil {
      given[setting.setting.key] = setting
    }
  }

  // MARK: What it means

  /// Puts the values in place and checks whether they go together.
  ///
  /// - Parameter needsUpstream: whether it is a mistake that nobody is named and the system names nobody.
  package func settings(needsUpstream: Bool = false) throws(Mistakes) -> Settings {
    var settings = usual
    for (_, setting) in given where !setting.values.isEmpty || setting.setting.arity == .any {
      setting.setting.apply(setting.values.map(\.value), to: &settings)
    }
    var mistakes = mistakes
    mistakes += timesToLive(settings) + zones() + rebinding(settings)
    mistakes += twice("listen") { $0.address?.port != 0 } + twice("upstream") { _ in true }
    mistakes += cookieSecrets(&settings) + web(settings)
    // Of a list that is half wrong nothing follows.
    if !mistakes.contains(where: { isOf("listen", $0) || isOf("upstream", $0) }) {
      let own = OwnEndpoints(settings, on: .asFarAsTold())
      mistakes += upstreams(&settings, needsUpstream: needsUpstream, own: own)
      if !mistakes.contains(where: { isOf("routes", $0) }) {
        mistakes += routes(settings, own: own)
      }
    }
    guard mistakes.isEmpty else { throw Mistakes(list: mistakes) }
    return settings
  }

  /// The values that were given for a setting.
  func values(_ key: String) -> [GivenValue] { given[key]?.values ?? [] }

  func mistake(_ key: String, _ value: GivenValue, _ message: String) -> Mistake {
    value.mistake(key, message)
  }

  /// What a setting is called where a value was written: a flag, or a key of the file.
  private func name(_ key: String, like origin: Origin) -> String {
    guard case .flag = origin, let flag = Setting.named(key)?.flag else { return key }
    return "--\(flag)"
  }

  private func isOf(_ key: String, _ mistake: Mistake) -> Bool {
    switch mistake.origin {
    case .flag(let flag): flag == Setting.named(key)?.flag
    case .file: [":", " ", "["].contains { mistake.message.hasPrefix(key + $0) }
    case .usual: false
    }
  }

  // MARK: Checks

  private func timesToLive(_ settings: Settings) -> [Mistake] {
    guard settings.cache.minimumTTL > settings.cache.maximumTTL else { return [] }
    let isMinimumGiven = !values("cache.min-ttl").isEmpty
    let key = isMinimumGiven ? "cache.min-ttl" : "cache.max-ttl"
    let other = isMinimumGiven ? "cache.max-ttl" : "cache.min-ttl"
    guard let value = values(key).first, let setting = Setting.named(other) else { return [] }
    return [
      mistake(
        key, value,
        "must not be \(isMinimumGiven ? "more" : "less") than \(name(other, like: value.origin)), which is \(setting.text(in: settings))"
      )
    ]
  }

  /// A zone that is both forwarded and answered.
  private func zones() -> [Mistake] {
    let forwarded = Set(
      values("names.forward-special").flatMap { NameRules.zones($0.text) }.map(\.name))
    return values("names.answer-special").compactMap { value in
      guard
        let zone = NameRules.zones(value.text).first(where: { forwarded.contains($0.name) })
      else { return nil }
      return mistake(
        "names.answer-special", value,
        "\(zone.name) is named by \(name("names.forward-special", like: value.origin)), too; choose one"
      )
    }
  }

  private func rebinding(_ settings: Settings) -> [Mistake] {
    if settings.names.isRebindProtected { return [] }
    return ["names.rebind-allow", "names.rebind-allow-loopback"].flatMap { key in
      values(key).filter { $0.value.truth ?? true }.prefix(1).map { value in
        mistake(
          key, value,
          "is of no use; it needs \(name("names.rebind-protection", like: value.origin))")
      }
    }
  }

  /// Values that stand twice in a list.
  private func twice(_ key: String, where counts: (Value) -> Bool) -> [Mistake] {
    var seen: Set<String> = []
    return values(key).compactMap { value in
      guard let kind = given[key]?.setting.kind, counts(value.value) else { return nil }
      let server = value.value.server
      let text = server.map { "\($0.address)" } ?? kind.text(of: value.value)
      guard !seen.insert(text).inserted else { return nil }
      let isOther = values(key).contains {
        $0.value.server?.address == server?.address && $0.value.server != server
      }
      return mistake(
        key, value,
        isOther
          ? "\(text) stands in the list with other options; name it once"
          : "stands in the list twice; name it once")
    }
  }

  private func cookieSecrets(_ settings: inout Settings) -> [Mistake] {
    guard let value = values("client.cookie-secret-file").first, let path = value.value.text else {
      return []
    }
    do {
      settings.cookieSecrets = try CookieSecretFile.read(path)
      return []
    } catch {
      return [mistake("client.cookie-secret-file", value, "\(error)")]
    }
  }

  /// HTTP for others than this host needs a token, which must be there.
  private func web(_ settings: Settings) -> [Mistake] {
    if let value = values("http-host").first(where: { $0.text.contains("*") }) {
      return [mistake("http-host", value, "no patterns here; name each host")]
    }
    if let value = values("http-token-file").first, let path = value.value.text {
      do {
        _ = try WebToken(file: path)
      } catch {
        return [mistake("http-token-file", value, "\(error)")]
      }
    }
    guard let value = values("http").first, value.value.address?.isLoopback == false,
      settings.web.tokenFile == nil
    else { return [] }
    return [
      mistake(
        "http", value,
        "others can come there, so a token is needed; make one with `openssl rand -base64 24 > PATH` and name it with \(name("http-token-file", like: value.origin)), or listen on 127.0.0.1"
      )
    ]
  }

  /// Checks the upstreams that were named; else finds those of the system.
  private func upstreams(
    _ settings: inout Settings, needsUpstream: Bool, own: OwnEndpoints
  ) -> [Mistake] {
    guard settings.isUpstreamExplicit else {
      do {
        settings.upstreams = try ResolvConf.upstreams(besides: own).map { UpstreamServer($0) }
        return []
      } catch {
        return needsUpstream ? [error] : []
      }
    }
    var found: [Mistake] = []
    for value in values("upstream") {
      guard let address = value.value.address else { continue }
      if let fault = Configuration.fault(ofServer: address, own) {
        found.append(mistake("upstream", value, fault))
      }
    }
    if let beyond = values("upstream").dropFirst(Settings.mostUpstreams).first {
      found.append(
        mistake(
          "upstream", beyond,
          "there are \(values("upstream").count), and \(Settings.mostUpstreams) is the most; leave some out"
        ))
    }
    return found
  }
}
