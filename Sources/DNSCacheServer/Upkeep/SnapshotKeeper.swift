import DNSCache
import EventLoop
import Logging
import Memory
import System

/// Keeps the cache over restarts: reads the snapshot at start, saves one regularly, on request and at
/// the end.
///
/// While the server serves, reading and saving go block by block, a slice each tick of the loop, and
/// nothing waits for the disk. A file that is damaged, of another version or can't be read is set aside
/// under another name, never overwritten.
final class SnapshotKeeper {
  /// Called at the end of a save.
  typealias Completion = (Result<SaveResult, SnapshotError>) -> Void

  /// What a save wrote.
  struct SaveResult {
    let octets: Int
    let milliseconds: UInt64
  }

  /// Bytes read from the file at a time, many blocks: what is left of the last one moves to the front.
  private static let bufferSize = 4 * SnapshotReader.blockSize

  /// Microseconds after which a slice of loading ends: a hit waits for a slice, the loop's own work
  /// between two takes some microseconds.
  private static let loadSlice: UInt64 = 250

  /// Bytes written before the disk has to follow: what the kernel hands to it in about a millisecond.
  private static let writeBackInterval = 1 << 20

  /// Why a save failed, in one sentence.
  struct SnapshotError: Error, CustomStringConvertible {
    let description: String
  }

  private let loop: EventLoop
  private let worker: Pinned<Worker>
  private let logger: Logger
  private let buffer = Pinned(FixedArray<UInt8>(repeating: 0, count: SnapshotKeeper.bufferSize))
  private var loading: Loading?
  private var saving: Saving?
  private var slice: Timer?
  private var interval: Timer?
  /// Milliseconds between two saves; 0 for none.
  private var period = 0
  /// Why nothing is saved: what is at ``path`` must not be overwritten.
  private var obstacle: String?
  /// The lock of the snapshot at ``path``.
  private var lock: SnapshotLock
  /// The path is another than before and nothing is there of ours yet: saved as soon as that may be.
  private var hasMoved = false
  /// How old the snapshot of the start was taken to be.
  private var age: SnapshotAge?
  /// Makes what it brought older.
  private var correction: AgeCorrection?
  /// Those who want the cache saved after what is under way: a correction, or a save to where the snapshot was before.
  private var followers: [Completion] = []

  /// The last save, for `ctl`.
  private(set) var lastSave: (wallClock: Int64, octets: Int)?
  private(set) var failures: UInt64 = 0
  private(set) var saves: UInt64 = 0
  private(set) var loadResult: SnapshotReader.Result?

  private final class Loading {
    let file: FileReader
    var reader: SnapshotReader
    /// Where the bytes in the buffer begin that were not used up yet.
    var position = 0
    var filled = 0
    var isAtEnd = false
    let started = EventLoop.now()
    /// The setting of the machine's clock, the same for all of it.
    let clockOffset = SnapshotAge.offsetNow()

    init(_ file: FileReader, _ reader: consuming SnapshotReader) {
      self.file = file
      self.reader = reader
    }

    /// Whether more bytes must be read before the next block is sure to be there.
    var isWanting: Bool { !isAtEnd && filled - position < SnapshotReader.blockSize }
  }

  private final class Saving {
    let file: AtomicFile
    /// Held until this is over, also when the next one goes elsewhere.
    let lock: SnapshotLock
    var writer: SnapshotWriter
    let cursor: Cache.Cursor
    /// The cache's when it was begun.
    let generation: UInt16
    var phase = Phase.writing
    var octets = 0
    let started = EventLoop.now()
    var completions: [Completion]

    enum Phase {
      case writing
      /// What is written so far is on its way to the disk.
      case waiting
      /// All is written; the disk has yet to confirm.
      case committing
    }

    init(
      _ file: AtomicFile, _ lock: SnapshotLock, _ writer: consuming SnapshotWriter,
      _ cursor: Cache.Cursor, _ generation: UInt16, _ completions: [Completion]
    ) {
      self.file = file
      self.lock = lock
      self.writer = writer
      self.cursor = cursor
      self.generation = generation
      self.completions = completions
    }
  }

  init(on loop: EventLoop, worker: Pinned<Worker>, path: String, interval: Int, logger: Logger) {
    self.loop = loop
    self.worker = worker
    self.logger = logger
    lock = SnapshotLock(path, logger)
    slice = Timer(on: loop) { [unowned self] in takeSlice() }
    self.interval = Timer(on: loop) { [unowned self] in save { _ in } }
    period = interval
    if interval > 0 { self.interval?.schedule(every: UInt64(interval)) }
  }

  /// Checks whether the snapshot can be kept at another path; changes nothing there.
  func check(_ path: String) throws(SnapshotError) {
    // A save that is under way there has shown it, and its file is in use.
    guard path != self.path, path != saving?.file.path else { return }
    do {
      _ = try FileReader(path: path)
    } catch  where error.isMissingFile {
      // As at a first start.
    } catch  where error.isNotAFile {
      throw SnapshotError(description: "it is not a regular file")
    } catch {
      throw SnapshotError(description: "\(error)")
    }
    if case .taken(let process) = FileLock.take(SnapshotLock.file(for: path)) {
      throw SnapshotError(description: "\(SnapshotLock.name(process)) keeps its cache there")
    }
    do {
      try AtomicFile(replacing: path).discard()
    } catch {
      throw SnapshotError(description: "\(error)")
    }
  }

  /// Takes over another path and interval.
  ///
  /// As at a start, a snapshot at the new path is read into the cache, where nothing is replaced by it. Then
  /// the cache is saved there. What is under way at the old path ends there, and its file stays.
  func reconfigure(path: String, interval: Int) {
    if interval != period {
      period = interval
      if interval > 0 {
        self.interval?.schedule(every: UInt64(interval))
      } else {
        self.interval?.cancel()
      }
    }
    guard path != self.path else { return }
    obstacle = nil
    // A save that is under way keeps its lock until its end.
    if let old = saving?.lock, old.path == path {
      lock = old
    } else {
      lock = SnapshotLock(path, logger)
    }
    hasMoved = true
    // Else it is read after the one that is being read.
    if loading == nil { load() }
  }

  deinit {
    buffer.destroy()
  }

  private func takeSlice() {
    if loading != nil {
      loadSlice()
      slice?.schedule(after: 0)
    } else if let saving, saving.phase == .writing {
      saveSlice()
      saveOnDisk(saving)
    }
  }

  /// Lets the disk follow, without waiting for it.
  private func saveOnDisk(_ saving: Saving) {
    guard saving === self.saving else { return }
    let start = SliceTimes.Moment()
    defer { worker.value.slices.note(.save, since: start) }
    if saving.phase == .committing {
      saving.file.commit(on: loop) { [weak self] in self?.finishSaving(saving, $0) }
    } else if saving.file.unwritten >= SnapshotKeeper.writeBackInterval {
      saving.phase = .waiting
      saving.file.writeBack(on: loop) { [weak self] in self?.goOnSaving(saving, $0) }
    } else {
      slice?.schedule(after: 0)
    }
  }

  private func goOnSaving(_ saving: Saving, _ result: Result<Void, SystemError>) {
    guard saving === self.saving else { return }
    saving.phase = .writing
    if case .failure(let error) = result { return abandon(saving, error) }
    slice?.schedule(after: 0)
  }

  // MARK: Reading

  /// Begins to read the snapshot, if there is one.
  func load() {
    do {
      loading = Loading(
        try FileReader(path: path), SnapshotReader(seed: worker.value.cache.seed))
      _ = lock.take()
      slice?.schedule(after: 0)
    } catch  where error.isMissingFile {
      logger.info("no snapshot yet", metadata: ["file": "\(path)"])
      _ = lock.take()
      finishMove()
    } catch  where error.isNotAFile {
      obstacle = "\(path) is not a regular file"
      logger.warning("no snapshot is read or saved: \(path) is not a regular file")
    } catch {
      // What couldn't be read is not to be overwritten by an almost empty cache.
      setAside(path, "can't be read (\(error))")
      finishMove()
    }
  }

  private func loadSlice() {
    guard let loading else { return }
    let start = SliceTimes.Moment()
    var isFinished = false
    repeat {
      if loading.isWanting { fill(loading) }
      let end = min(loading.filled, loading.position + SnapshotReader.blockSize)
      let progress = loading.reader.read(
        buffer.value.span.extracting(loading.position..<end),
        isEnd: loading.isAtEnd && end == loading.filled,
        into: &worker.value.cache,
        wallClock: loading.clockOffset + Int64(EventLoop.now() / 1_000), now: Cache.seconds()
      ) { [policy = worker.value.policy] name, domain in
        policy.value.keeps(name, cameBy: domain)
      }
      loading.position += progress.consumed
      isFinished = progress.isFinished
    } while !isFinished && EventLoop.microseconds() - start.wall < SnapshotKeeper.loadSlice
    worker.value.slices.note(.load, since: start)
    if isFinished { finishLoading(loading) }
  }

  /// Reads as much of the file as the buffer has room for.
  private func fill(_ loading: Loading) {
    let rest = loading.filled - loading.position
    var space = buffer.value.mutableSpan
    space.copy(loading.position, to: 0, count: rest)
    loading.position = 0
    loading.filled = rest
    do {
      loading.filled += try loading.file.read(into: &space, at: rest)
      loading.isAtEnd = loading.filled < SnapshotKeeper.bufferSize
    } catch {
      logger.warning("the snapshot can't be read to its end", metadata: ["error": "\(error)"])
      loading.isAtEnd = true
    }
  }

  private func finishLoading(_ loading: Loading) {
    let result = loading.reader.result
    let file = loading.file.path
    loadResult = result
    self.loading = nil
    logger.info(
      "snapshot read",
      metadata: [
        "records": "\(result.restored)", "expired": "\(result.expired)",
        "ms": "\(EventLoop.now() - loading.started)",
      ])
    if let version = result.unknownVersion {
      setAside(file, "is of version \(version), which this program can't read")
    } else if result.notASnapshot {
      setAside(file, "is not a snapshot")
    } else if !result.isComplete {
      setAside(file, "is damaged in \(result.damaged) places or cut; what could be read is back")
    }
    if age == nil, result.created > 0 {
      age = SnapshotAge(
        created: Int64(result.created), begun: Int64(loading.started / 1_000),
        ended: Cache.seconds(), offset: loading.clockOffset)
      correctAges()
    }
    if file == path { finishMove() } else { load() }
  }

  /// Saves at a new path: what was there is in the cache, or set aside.
  private func finishMove() {
    guard hasMoved else { return }
    hasMoved = false
    if period > 0 { save { _ in } }
  }

  /// The machine's clock was set: what the snapshot brought may be older than it seemed.
  func clockWasSet() {
    if loading == nil { correctAges() }
  }

  private func correctAges() {
    // One at a time; the next save looks again.
    guard correction == nil,
      let seconds = age?.correction(offset: SnapshotAge.offsetNow()), let age
    else { return }
    logger.notice(
      "the clock was set: what the snapshot brought is older than it seemed",
      metadata: ["seconds": "\(seconds)"])
    correction = AgeCorrection(on: loop, worker, cameUntil: age.ended, by: seconds) {
      [unowned self] in
      correction = nil
      saveForFollowers()
    }
  }

  /// Renames a file that must not be overwritten, so that a person can look at it.
  private func setAside(_ path: String, _ reason: String) {
    guard path != self.path || lock.take() else {
      obstacle = "\(path) \(reason)"
      logger.warning("the snapshot \(reason)", metadata: ["file": "\(path)"])
      return
    }
    let name = "\(path).\(EventLoop.wallClock()).damaged"
    do {
      try AtomicFile.rename(path, to: name)
      logger.warning("the snapshot \(reason); set aside", metadata: ["file": "\(name)"])
    } catch {
      if path == self.path { obstacle = "\(path) \(reason)" }
      logger.warning(
        "the snapshot \(reason), and can't be set aside; nothing is saved",
        metadata: ["error": "\(error)", "file": "\(path)"])
    }
  }

  // MARK: Saving

  /// Begins to save, or joins a save under way.
  func save(_ completion: @escaping Completion) {
    if let saving {
      if saving.file.path == path {
        saving.completions.append(completion)
      } else {
        followers.append(completion)
      }
      return
    }
    // Half of an old snapshot must not replace the whole of it.
    guard loading == nil else {
      completion(.failure(SnapshotError(description: "the last snapshot is still being read")))
      return
    }
    if let obstacle, !isGone(path) {
      completion(.failure(SnapshotError(description: "the cache is not saved: \(obstacle)")))
      return
    }
    correctAges()
    guard correction == nil else { return followers.append(completion) }
    guard lock.take() else {
      failures += 1
      let rival = lock.rival ?? ""
      completion(.failure(SnapshotError(description: "the cache is not saved: \(rival)")))
      return
    }
    guard let cursor = worker.value.cache.openCursor() else {
      completion(.failure(SnapshotError(description: "too much else walks the cache; try again")))
      return
    }
    do {
      let file = try AtomicFile(replacing: path)
      saving = Saving(
        file, lock,
        SnapshotWriter(
          wallClock: EventLoop.wallClock(), now: Cache.seconds(),
          routes: worker.value.policy.value.routeDomains), cursor, worker.value.cache.generation,
        [completion])
      slice?.schedule(after: 0)
    } catch {
      worker.value.cache.closeCursor(cursor)
      report(failure: error, to: [completion])
    }
  }

  /// Whether nothing is at a path, so that nothing there can be overwritten.
  private func isGone(_ path: String) -> Bool {
    do {
      _ = try FileReader(path: path)
      return false
    } catch {
      return error.isMissingFile
    }
  }

  /// Saves at once, finishing what is under way: for the end of the program.
  ///
  /// - Parameter progress: called for each block, which is often.
  func saveNow(progress: () -> Void) {
    while loading != nil { loadSlice() }
    if correction == nil { correctAges() }
    correction?.finish()
    correction = nil
    // Those who waited for it; and what a save doesn't have that is almost done is saved again.
    if saving == nil { saveForFollowers() }
    loop.finishSyncs()
    if let saving, saving.phase == .committing { commit(saving) }
    if saving?.file.path != path { save { _ in } }
    while let saving {
      progress()
      saveSlice()
      if saving.phase == .committing { commit(saving) }
    }
  }

  private func commit(_ saving: Saving) {
    finishSaving(
      saving, Result { () throws(AtomicFile.CommitError) in try saving.file.commit() })
  }

  private func saveSlice() {
    guard let saving, saving.phase != .committing else { return }
    guard saving.generation == worker.value.cache.generation else { return beginAnew(saving) }
    let start = SliceTimes.Moment()
    var space = buffer.value.mutableSpan
    let policy = worker.value.policy
    let count = saving.writer.nextBlock(
      from: &worker.value.cache, cursor: saving.cursor, into: &space
    ) { policy.value.keeps($0, since: $1) }
    if count == 0 {
      worker.value.cache.closeCursor(saving.cursor)
      saving.phase = .committing
    } else {
      do {
        try saving.file.append(buffer.value.span.extracting(0..<count))
        saving.octets += count
      } catch {
        abandon(saving, error)
      }
    }
    worker.value.slices.note(.save, since: start)
  }

  /// Saves again from the beginning: names take other routes than the file says.
  private func beginAnew(_ saving: Saving) {
    worker.value.cache.closeCursor(saving.cursor)
    self.saving = nil
    saving.file.discard()
    followers = saving.completions + followers
    saveForFollowers()
  }

  private func abandon(_ saving: Saving, _ error: SystemError) {
    worker.value.cache.closeCursor(saving.cursor)
    self.saving = nil
    saving.file.discard()
    report(failure: error, to: saving.completions)
    saveForFollowers()
  }

  private func finishSaving(_ saving: Saving, _ result: Result<Void, AtomicFile.CommitError>) {
    // Ended by the program's end already.
    guard saving === self.saving else { return }
    self.saving = nil
    defer { saveForFollowers() }
    if case .failure(let error) = result {
      guard error.isReplaced else { return report(failure: error.cause, to: saving.completions) }
      logger.warning(
        "the cache is saved, but a power failure now could bring the snapshot before it back",
        metadata: ["error": "\(error)"])
    }
    saves += 1
    lastSave = (EventLoop.wallClock(), saving.octets)
    let saved = SaveResult(
      octets: saving.octets, milliseconds: EventLoop.now() - saving.started)
    logger.info(
      "cache saved",
      metadata: [
        "file": "\(saving.file.path)", "octets": "\(saved.octets)", "ms": "\(saved.milliseconds)",
      ])
    for completion in saving.completions { completion(.success(saved)) }
  }

  private func saveForFollowers() {
    guard !followers.isEmpty else { return }
    let completions = followers
    followers = []
    save { result in
      for completion in completions { completion(result) }
    }
  }

  private func report(failure error: SystemError, to completions: [Completion]) {
    failures += 1
    let sentence =
      "the cache is not saved: \(error); the server goes on, the last snapshot stays as it was"
    logger.error("\(sentence)")
    for completion in completions {
      completion(.failure(SnapshotError(description: sentence)))
    }
  }

  // MARK: For people

  /// Where the cache is saved.
  var path: String { lock.path }

  /// Whether a snapshot is being read.
  var isLoading: Bool { loading != nil }

  /// Whether one is being written.
  var isSaving: Bool { saving != nil }

  /// Why the cache is not saved; nil when it is.
  var reasonNotSaved: String? { lock.rival ?? obstacle }
}
