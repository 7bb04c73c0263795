import ArgumentParser

/// The page dns-cache-server(8): from the commands themselves, with what they can't say.
enum ServerManual {
  static var page: String {
    var page = Roff(title: "dns-cache-server", section: 8, manual: "System administration")
    page.heading("Name")
    page.paragraph("dns-cache-server - caching DNS server for local networks")
    page.heading("Synopsis")
    for command in DNSCacheServer.configuration.subcommands where isShown(command) {
      page.paragraph(HelpScreen(of: command).usage)
    }
    page.heading("Description")
    page.paragraph(description)
    for command in DNSCacheServer.configuration.subcommands where isShown(command) {
      describe(command, in: &page)
    }
    page.heading("Signals")
    page.entry("SIGTERM, SIGINT", "Save the cache and stop.")
    page.entry("SIGHUP", "Read the configuration again; the cache is kept.")
    page.entry("SIGUSR1", "Save the cache now.")
    page.heading("Exit status")
    page.entry("0", "A clean stop.")
    page.entry("64", "Wrong usage or configuration.")
    page.entry("69", "An address can't be listened on, or a needed part is missing.")
    page.entry("70", "A fault of the program's own.")
    page.heading("Environment")
    page.entry(
      "STATE_DIRECTORY, RUNTIME_DIRECTORY",
      "Folders of the cache and of the control socket, as a service manager sets them.")
    page.entry(
      ControlAddress.variable, "The control socket that ctl talks to, where --control names none.")
    page.entry(
      "NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS",
      "A service manager that is told how the server is, and sockets that it opened; see sd_notify(3) and sd_listen_fds(3)."
    )
    page.heading("Files")
    page.entry("/etc/dns-cache-server.yaml", "The configuration; see dns-cache-server.yaml(5).")
    page.entry("/var/lib/dns-cache-server/cache.snapshot", "The cache over a restart.")
    page.entry(
      "/run/dns-cache-server/control.sock", "What ctl talks to; for the owner and the group.")
    page.entry("/etc/resolv.conf", "Name servers to ask when none is named.")
    page.heading("Examples")
    page.paragraph("Answer a network, and become another user once port 53 is bound:")
    page.example(
      "dns-cache-server run --listen 192.168.1.1 --upstream 9.9.9.9 --user dns-cache-server")
    page.paragraph("Which names gave an address?")
    page.example("dns-cache-server ctl cache names 192.0.2.80")
    page.heading("See also")
    page.paragraph("dns-cache-server.yaml(5), resolv.conf(5), systemd.service(5), dig(1)")
    return page.text
  }

  private static let description = """
    Answers the questions of a network's hosts over UDP and TCP, from its cache or by asking other name \
    servers. Answers are kept over restarts, and given for a while after they have expired if nobody can be \
    asked. It stays in the foreground and writes its log to standard error, a line an event.

    Without a subcommand it runs the server.
    """

  /// A command with its flags, then the verbs below it with theirs.
  private static func describe(_ command: any ParsableCommand.Type, in page: inout Roff) {
    page.heading(name(of: command))
    page.paragraph(command.configuration.abstract)
    page.paragraph(command.configuration.discussion)
    let verbs = verbs(of: command)
    guard !verbs.isEmpty else {
      for group in HelpScreen(of: command).groups {
        page.subheading(title(group))
        for entry in group.entries { page.entry(entry.term, entry.meaning) }
      }
      return
    }
    // What every verb takes is said once.
    let shared = verbs.dropFirst().reduce(verbs[0].screen.entries) { common, verb in
      common.filter { verb.screen.entries.contains($0) }
    }
    if !shared.isEmpty {
      page.paragraph("Every verb takes:")
      for entry in shared { page.entry(entry.term, entry.meaning) }
    }
    for (verb, screen) in verbs {
      page.subheading(screen.usage(without: shared))
      page.paragraph(verb.configuration.abstract)
      page.paragraph(verb.configuration.discussion)
      for entry in screen.entries where !shared.contains(entry) {
        page.entry(entry.term, entry.meaning)
      }
    }
  }

  /// What is below a command and has nothing below itself, in order.
  private static func verbs(
    of command: any ParsableCommand.Type
  ) -> [(command: any ParsableCommand.Type, screen: HelpScreen)] {
    command.configuration.subcommands.filter(isShown).flatMap { below in
      below.configuration.subcommands.isEmpty
        ? [(below, HelpScreen(of: below))] : verbs(of: below)
    }
  }

  private static func name(of command: any ParsableCommand.Type) -> String {
    command.configuration.commandName ?? ""
  }

  /// A group's title as a person would write it; abbreviations stay.
  private static func title(_ group: HelpScreen.Group) -> String {
    group.title.count <= 4
      ? group.title : group.title.prefix(1) + group.title.dropFirst().lowercased()
  }

  private static func isShown(_ command: any ParsableCommand.Type) -> Bool {
    command.configuration.shouldDisplay
  }
}
