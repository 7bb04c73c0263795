import Configuration
import DNSCache
import DNSPolicy
import DNSWire
import EventLoop
import LocalFiles
import Logging
import Memory
import System

/// Keeps the LAN's own names as their sources have them: the configuration's records, files of hosts, leases and
/// zones, and this server's own addresses.
///
/// A file that changes is read again, in slices, and only what has changed in it is added or removed: the cache stays
/// as it is, but for a name that becomes one of the LAN's own. Leases end by their own time, too.
final class LocalKeeper {
  /// Microseconds of a slice.
  private static let sliceTime: UInt64 = 400
  /// Parts of the table of names that are looked through at once for what a file no longer has.
  private static let bucketsPerStep = 64
  /// Milliseconds that reading may take before the server begins to answer.
  private static let startTime: UInt64 = 2_000

  private let files: FileWatcher
  private let worker: Pinned<Worker>
  private let logger: Logger
  private var rules = LocalRules()
  private(set) var sources: [LocalFileSource] = []
  /// Those whose names are to be read again, or removed.
  private var waiting: [LocalFileSource] = []
  private var reading: LocalReading?
  private var timer: Timer?
  private var leaseEnd: Timer?
  /// Whether names were added that may be in flight.
  private var hasNewNames = false
  /// Whether a wildcard was added: names that the cache has may be under it.
  private var hasNewWildcard = false
  /// Is told when names of the cache may have become the LAN's own without being named.
  var whenWidened: () -> Void = {}
  /// What has been done so far.
  private(set) var counters = LocalCounters()
  private var mistakes = LocalMistakeLog()

  init(on loop: EventLoop, worker: Pinned<Worker>, files: FileWatcher, logger: Logger) {
    self.files = files
    self.worker = worker
    self.logger = logger
    timer = Timer(on: loop) { [unowned self] in slice() }
    leaseEnd = Timer(on: loop) { [unowned self] in leasesEnded() }
  }

  // MARK: Which sources there are

  /// Takes over settings, and begins to read what is new; what is no longer named goes.
  ///
  /// - Parameter host: what this server's own addresses are.
  func reconfigure(_ rules: LocalRules, host: HostAddresses) {
    self.rules = rules
    worker.value.policy.value.local.value.defaultTTL = rules.ttl
    self.host = host
    let wanted = rules.isEmpty && rules.name == nil ? [] : LocalFileSource.Place.all(rules)
    for source in sources where !wanted.contains(source.place) {
      source.watch = nil
      source.isGone = true
      enqueue(source)
    }
    for place in wanted {
      if let known = sources.first(where: { $0.place == place && !$0.isGone }) {
        // The domain that its names are in may be another.
        enqueue(known)
      } else if let id = freeID() {
        let source = LocalFileSource(place, id)
        sources.append(source)
        worker.value.policy.value.local.value.setKind(place.kind, of: id)
        if let path = place.path {
          source.watch = FileWatch(by: files, path: path) { [unowned self, unowned source] in
            changed(source)
          }
        }
        enqueue(source)
      }
    }
  }

  private var host = HostAddresses([])

  /// Takes up which addresses this host has now.
  func hostChanged(_ host: HostAddresses) {
    self.host = host
    if let own = sources.first(where: { $0.place == .ownName }) { enqueue(own) }
  }

  /// The clock was set: leases may be over, or not be over after all.
  func clockWasSet() { leasesEnded() }

  private func freeID() -> LocalSource.ID? {
    let used = Set(sources.map(\.id))
    return (0..<LocalSource.most).lazy.compactMap { LocalSource.ID(index: $0) }
      .first { !used.contains($0) }
  }

  private func changed(_ source: LocalFileSource) {
    guard !source.isGone else { return }
    enqueue(source)
  }

  private func enqueue(_ source: LocalFileSource) {
    // What is read just now is read once more.
    if !waiting.contains(where: { $0 === source }) { waiting.append(source) }
    if timer?.isScheduled == false { timer?.schedule(after: 0) }
  }

  /// Where a record was read: the file and the line.
  func place(of source: LocalSource.ID, line: Int) -> String {
    let place = sources.first { $0.id == source }?.place
    return place.map { $0 == .ownName ? "\($0)" : "\($0):\(line)" } ?? "line \(line)"
  }

  /// What a host of the LAN is called, by its address; nothing when it has no name here.
  func name(of address: IPAddress) -> String? {
    let reverse = address.reverseName.lowercased.wire
    let policy = worker.value.policy
    guard let found = policy.value.local.value.find(reverse.span) else { return nil }
    let names = policy.value.local.value.records(of: found, .ptr)
    guard !names.isEmpty else { return nil }
    return String(Name.text(policy.value.local.value.data(of: names)).dropLast())
  }

  // MARK: Reading

  /// Reads what there is before the server answers, as far as that doesn't take too long.
  func readAtStart() {
    let end = EventLoop.now() + LocalKeeper.startTime
    while isBusy, EventLoop.now() < end { step() }
  }

  /// Whether a source is being read, or is to be.
  var isBusy: Bool { reading != nil || !waiting.isEmpty }

  private func slice() {
    worker.value.measureSlice(.local) { _ in
      let end = EventLoop.microseconds() + LocalKeeper.sliceTime
      while isBusy, EventLoop.microseconds() < end { step() }
    }
    if hasNewNames {
      hasNewNames = false
      worker.value.localNamesAdded()
    }
    if isBusy { timer?.schedule(after: 0) }
  }

  /// Does a small part of what is to be done.
  private func step() {
    guard let reading else {
      guard !waiting.isEmpty else { return }
      begin(waiting.removeFirst())
      return
    }
    switch reading.phase {
    case .adding: add(reading)
    case .removing(let cursor): remove(reading, from: cursor)
    }
  }

  private func begin(_ source: LocalFileSource) {
    do throws(LocalReading.Failure) {
      reading = try LocalReading(source, rules, host: host)
      source.records = 0
      source.mistakes = 0
      worker.value.policy.value.local.value.beginReading(source.id)
    } catch {
      fail(source, error)
    }
  }

  /// Notes that a file can't be read; what was known from it stays, unless it is gone.
  private func fail(_ source: LocalFileSource, _ error: LocalReading.Failure) {
    let before = source.state
    source.state = .failed(error.description)
    // A file that is gone is as if it were empty; leases go by their own time.
    let isEmptied = error.isMissing && source.place.kind != .leases && source.hasBeenRead
    reading = isEmptied ? LocalReading(emptying: source) : nil
    if let leases = source.leases { reading = LocalReading(source, of: leases, rules) }
    if reading != nil {
      source.records = 0
      worker.value.policy.value.local.value.beginReading(source.id)
    }
    guard before != source.state else { return }
    let rest = source.hasBeenRead && !isEmptied ? "; what was read before stays" : ""
    logger.warning("local names: \(source.place): \(error)\(rest)")
  }

  private func add(_ reading: LocalReading) {
    let source = reading.source
    do throws(LocalReading.Failure) {
      switch try reading.next(now: EventLoop.wallClock()) {
      case nil: reading.phase = .removing(0)
      case .progress: break
      case .mistake(let mistake):
        counters.mistakes &+= 1
        source.mistakes += 1
        mistakes.say(mistake, of: source, by: logger)
      case .ignored: counters.ignored &+= 1
      case .refused(let refusal):
        counters.refused &+= 1
        mistakes.sayRefused(refusal.label, refusal.why, of: source, by: logger)
      case .record(let record): take(record, from: source)
      }
    } catch {
      // What has been met so far stays, and so does what was known before.
      fail(source, error)
    }
  }

  private func take(_ record: LocalFileRecord, from source: LocalFileSource) {
    let added = worker.value.policy.value.local.value.add(
      LocalRecord(
        record.name.span, record.type, ttl: record.ttl, data: record.data.span, line: record.line,
        isDerived: record.isDerived), from: source.id)
    switch added {
    case .known: break
    case .added(let isName): if isName { becameLocal(record) }
    case .shadowed(let isName):
      if isName { becameLocal(record) }
      if source.place.kind == .leases, !record.isDerived {
        refuse(record, "has another source", source)
      }
    case .tooMany:
      refuse(record, "has \(LocalData.recordsPerName) records already", source)
      return
    case .noRoom:
      counters.noRoom &+= 1
      mistakes.sayFull(by: logger, limit: rules.memory)
      return
    }
    source.records += 1
  }

  /// What others have said of a name that is the LAN's own now doesn't count any more.
  private func becameLocal(_ record: LocalFileRecord) {
    hasNewNames = true
    if record.name.starts(with: [1, UInt8(ascii: "*")]) { hasNewWildcard = true }
    worker.value.forget(record.name)
  }

  private func refuse(_ record: LocalFileRecord, _ why: String, _ source: LocalFileSource) {
    counters.refused &+= 1
    mistakes.sayRefused(Name.text(record.name.span), why, of: source, by: logger)
  }

  private func remove(_ reading: LocalReading, from start: Int) {
    var cursor = start
    let isDone = worker.value.policy.value.local.value.removeUnread(
      of: reading.source.id, from: &cursor, buckets: LocalKeeper.bucketsPerStep)
    reading.phase = .removing(cursor)
    if isDone { finish(reading) }
  }

  private func finish(_ reading: LocalReading) {
    self.reading = nil
    counters.readings &+= 1
    let source = reading.source
    if source.isGone {
      sources.removeAll { $0 === source }
    } else if reading.isEmptying {
      source.hasBeenRead = false
      source.records = 0
    } else {
      if !reading.isFromMemory {
        source.hasBeenRead = true
        source.state = .read
      }
      source.leases = reading.leases
      source.leaseEnd = reading.leaseEnd
    }
    scheduleLeaseEnd()
    if hasNewWildcard {
      hasNewWildcard = false
      whenWidened()
    }
    logger.debug(
      "local names are read",
      metadata: ["source": "\(source.place)", "records": "\(source.records)"])
  }

  // MARK: Leases

  private func scheduleLeaseEnd() {
    guard let end = sources.compactMap(\.leaseEnd).min() else {
      leaseEnd?.cancel()
      return
    }
    let now = EventLoop.wallClock()
    leaseEnd?.schedule(after: UInt64(clamping: min(max(end - now, 0), 86_400) * 1_000 + 1))
  }

  private func leasesEnded() {
    let now = EventLoop.wallClock()
    for source in sources where source.leaseEnd.map({ $0 <= now }) ?? false {
      source.leaseEnd = nil
      enqueue(source)
    }
    scheduleLeaseEnd()
  }
}
