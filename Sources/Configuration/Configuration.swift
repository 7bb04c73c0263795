import YAML

/// Flags and file together: they make one set of settings, or a list of everything that is wrong.
package struct Configuration {
  private(set) var errors: [ConfigurationError] = []
  private var given: [String: GivenSetting] = [:]
  private let defaults: Settings

  package init(defaults: Settings) {
    self.defaults = defaults
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
        errors.append(
          ConfigurationError(
            origin: .flag("set"), message: "\(pair[0]): no setting has this name\(hint)"))
        continue
      }
      // The last value of a setting that is no list counts.
      if !setting.isList, pairs[(index + 1)...].contains(where: { $0[0] == pair[0] }) { continue }
      take(pair.count == 2 ? pair[1] : "", of: setting)
    }
  }

  private mutating func take(_ text: String, of setting: Setting) {
    let origin = Origin.flag(setting.flag)
    // Kept without the value if that is wrong, so that the file's doesn't take its place.
    var values = given[setting.key]?.values ?? []
    do {
      values.append(
        GivenValue(value: try setting.kind.value(text, at: origin), text: text, origin: origin))
    } catch {
      errors.append(ConfigurationError(origin: origin, message: "\(text): \(error)"))
    }
    given[setting.key] = GivenSetting(setting: setting, values: values)
  }

  /// Reads a file.
  package mutating func read(_ path: String) {
    do {
      take(try ConfigurationText(reading: path))
    } catch {
      errors += error.all
    }
  }

  /// Takes what a file held.
  package mutating func take(_ text: ConfigurationText) {
    take(ConfigurationFile(text.bytes, path: text.path))
  }

  /// Takes what a file has, where no flag says otherwise.
  mutating func take(_ file: ConfigurationFile) {
    errors += file.errors
    for setting in file.given where given[setting.setting.key] == nil {
      given[setting.setting.key] = setting
    }
  }

  // MARK: What follows from it

  /// Puts the values in place and checks whether they go together.
  ///
  /// - Parameter needsUpstream: whether it is an error that no upstream is named, nor by the system.
  package func settings(needsUpstream: Bool = false) throws(ConfigurationErrors) -> Settings {
    var settings = defaults
    for (_, setting) in given where !setting.values.isEmpty || setting.setting.arity == .any {
      setting.setting.apply(setting.values.map(\.value), to: &settings)
    }
    var errors = errors
    errors += timesToLive(settings) + zones() + rebinding(settings)
    errors += twice("listen") { $0.address?.port != 0 } + twice("upstream") { _ in true }
    errors += cookieSecrets(&settings) + web(settings)
    // The checks below would be misled by a list that lacks its wrong values.
    if !errors.contains(where: { isOf("listen", $0) || isOf("upstream", $0) }) {
      let own = OwnEndpoints(settings, on: .asFarAsTold())
      errors += upstreams(&settings, needsUpstream: needsUpstream, own: own)
      if !errors.contains(where: { isOf("routes", $0) }) {
        errors += routes(settings, own: own)
      }
    }
    errors += local(settings) + blocking(settings)
    guard errors.isEmpty else { throw ConfigurationErrors(all: errors) }
    return settings
  }

  /// The values that were given for a setting.
  func values(_ key: String) -> [GivenValue] { given[key]?.values ?? [] }

  /// The name of a setting in the words of the place where a value was given: a flag, or a key of the file.
  private func name(_ key: String, like origin: Origin) -> String {
    guard case .flag = origin, let flag = Setting.named(key)?.flag else { return key }
    return "--\(flag)"
  }

  private func isOf(_ key: String, _ error: ConfigurationError) -> Bool {
    switch error.origin {
    case .flag(let flag): flag == Setting.named(key)?.flag
    case .file: [":", " ", "["].contains { error.message.hasPrefix(key + $0) }
    case .nowhere: false
    }
  }

  // MARK: Checks

  private func timesToLive(_ settings: Settings) -> [ConfigurationError] {
    guard settings.cache.minimumTTL > settings.cache.maximumTTL else { return [] }
    let isMinimumGiven = !values("cache.min-ttl").isEmpty
    let key = isMinimumGiven ? "cache.min-ttl" : "cache.max-ttl"
    let other = isMinimumGiven ? "cache.max-ttl" : "cache.min-ttl"
    guard let value = values(key).first, let setting = Setting.named(other) else { return [] }
    return [
      value.error(
        key,
        "must not be \(isMinimumGiven ? "more" : "less") than \(name(other, like: value.origin)), which is \(setting.text(in: settings))"
      )
    ]
  }

  /// A zone that is both forwarded and answered.
  private func zones() -> [ConfigurationError] {
    let forwarded = Set(
      values("names.forward-special").flatMap { NameRules.zones($0.text) }.map(\.name))
    return values("names.answer-special").compactMap { value in
      guard
        let zone = NameRules.zones(value.text).first(where: { forwarded.contains($0.name) })
      else { return nil }
      return value.error(
        "names.answer-special",
        "\(zone.name) is named by \(name("names.forward-special", like: value.origin)), too; choose one"
      )
    }
  }

  private func rebinding(_ settings: Settings) -> [ConfigurationError] {
    if settings.names.isRebindProtected { return [] }
    return ["names.rebind-allow", "names.rebind-allow-loopback"].flatMap { key in
      values(key).filter { $0.value.boolean ?? true }.prefix(1).map { value in
        value.error(
          key,
          "is of no use; it needs \(name("names.rebind-protection", like: value.origin))")
      }
    }
  }

  /// Values that occur twice in a list.
  private func twice(_ key: String, where counts: (Value) -> Bool) -> [ConfigurationError] {
    var seen: Set<String> = []
    return values(key).compactMap { value in
      guard let kind = given[key]?.setting.kind, counts(value.value) else { return nil }
      let server = value.value.server
      let text = server.map { "\($0.address)" } ?? kind.text(of: value.value)
      guard !seen.insert(text).inserted else { return nil }
      let isOther = values(key).contains {
        $0.value.server?.address == server?.address && $0.value.server != server
      }
      return value.error(
        key,
        isOther
          ? "\(text) stands in the list with other options; name it once"
          : "stands in the list twice; name it once")
    }
  }

  private func cookieSecrets(_ settings: inout Settings) -> [ConfigurationError] {
    guard let value = values("client.cookie-secret-file").first, let path = value.value.text else {
      return []
    }
    do {
      settings.cookieSecrets = try CookieSecretFile.read(path)
      return []
    } catch {
      return [value.error("client.cookie-secret-file", "\(error)")]
    }
  }

  /// HTTP beyond this host needs a token, and the file that is named must hold one.
  private func web(_ settings: Settings) -> [ConfigurationError] {
    if let value = values("http-host").first(where: { $0.text.contains("*") }) {
      return [value.error("http-host", "no patterns here; name each host")]
    }
    if let value = values("http-token-file").first, let path = value.value.text {
      do {
        _ = try WebToken(file: path)
      } catch {
        return [value.error("http-token-file", "\(error)")]
      }
    }
    guard let value = values("http").first, value.value.address?.address.isLoopback == false,
      settings.web.tokenFile == nil
    else { return [] }
    return [
      value.error(
        "http",
        "others can come there, so a token is needed; make one with `openssl rand -base64 24 > PATH` and name it with \(name("http-token-file", like: value.origin)), or listen on 127.0.0.1"
      )
    ]
  }

  /// Checks the upstreams that were named; else finds those of the system.
  private func upstreams(
    _ settings: inout Settings, needsUpstream: Bool, own: OwnEndpoints
  ) -> [ConfigurationError] {
    guard settings.isUpstreamExplicit else {
      do {
        settings.upstreams = try ResolvConf.upstreams(besides: own).map { UpstreamServer($0) }
        return []
      } catch {
        return needsUpstream ? [error] : []
      }
    }
    var found: [ConfigurationError] = []
    for value in values("upstream") {
      guard let address = value.value.address else { continue }
      if let fault = Configuration.fault(ofServer: address, own) {
        found.append(value.error("upstream", fault))
      }
    }
    if let beyond = values("upstream").dropFirst(Settings.mostUpstreams).first {
      found.append(
        beyond.error(
          "upstream",
          "there are \(values("upstream").count), and \(Settings.mostUpstreams) is the most; leave some out"
        ))
    }
    return found
  }
}
