import ArgumentParser
import Control

/// A verb: its row, what `ctl` reads for it, and what the server does.
///
/// A new one is a type of these three, named in ``Verbs/all``: `ctl`, its help, the completions, the paths of
/// HTTP and who needs the token follow, and tests look for it in the manual.
protocol Verb: ParsableArguments, SendableMetatype {
  static var row: ControlVerb { get }

  /// What the server is to be asked with.
  var parameters: ControlParameters { get }

  /// Has the server answer; what it needs of it is lent by `api`.
  static func answer(
    _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
  ) throws(ControlVerb.Refusal)

  /// What `ctl` does: asks and prints, where a verb says nothing else.
  func run(_ options: ControlCommand.Options) throws
}

extension Verb {
  var parameters: ControlParameters { [:] }

  func run(_ options: ControlCommand.Options) throws { try options.perform(self) }
}

/// The one list of verbs.
enum Verbs {
  /// In the order of help.
  static let all: [any Verb.Type] = [
    Status.self, Stats.self, CacheShow.self, CacheNames.self, CacheFlush.self, CacheDump.self,
    CacheSave.self, Explain.self, InFlight.self, Upstreams.self, Routes.self, LocalShow.self,
    BlockStatus.self, BlockTest.self, BlockPause.self, BlockResume.self, BlockRefresh.self,
    BlockAllow.self, BlockDeny.self, BlockForget.self,
    Log.self, TopNames.self,
    TopClients.self, TopFailures.self, Watch.self, LastHour.self, Reload.self, Stop.self,
  ]

  /// What words are for that several verbs begin with.
  private static let groups: [Substring: any ParsableCommand.Type] = [
    "cache": CacheCommand.self, "local": LocalCommand.self, "block": BlockCommand.self,
    "top": TopCommand.self,
  ]

  /// The verb of a path.
  static func verb(at path: String) -> (any Verb.Type)? { all.first { $0.row.has(path: path) } }

  /// Who may ask at a path; a path that is no verb's tells nothing.
  static func access(to path: String) -> ControlVerb.Access {
    path.hasPrefix(ControlVerb.root) ? verb(at: path)?.row.access ?? .token : .everyone
  }

  /// The commands of `ctl`, or of one of its groups.
  static func commands(of group: Substring? = nil) -> [any ParsableCommand.Type] {
    var commands: [any ParsableCommand.Type] = []
    for verb in all where verb.row.help != nil {
      let words = verb.row.words
      if let first = words.first, words.count > 1 {
        if first == group {
          commands.append(command(verb))
        } else if group == nil, let command = groups[first],
          !commands.contains(where: { $0 == command })
        {
          commands.append(command)
        }
      } else if group == nil {
        commands.append(command(verb))
      }
    }
    return commands
  }

  private static func command<V: Verb>(_ verb: V.Type) -> any ParsableCommand.Type {
    VerbCommand<V>.self
  }
}

/// A verb as a command of `ctl`.
struct VerbCommand<V: Verb>: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: V.row.words.last.map(String.init), abstract: V.row.help ?? "",
      discussion: V.row.discussion)
  }

  @OptionGroup var verb: V
  @OptionGroup var options: ControlCommand.Options

  func run() throws { try verb.run(options) }
}
