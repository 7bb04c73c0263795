import ArgumentParser
import EventLoop
import Glibc

/// Starts the server.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Start the server.",
    discussion: """
      Each setting may be in the configuration file, too; a flag wins over it.
      SIGTERM and SIGINT save the cache and stop. SIGUSR1 saves it now. SIGHUP reads the file again.
      Exit status: 0 clean stop, 64 wrong usage, 69 cannot listen or a part is missing, 70 a fault.
      """)

  @Option(
    help: ArgumentHelp(
      "The configuration file. (default: \(SettingsSource.usualFile) if it exists)",
      valueName: "file"))
  var config: String?

  @OptionGroup var options: GeneralOptions
  @OptionGroup(title: "Cache") var cache: CacheOptions
  @OptionGroup(title: "Limits of one client") var clients: ClientOptions
  @OptionGroup(title: "Names") var names: NameOptions
  @OptionGroup(title: "Questions to upstreams") var resolver: ResolverOptions
  @OptionGroup(title: "TCP") var streams: StreamOptions
  @OptionGroup(title: "HTTP") var web: WebOptions

  /// The settings that flags give.
  var given: [GivenFlag] {
    options.given + cache.given + clients.given + names.given + resolver.given + streams.given
      + web.given
  }

  func run() throws {
    let sink = LogSink(descriptor: STDERR_FILENO)
    defer { sink.finish() }
    do {
      let service = try ServiceEnvironment.take()
      let source = SettingsSource(flags: given, file: config, passed: service.sockets.addresses)
      let settings: Settings
      do {
        settings = try source.settings()
      } catch {
        for mistake in error.list { Process.writeError("error: \(mistake)\n") }
        throw ExitCode(ExitStatus.usage.rawValue)
      }
      try Server.run(settings, from: source, service: service, log: sink)
    } catch let error as StartupError {
      sink.finish()
      Process.writeError("error: \(error)\n")
      throw ExitCode(error.status.rawValue)
    }
  }
}
