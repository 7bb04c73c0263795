import DNSPolicy
import EventLoop
import ListFiles

/// A block list, and what became of it.
final class BlockList {
  /// A list as it is configured.
  struct Rule: Equatable, Sendable {
    var name: String
    var path: String
    /// What plain names in it are about; nothing for what its format says.
    var match: String?
    /// Whether it may say what is answered.
    var isTrusted = false
  }

  enum State: Equatable {
    case unread
    case read
    /// Why it can't be read; what was read of it before stays.
    case failed(String)
  }

  let rule: Rule
  /// Its number in the set of names.
  let number: Int
  /// Where its compiled form is kept.
  let compiledPath: String
  var watch: FileWatch?
  var state = State.unread
  /// What its compiled form begins with, if there is one.
  var compiled: CompiledList?
  /// What it mostly is; nothing when it has no rule.
  var format: ListFormat? {
    let number = Int(clamping: compiled?.format ?? 0)
    return ListFormat.allCases.indices.contains(number - 1) ? ListFormat.allCases[number - 1] : nil
  }
  /// Whether its text is to be read again.
  var isStale = false

  init(_ rule: Rule, number: Int, compiledPath: String) {
    self.rule = rule
    self.number = number
    self.compiledPath = compiledPath
  }
}

/// What was done to keep lists.
struct ListCounters {
  /// Lists that were read to their end.
  var readings: UInt64 = 0
  /// Lists that couldn't be read.
  var failures: UInt64 = 0
  /// How often other lists came into force.
  var changes: UInt64 = 0
  /// Entries that found no room.
  var noRoom: UInt64 = 0
}
