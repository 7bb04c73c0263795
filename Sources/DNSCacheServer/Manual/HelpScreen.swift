import ArgumentParser

/// What `--help` says about a command, taken apart: the manual says the same.
struct HelpScreen {
  /// A flag or an argument as it is written, and what it does.
  struct Entry: Equatable {
    let term: String
    let meaning: String
  }

  /// Flags that belong together.
  struct Group {
    let title: String
    var entries: [Entry] = []
  }

  /// The command line.
  let usage: String
  private(set) var groups: [Group] = []

  /// The entries of all groups.
  var entries: [Entry] { groups.flatMap(\.entries) }

  /// The command line without some flags.
  func usage(without entries: [Entry]) -> String {
    entries.reduce(usage) { usage, entry in
      guard let place = usage.firstRange(of: " [\(entry.term)]") else { return usage }
      return String(usage[..<place.lowerBound] + usage[place.upperBound...])
    }
  }

  /// Wide enough for every entry to stay on its line.
  private static let columns = 10_000
  /// Groups that don't say anything about the command itself.
  private static let ignored = ["OVERVIEW", "USAGE", "SUBCOMMANDS"]
  /// Flags of every command.
  private static let common = ["--version", "-h, --help"]

  init(of command: any ParsableCommand.Type) {
    usage = DNSCacheServer.usageString(for: command)
    let text = DNSCacheServer.helpMessage(for: command, columns: Self.columns)
    for line in text.split(separator: "\n") {
      if let first = line.first, first != " ", let colon = line.firstIndex(of: ":"),
        line[..<colon].allSatisfy({ $0.isUppercase || $0 == " " })
      {
        groups.append(Group(title: String(line[..<colon])))
      } else if line.hasPrefix("  "), !groups.isEmpty {
        add(line)
      }
    }
    groups.removeAll { Self.ignored.contains($0.title) || $0.entries.isEmpty }
  }

  /// Adds an entry, or the meaning of one whose term takes the whole line before.
  private mutating func add(_ line: Substring) {
    let words = line.drop { $0 == " " }
    let last = groups.count - 1
    if line.count - words.count > 2 {
      guard let entry = groups[last].entries.popLast() else { return }
      groups[last].entries.append(
        Entry(
          term: entry.term, meaning: entry.meaning + (entry.meaning.isEmpty ? "" : "\n") + words))
      return
    }
    // Two spaces part a long term from its meaning, or one where the column is reached.
    let gap = words.firstRange(of: "  ")?.lowerBound ?? Self.end(ofTerm: words)
    let term = String(words[..<gap])
    guard !Self.common.contains(term) else { return }
    groups[last].entries.append(
      Entry(term: term, meaning: String(words[gap...].drop { $0 == " " })))
  }

  /// The end of a term that is followed by a single space: after its value, or its name.
  private static func end(ofTerm words: Substring) -> String.Index {
    var end = words.startIndex
    for word in words.split(separator: " ") {
      let isPart = word.hasPrefix("-") || word.hasPrefix("<")
      guard isPart else { break }
      end = word.endIndex
    }
    return end
  }
}
