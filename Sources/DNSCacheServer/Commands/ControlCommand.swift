import ArgumentParser
import Configuration
import Control
import DNSWire
import EventLoop
import Observability
import System

/// Talks to a running server.
struct ControlCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ctl", abstract: "Ask or tell a running server.",
    subcommands: [
      Status.self, Stats.self, CacheCommand.self, Explain.self, InFlight.self, Upstreams.self,
      Routes.self, LocalCommand.self, TopCommand.self, WatchCommand.self, Reload.self, Stop.self,
    ])

  /// What every verb takes.
  struct Options: ParsableArguments {
    @Option(
      help: ArgumentHelp(
        "The server's control socket; else $\(ControlAddress.variable), or control of \(SettingsSource.defaultFile).",
        valueName: "path"))
    var control: String?

    @Flag(help: "Print JSON, for programs.")
    var json = false

    /// Asks the server and prints what it says.
    ///
    /// - Parameter showsProgress: tells a person at a terminal how far it has come.
    func perform(
      showsProgress: Bool = false, _ verb: () throws(ControlVerb.Refusal) -> ControlVerb
    ) throws {
      try ask { client throws in
        let verb = try verb()
        let progress =
          showsProgress && Process.isErrorTerminal
          ? client.nameCount().map { DumpProgress(total: $0) } : nil
        try client.perform(verb, as: format, progress: progress)
      }
    }

    /// How answers are wanted.
    var format: ControlClient.Format { json ? .json : .laidOut(.current) }

    /// Does something with a client; says what is wrong, and ends the program with the exit status for it.
    ///
    /// - Parameter timeout: seconds that an answer may take.
    func ask(
      timeout: Int = ControlClient.usualTimeout, _ body: (ControlClient) throws -> Void
    ) throws {
      do {
        try body(ControlClient(ControlAddress(flag: control), timeout: timeout))
      } catch let refusal as ControlVerb.Refusal {
        Process.writeError("error: \(refusal.sentence)\n")
        throw ExitCode(ExitStatus.usage.rawValue)
      } catch let error as StartupError {
        Process.writeError("error: \(error)\n")
        throw ExitCode(error.status.rawValue)
      }
    }
  }

  struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "status", abstract: "What is running, and how it is doing.")
    @Flag(help: "Exit with 1 while nothing can be resolved: no upstream answers.") var check = false
    @OptionGroup var options: Options

    func run() throws {
      try options.perform { .status }
      guard check else { return }
      var resolves = false
      try options.ask { client in
        resolves = try client.answer(.status, as: .json).contains("\"resolves\":true")
      }
      if !resolves { throw ExitCode(ExitStatus.notResolving.rawValue) }
    }
  }

  struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "stats", abstract: "Every counter, or those that are named.")
    @Argument(help: "A group, such as cache, or a part of names, such as limit.")
    var filter: String?
    @Flag(help: "Also those of the event loop, for developers.") var all = false
    @OptionGroup var options: Options

    func run() throws { try options.perform { .stats(filter: filter, all: all) } }
  }

  struct InFlight: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "inflight", abstract: "Questions that wait for an upstream.")
    @OptionGroup var options: Options
    func run() throws { try options.perform { .inFlight } }
  }

  struct Upstreams: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "upstreams",
      abstract: "Each upstream: whether it answers, how fast, and what it doesn't understand.")
    @OptionGroup var options: Options
    func run() throws { try options.perform { .upstreams } }
  }

  struct Routes: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "routes", abstract: "Whose servers are asked for which names, or for one name.")
    @Argument(help: "A domain name, or an address for its reverse name.") var name: String?
    @OptionGroup var options: Options
    func run() throws {
      try options.perform { () throws(ControlVerb.Refusal) in
        guard let name else { return .routes(nil) }
        return .routes(try ControlVerb.nameOrAddress(name))
      }
    }
  }

  struct LocalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "local", abstract: "The LAN's own names.", subcommands: [LocalShow.self])
  }

  struct LocalShow: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract: "Where the LAN's own names come from and what they have, or the records of one.")
    @Argument(help: "A domain name, or an address for its reverse name.") var name: String?
    @OptionGroup var options: Options
    func run() throws {
      try options.perform { () throws(ControlVerb.Refusal) in
        guard let name else { return .local(nil) }
        return .local(try ControlVerb.nameOrAddress(name))
      }
    }
  }

  struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "explain",
      abstract: "What a client gets that asks for a name, and why.",
      discussion: """
        Tells what the cache has, since when, from whom and until when, who would be asked, what failed \
        last, and which rules and limits had a say. Asking changes nothing.
        """)
    @Argument(help: "A domain name, or an address for its reverse name.") var name: String
    @Argument(help: "A record type; A if none is given, PTR for an address.") var type: String?
    @OptionGroup var options: Options
    func run() throws {
      try options.perform { () throws(ControlVerb.Refusal) in
        try ControlVerb.explain(name, type: type)
      }
    }
  }

  struct Reload: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "reload",
      abstract: "Read the configuration file again; what is wrong with it changes nothing.")
    @OptionGroup var options: Options
    func run() throws { try options.perform { .reload } }
  }

  struct Stop: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "stop", abstract: "Save the cache and stop.")
    @OptionGroup var options: Options
    func run() throws {
      try options.ask { client in
        try client.perform(.stop, as: options.format)
        try client.waitForEnd()
      }
    }
  }

  struct CacheCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "cache", abstract: "Look at the cache, flush, dump or save it.",
      subcommands: [Show.self, Names.self, Flush.self, Dump.self, Save.self])
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "What is known of a name: records, TTLs, rank and section.")
    @Argument(help: "A domain name.") var name: String
    @Argument(help: "A record type, as AAAA.") var type: String?
    @OptionGroup var options: Options
    func run() throws {
      try options.perform { () throws(ControlVerb.Refusal) in
        .show(try ControlVerb.name(name), try ControlVerb.type(type))
      }
    }
  }

  struct Names: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "names", abstract: "Which names have an address.")
    @Argument(help: "An IPv4 or IPv6 address.") var address: String
    @OptionGroup var options: Options
    func run() throws {
      try options.perform { () throws(ControlVerb.Refusal) in
        .names(try ControlVerb.address(address))
      }
    }
  }

  struct Flush: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "flush",
      abstract: "Forget a name, one of its types, its whole tree, or all negative answers.")
    @Argument(help: "A domain name.") var name: String?
    @Option(help: "Only this record type.") var type: String?
    @Flag(help: "The names below it, too.") var tree = false
    @Flag(help: "All negative answers, of every name.") var negative = false
    @OptionGroup var options: Options

    func validate() throws {
      if negative == (name != nil) {
        throw ValidationError("Give a name to forget, or --negative for all negative answers.")
      }
      if negative && (tree || type != nil) {
        throw ValidationError("--negative goes alone.")
      }
    }

    func run() throws {
      try options.perform { () throws(ControlVerb.Refusal) in
        if negative { return .flushNegative }
        return .flush(try ControlVerb.name(name), try ControlVerb.type(type), tree: tree)
      }
    }
  }

  struct Dump: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "dump", abstract: "Print the whole cache, as lines of a zone file.")
    @OptionGroup var options: Options
    func run() throws { try options.perform(showsProgress: true) { .dump } }
  }

  struct Save: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "save", abstract: "Save the cache now.")
    @OptionGroup var options: Options
    func run() throws { try options.perform { .save } }
  }
}
