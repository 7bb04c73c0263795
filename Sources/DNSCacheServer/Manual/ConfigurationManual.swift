/// The page dns-cache-server.yaml(5), from the catalogue of settings.
enum ConfigurationManual {
  static var page: String {
    var page = Roff(title: "dns-cache-server.yaml", section: 5, manual: "File formats")
    page.heading("Name")
    page.paragraph("dns-cache-server.yaml - configuration of the caching DNS server")
    page.heading("Description")
    page.paragraph(description)
    page.example(example)
    page.heading("Settings")
    page.paragraph("What needs a restart says so; all else is in force after a reload.")
    var group: Substring?
    for setting in Setting.all {
      let words = setting.key.split(separator: ".")
      let heading = words.count > 1 ? words[0] : nil
      if heading != group, let heading {
        page.subheading("\(heading):")
      }
      group = heading
      page.entry("\(setting.key): <\(form(setting))>", meaning(setting))
      guard case .item(let kind) = setting.kind else { continue }
      for field in kind.fields {
        page.entry("\(setting.key)[].\(field.name): <\(form(field))>", field.help)
      }
    }
    page.heading("Files")
    page.entry("/etc/dns-cache-server.yaml", "Read if no other file is named with --config.")
    page.heading("See also")
    page.paragraph("dns-cache-server(8)")
    return page.text
  }

  private static let description = """
    YAML: groups of settings, each with a value or a list of values. A setting that is not there has its \
    default. Each setting is a flag of dns-cache-server(8), too; a flag wins over the file.

    A word that is no setting, or a value that can't be, is an error, and nothing of the file is used then. \
    "dns-cache-server check FILE" names every mistake of a file with line, column and the nearest correct \
    word, "dns-cache-server schema" prints a JSON Schema for editors.

    Durations have a unit, as 500ms, 30s, 5m, 12h, 1d, and so have sizes, as 64KiB, 256MiB, 2GiB, and shares, as 12%. Only 0 needs \
    none. Below, a dot parts a group from its setting: cache.size is size in the group cache.
    """

  private static let example = """
    listen: ["192.168.1.1:53", "[::1]:53"]
    upstream: [9.9.9.9]
    cache:
      size: 64MiB
    """

  private static func form(_ holder: some ValueHolder) -> String {
    var form = holder.kind.form
    if case .item(let kind) = holder.kind { form = kind.noun }
    if holder.isList { form = "list of \(form)" }
    return holder.emptyWord.map { "\(form), or \($0)" } ?? form
  }

  /// What it does, what it may be, what it is by default.
  private static func meaning(_ setting: Setting) -> String {
    var sentences = [setting.help]
    if let bounds = setting.kind.bounds { sentences.append("Value: \(bounds).") }
    let usual = setting.usual
    sentences.append("Default: \(usual.isEmpty ? "none" : usual).")
    if !setting.isLive { sentences.append("A new value needs a restart.") }
    return sentences.joined(separator: "\n")
  }
}
