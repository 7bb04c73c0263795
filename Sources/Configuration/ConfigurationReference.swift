/// The reference page of the configuration, docs/configuration.md, from the catalogue of settings.
package enum ConfigurationReference {
  package static var page: String {
    var lines = [
      "# Configuration", "",
      "<!-- Written by `dns-cache-server schema --reference`; a test compares. -->", "",
      "A YAML file, by default `/etc/dns-cache-server.yaml` if it exists, else the one that `--config` names.",
      "Each setting is a flag of `run`, too, and `--set cache.size=64MiB` sets any of them; both win over the",
      "file. `dns-cache-server check FILE` says all that is wrong with a file, with line, column and the nearest",
      "correct word; a file with a mistake changes nothing. `dns-cache-server schema` prints a JSON Schema for",
      "editors. Files to start from are under [examples](../examples). After a change, `ctl reload` or SIGHUP",
      "takes it over and says which settings need a restart.", "",
      "Durations are whole numbers with a unit, as `500ms`, `30s`, `5m`, `12h`, `1d`; sizes are `64KiB`, `256MiB`,",
      "`2GiB`, shares `12%`; only `0` has no unit. A list takes the place of its default, and its flag may be",
      "repeated. The flag of what is true or false has an opposite, as `--no-prefetch`.", "",
      "What the settings do to answers is in [answers.md](answers.md), their use in",
      "[operations.md](operations.md), what else is limited in [limits.md](limits.md).", "",
    ]
    var group: String?
    for setting in Setting.all {
      let words = setting.key.split(separator: ".").map(String.init)
      let heading = words.count > 1 ? words[0] : ""
      if heading != group {
        group = heading
        if lines.last != "" { lines.append("") }
        lines += [heading.isEmpty ? "## Whom to serve, whom to ask" : "## `\(heading)`", ""]
        lines += [
          "| Setting | Flag | Value | Default | Changed by | |", "|---|---|---|---|---|---|",
        ]
      }
      lines.append(
        "| `\(setting.key)` | `--\(setting.flag)` | \(form(setting)) | \(setting.defaultText) "
          + "| \(setting.isLive ? "reload" : "restart") | \(setting.help) |")
      guard case .item(let kind) = setting.kind else { continue }
      lines += kind.fields.map { field in
        "| `\(setting.key)[].\(field.name)` | | \(form(field)) | "
          + "\(field.isRequired ? "must be given" : "none") | | \(field.help) |"
      }
    }
    return lines.joined(separator: "\n")
  }

  /// What to write, with the least and the most.
  private static func form(_ holder: some ValueHolder) -> String {
    var form = holder.kind.form.split(separator: "|").joined(separator: ", ")
    if case .item(let kind) = holder.kind { form = kind.noun }
    if let bounds = holder.kind.bounds { form += ", \(bounds)" }
    if holder.isList { form = "list of: \(form)" }
    return holder.emptyWord.map { "\(form); or \($0)" } ?? form
  }
}
