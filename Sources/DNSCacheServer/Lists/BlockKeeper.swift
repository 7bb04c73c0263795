import Configuration
import DNSPolicy
import DNSWire
import EventLoop
import Logging
import Memory
import System

/// Keeps the rules about what is blocked: the configuration's and those made by `ctl block`, and whether blocking
/// pauses.
final class BlockKeeper {
  /// Octets of the file of rules at most.
  private static let mostOctets = 1 << 20
  /// Seconds that a pause may take.
  static let longestPause: Int64 = 86_400

  private let loop: EventLoop
  private let worker: Pinned<Worker>
  private let logger: Logger
  private var settings: Settings
  private var path = ""
  /// Those made by hand, the last one last.
  private(set) var made: [MadeRule] = []
  /// Seconds since 1970 at which the pause ends; nothing when there is none.
  private(set) var pauseEnd: Int64?
  /// The minute of the week by which groups count at present.
  private var minute = 0
  private var timer: Timer?
  /// Is told when other rules are in force.
  var whenChanged: () -> Void = {}

  init(on loop: EventLoop, worker: Pinned<Worker>, settings: Settings, logger: Logger) {
    self.loop = loop
    self.worker = worker
    self.settings = settings
    self.logger = logger
    timer = Timer(on: loop) { [unowned self] in timePassed() }
  }

  /// Takes over settings; with another folder the rules are those that are kept there.
  func reconfigure(_ settings: Settings) {
    self.settings = settings
    let place = "\(settings.listFolder)/rules"
    if place != path {
      path = place
      read()
    }
    apply()
  }

  private func read() {
    made = []
    do throws(SystemError) {
      let text = try FileReader.text(of: path, limit: BlockKeeper.mostOctets)
      let lines = text.split(separator: "\n")
      made = lines.compactMap { MadeRule($0) }.suffix(MadeRule.most)
      if made.count < lines.count {
        logger.warning("\(path): \(lines.count - made.count) lines are no rules; they are left out")
      }
    } catch  where error.isMissingFile {
    } catch {
      logger.error("rules made by ctl: \(error)")
    }
  }

  // MARK: Rules by hand

  /// Why a rule isn't made.
  struct Refusal: Error {
    let sentence: String
  }

  /// Makes a rule, in place of one about the same name.
  ///
  /// - Parameter seconds: how long it counts; nothing for good.
  func make(_ name: String, isAllowing: Bool, for seconds: Int64?) throws(Refusal) {
    let name = name.lowercased()
    guard made.count < MadeRule.most || made.contains(where: { $0.name == name }) else {
      throw Refusal(
        sentence: "there are \(MadeRule.most) such rules already; write a list for more")
    }
    made.removeAll { $0.name == name }
    let end = seconds.map { EventLoop.wallClock() + $0 }
    made.append(MadeRule(isAllowing: isAllowing, name: name, end: end))
    logger.notice(
      "\(name) is \(isAllowing ? "allowed" : "denied")",
      metadata: seconds.map { ["for": "\(Quantity.duration.text(Int($0) * 1_000))"] } ?? [:])
    changed()
  }

  /// Takes a rule back; false when there is none about the name.
  func forget(_ name: String) -> Bool {
    let before = made.count
    made.removeAll { $0.name == name.lowercased() }
    guard made.count < before else { return false }
    changed()
    return true
  }

  private func changed() {
    save()
    apply()
  }

  private func save() {
    do {
      let folder = settings.listFolder
      if !Process.exists(folder) { try Process.makeFolder(folder, mode: 0o700) }
      let file = try AtomicFile(replacing: path)
      try file.append(Array(made.map(\.line).joined().utf8).span)
      file.commit(on: loop) { [logger] result in
        if case .failure(let error) = result {
          logger.error("rules made by ctl are lost at the next start: \(error)")
        }
      }
    } catch {
      logger.error("rules made by ctl are lost at the next start: \(error)")
    }
  }

  // MARK: Pauses

  /// Blocks nothing for some seconds.
  func pause(for seconds: Int64) {
    pauseEnd = EventLoop.wallClock() + seconds
    logger.notice("blocking pauses", metadata: ["for": "\(seconds)s"])
    apply()
  }

  /// Ends a pause.
  func resume() {
    guard pauseEnd != nil else { return }
    pauseEnd = nil
    logger.notice("blocking goes on")
    apply()
  }

  private func timePassed() {
    let now = EventLoop.wallClock()
    if let pauseEnd, pauseEnd <= now { resume() }
    let before = made.count
    made.removeAll { rule in rule.end.map { $0 <= now } ?? false }
    if made.count < before {
      changed()
    } else if settings.block.groups.contains(where: { $0.active != nil }) {
      applyTimes()
    } else {
      schedule()
    }
  }

  /// Has groups count, or not, by the time of the week.
  private func applyTimes() {
    let before = minute
    minute = EventLoop.minuteOfWeek()
    worker.value.policy.value.filter.value.clients = settings.clientGroups(at: minute)
    for group in settings.block.groups {
      guard let schedule = group.schedule else { continue }
      let isActive = schedule.isActive(at: minute)
      if isActive != schedule.isActive(at: before) {
        logger.notice("group \(group.name) \(isActive ? "counts from now on" : "counts no more")")
      }
    }
    schedule()
  }

  /// The clock was set: what has an end may be over.
  func clockWasSet() { timePassed() }

  // MARK: In force

  /// Puts all rules in force.
  private func apply() {
    let filter = worker.value.policy.value.filter
    filter.value.ttl = settings.block.ttl
    filter.value.setRules(made.compactMap(\.rule) + settings.blockRules)
    minute = EventLoop.minuteOfWeek()
    filter.value.clients = settings.clientGroups(at: minute)
    filter.value.isPaused = pauseEnd != nil
    schedule()
    whenChanged()
  }

  private func schedule() {
    let now = EventLoop.wallClock()
    let ends = made.compactMap(\.end) + [pauseEnd].compactMap { $0 }
    // A minute ends at a multiple of sixty seconds, whatever the zone of time.
    let changes = settings.block.groups.compactMap(\.schedule).map { schedule in
      now - now % 60 + Int64(schedule.minutesToChange(after: minute)) * 60
    }
    guard let next = (ends + changes).min() else {
      timer?.cancel()
      return
    }
    // The clock may be put forward or back for the summer in between.
    let wait = min(max(next - now, 0), changes.isEmpty ? 86_400 : 3_600)
    timer?.schedule(after: UInt64(clamping: wait * 1_000 + 1))
  }
}
