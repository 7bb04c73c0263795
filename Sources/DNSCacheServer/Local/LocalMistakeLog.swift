import Configuration
import LocalFiles
import Logging

/// Says once what is wrong with local names, however often a file is read.
struct LocalMistakeLog {
  /// Lines that are remembered as said, and that are written about one source.
  private static let most = 256
  private static let mostOfSource = 20

  private var said: Set<String> = []
  private var isFullSaid = false

  mutating func say(_ mistake: LineMistake, of source: LocalFileSource, by logger: Logger) {
    guard source.mistakes <= LocalMistakeLog.mostOfSource else {
      if source.mistakes == LocalMistakeLog.mostOfSource + 1 {
        sayOnce(
          "\(source.place): more lines can't be used; dns-cache-server check names them", logger)
      }
      return
    }
    sayOnce("\(source.place):\(mistake.line): \(mistake.text)", logger)
  }

  mutating func sayRefused(
    _ name: String, _ why: String, of source: LocalFileSource, by logger: Logger
  ) {
    sayOnce("\(source.place): \(name) is refused: it \(why)", logger)
  }

  mutating func sayFull(by logger: Logger, limit: Int) {
    guard !isFullSaid else { return }
    isFullSaid = true
    logger.warning(
      "there is no room for more local names: local.memory is \(Quantity.size.text(limit))")
  }

  private mutating func sayOnce(_ line: String, _ logger: Logger) {
    guard said.count < LocalMistakeLog.most, said.insert(line).inserted else { return }
    logger.warning("local names: \(line)")
  }
}
