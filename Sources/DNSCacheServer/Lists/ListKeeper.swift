import Configuration
import DNSCache
import DNSPolicy
import DNSWire
import EventLoop
import Logging
import Memory
import System

/// Keeps block lists in force as their files have them.
///
/// A list is read by a process of its own (``ListCompiler``), which leaves hashes of names in the state folder; here
/// those are put together, in slices, and then take the place of the lists before at once. The compiled lists are
/// there after a restart, so that the first query is answered by them. A list that can't be read any more stays as it
/// was.
final class ListKeeper {
  /// Microseconds of a slice.
  private static let sliceTime: UInt64 = 400
  /// Milliseconds that a list may take to be read.
  private static let patience: UInt64 = 60_000
  /// Milliseconds that loading may take before the server begins to answer.
  private static let startTime: UInt64 = 2_000

  private let loop: EventLoop
  private let files: FileWatcher
  private let worker: Pinned<Worker>
  private let logger: Logger
  private(set) var lists: [BlockList] = []
  private var folder = ""
  private var key: [UInt8] = []
  private var hasher = NameHasher(0, 0)
  private var allowsBroad = false
  private var protected: [Name] = []
  /// What counts for each group, by the numbers that lists have here.
  private var groups: [NameFilter.GroupRules] = []
  private var reading: (list: BlockList, report: ChildReport)?
  private var loading: ListLoading?
  /// What still has memory of lists that were in force before.
  private var past: [ListLoading] = []
  /// Whether what is being put together is out of date.
  private var mustLoadAgain = false
  private var timer: Timer?
  /// Those who wait until all lists are as their files have them.
  private var waiting: [() -> Void] = []
  private(set) var counters = ListCounters()
  /// Is told when other lists are in force.
  var whenChanged: () -> Void = {}

  init(on loop: EventLoop, worker: Pinned<Worker>, files: FileWatcher, logger: Logger) {
    self.loop = loop
    self.files = files
    self.worker = worker
    self.logger = logger
    timer = Timer(on: loop) { [unowned self] in slice() }
  }

  // MARK: Which lists there are

  /// Takes over settings, and begins to read what is new.
  ///
  /// - Parameters:
  ///   - groups: what counts for each group.
  ///   - folder: where compiled lists are kept.
  ///   - protected: names that no list may block, each with all below it.
  func reconfigure(
    _ rules: [BlockList.Rule], for groups: [NameFilter.GroupRules], allowsBroad: Bool,
    protected: [Name], in folder: String
  ) {
    self.groups = groups
    let isNewSetting =
      self.allowsBroad != allowsBroad || self.protected != protected || self.folder != folder
    self.allowsBroad = allowsBroad
    self.protected = protected
    self.folder = folder
    // The numbers of lists and what groups say of them change at once.
    if lists.map(\.rule) == rules {
      worker.value.policy.value.filter.value.setGroups(groups)
    }
    guard !rules.isEmpty || !lists.isEmpty else { return }
    if isNewSetting || lists.map(\.rule) != rules {
      do throws(SystemError) {
        if key.isEmpty { try takeKey() }
        lists = rules.enumerated().map { index, rule in open(rule, number: index) }
        load()
      } catch {
        logger.error("lists: \(error); name another folder with state")
      }
    }
    readNext()
  }

  private func open(_ rule: BlockList.Rule, number: Int) -> BlockList {
    let list = BlockList(rule, number: number, compiledPath: "\(folder)/\(rule.name).names")
    list.watch = FileWatch(by: files, path: rule.path) { [unowned self, unowned list] in
      list.isStale = true
      readNext()
    }
    takeCompiled(list)
    // What was compiled is good until its text is another.
    list.isStale =
      list.compiled == nil || list.compiled?.source != ListKeeper.source(of: rule.path)
    return list
  }

  /// Takes up the compiled form of a list, if it is there and made by the present settings.
  private func takeCompiled(_ list: BlockList) {
    list.compiled = nil
    guard let file = try? FileReader(path: list.compiledPath),
      let header = ListLoading.header(of: file), header.key == hasher.keyNumber,
      header.settings == request(.find(name: ""), list).settings
    else { return }
    list.compiled = header
    if case .unread = list.state { list.state = .read }
  }

  static func source(of path: String) -> CompiledList.Source? {
    (try? FileReader(path: path)).map { ListCompiler.source(of: $0) }
  }

  private func takeKey() throws(SystemError) {
    let key = try ListKeeper.key(in: folder)
    self.key = key
    hasher = NameHasher(key: key.span) ?? hasher
  }

  /// The key that names are hashed with, made at the first start.
  private static func key(in folder: String) throws(SystemError) -> [UInt8] {
    if !Process.exists(folder) { try Process.makeFolder(folder, mode: 0o700) }
    let path = "\(folder)/key"
    if let octets = try? FileReader.octets(of: path, limit: NameHasher.keyOctets),
      octets.count == NameHasher.keyOctets
    {
      return octets
    }
    var random = SystemRandomNumberGenerator()
    let octets = (0..<NameHasher.keyOctets).map { _ in
      UInt8.random(in: .min ... .max, using: &random)
    }
    let file = try AtomicFile(replacing: path)
    try file.append(octets.span)
    do {
      try file.commit()
    } catch {
      throw error.cause
    }
    return octets
  }

  private func request(_ task: ListRequest.Task, _ list: BlockList) -> ListRequest {
    ListRequest(
      task, path: list.rule.path, key: key, match: list.rule.match, isTrusted: list.rule.isTrusted,
      allowsBroad: allowsBroad,
      protected: protected.map { hasher.hash($0.lowercased.wire.span) })
  }

  // MARK: Reading

  /// Has lists read again, and calls back when all are as their files have them, or can't be read.
  ///
  /// - Parameter name: the list; all of them without one.
  func refresh(_ name: String?, whenDone: @escaping () -> Void) {
    for list in lists where name == nil || list.rule.name == name { list.isStale = true }
    waiting.append(whenDone)
    readNext()
    tellWaiting()
  }

  /// Whether a list is being read, or put together with others.
  var isBusy: Bool { reading != nil || loading != nil }

  private func readNext() {
    guard reading == nil, let list = lists.first(where: \.isStale) else { return }
    list.isStale = false
    do throws(SystemError) {
      let report = try ChildReport(
        on: loop, arguments: [ListCommand.name],
        request: request(.compile(output: list.compiledPath), list).encoded,
        patience: ListKeeper.patience
      ) { [unowned self] result in finish(list, result) }
      reading = (list, report)
    } catch {
      fail(list, "\(error)")
    }
  }

  private func finish(_ list: BlockList, _ result: Result<[UInt8], ChildReport.Failure>) {
    reading = nil
    defer {
      readNext()
      tellWaiting()
    }
    // A list that is configured otherwise, or no more, by now.
    guard lists.contains(where: { $0 === list }) else { return }
    let report: ListReport
    switch result {
    case .failure(let failure):
      fail(list, "the process that reads it: \(failure)")
      return
    case .success(let octets): report = ListReport(octets)
    }
    if let failure = report.failure {
      fail(list, failure)
      return
    }
    for line in report.mistakes.prefix(3) {
      logger.warning("list \(list.rule.name): \(list.rule.path):\(line.number): \(line.text)")
    }
    for line in report.refused.prefix(3) {
      logger.warning(
        "list \(list.rule.name): \(list.rule.path):\(line.number): \(line.text) is not for a list to block; it stays"
      )
    }
    takeCompiled(list)
    guard let compiled = list.compiled else {
      fail(list, "what was made of it is not there")
      return
    }
    counters.readings &+= 1
    list.state = .read
    logger.info(
      "list \(list.rule.name) is read",
      metadata: [
        "names": "\(compiled.entries)", "ignored": "\(compiled.ignored)",
        "mistakes": "\(compiled.mistakes)", "refused": "\(compiled.refused)",
      ])
    load()
  }

  private func fail(_ list: BlockList, _ why: String) {
    counters.failures &+= 1
    let before = list.state
    list.state = .failed(why)
    guard before != list.state else { return }
    let rest = list.compiled == nil ? "" : "; what was read before stays"
    logger.error("list \(list.rule.name): \(list.rule.path): \(why)\(rest)")
  }

  // MARK: Finding lines

  /// A line of a list.
  struct FoundLine {
    var list: String
    var number: Int
    var text: String
  }

  /// Finds the lines of some lists that are about a name, in the text as it is now.
  func find(_ name: Name, in numbers: [Int], whenDone: @escaping ([FoundLine]) -> Void) {
    find(name, in: numbers[...], [], whenDone)
  }

  private func find(
    _ name: Name, in numbers: ArraySlice<Int>, _ found: [FoundLine],
    _ whenDone: @escaping ([FoundLine]) -> Void
  ) {
    guard let number = numbers.first else { return whenDone(found) }
    let rest = numbers.dropFirst()
    guard number < lists.count, searches.count < ListKeeper.mostSearches else {
      return find(name, in: rest, found, whenDone)
    }
    let list = lists[number]
    do throws(SystemError) {
      let id = searchCount
      searchCount += 1
      searches[id] = try ChildReport(
        on: loop, arguments: [ListCommand.name],
        request: request(.find(name: "\(name)"), list).encoded, patience: ListKeeper.patience
      ) { [unowned self] result in
        searches[id] = nil
        var found = found
        if case .success(let octets) = result {
          found += ListReport(octets).found.map {
            FoundLine(list: list.rule.name, number: $0.number, text: $0.text)
          }
        }
        find(name, in: rest, found, whenDone)
      }
    } catch {
      find(name, in: rest, found, whenDone)
    }
  }

  /// Processes that look for lines, by a number of each.
  private var searches: [Int: ChildReport] = [:]
  private var searchCount = 0
  /// Those that may run at a time.
  private static let mostSearches = 4

  // MARK: Putting together

  /// Loads what is compiled before the server answers, as far as that doesn't take too long.
  func loadAtStart() {
    let end = EventLoop.now() + ListKeeper.startTime
    while loading != nil, EventLoop.now() < end { step() }
  }

  private func load() {
    guard loading == nil else {
      mustLoadAgain = true
      return
    }
    loading = ListLoading(lists.filter { $0.compiled != nil }, hasher: hasher)
    timer?.schedule(after: 0)
  }

  private func slice() {
    worker.value.measureSlice(.lists) { _ in
      let end = EventLoop.microseconds() + ListKeeper.sliceTime
      while loading != nil || !past.isEmpty, EventLoop.microseconds() < end { step() }
    }
    if loading != nil || !past.isEmpty { timer?.schedule(after: 0) }
    if loading == nil { tellWaiting() }
  }

  private func step() {
    if let last = past.last {
      if !last.release() { past.removeLast() }
      return
    }
    guard let loading else { return }
    switch loading.step() {
    case .progress: break
    case .failed(let list):
      self.loading = nil
      list.compiled = nil
      list.isStale = true
      logger.warning("list \(list.rule.name): \(list.compiledPath) is damaged; it is made again")
      load()
      readNext()
    case .done:
      self.loading = nil
      takeOver(loading)
      if mustLoadAgain {
        mustLoadAgain = false
        load()
      }
    }
  }

  private func takeOver(_ loading: ListLoading) {
    counters.noRoom &+= loading.noRoom
    counters.changes &+= 1
    let filter = worker.value.policy.value.filter
    filter.value.replace(&loading.names, details: loading.details)
    past.append(loading)
    filter.value.listNames = lists.map(\.rule.name)
    filter.value.setGroups(groups)
    whenChanged()
  }

  private func tellWaiting() {
    guard !isBusy, !lists.contains(where: \.isStale) else { return }
    let told = waiting
    waiting = []
    for whenDone in told { whenDone() }
  }
}
