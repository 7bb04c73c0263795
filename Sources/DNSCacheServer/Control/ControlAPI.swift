import Control
import DNSCache
import DNSWire
import EventLoop
import HTTP
import Logging
import Memory
import Observability
import System

/// Performs control's verbs, whoever may have asked for them: the control socket or a browser.
final class ControlAPI {
  private let worker: Pinned<Worker>
  private let loop: EventLoop
  /// The server that owns this one.
  private unowned let server: Server
  private var ending: Timer?
  private var jobs: [ObjectIdentifier: ControlJob] = [:]
  private var watched = WatchMemory()

  /// Milliseconds between the answer to `stop` and the end of the loop.
  private static let farewell: UInt64 = 20

  init(on loop: EventLoop, worker: Pinned<Worker>, server: Server) {
    self.loop = loop
    self.worker = worker
    self.server = server
    // Made now: with the first request, making them would hold up clients for two milliseconds.
    _ = (Figures.statistics, Figures.upstreams)
  }

  /// By which way a request came in.
  enum Door {
    /// The control socket, which only the owner and the group may open.
    case socket
    /// TCP. What ends the program is not to be had there.
    case web
  }

  /// Where Prometheus finds its text.
  static let metricsPath = "/metrics"

  /// Answers a request whose path is ``metricsPath`` or begins with ``ControlVerb/root``.
  func answer(_ request: HTTPRequest, _ responder: HTTPResponder, through door: Door) {
    let start = SliceTimes.Moment()
    defer { worker.value.slices.note(.control, since: start) }
    let isText = request.queryValue("format") == "text"
    let reply = ControlReply(responder, isText: isText, Display(of: request))
    if request.method == .options { return responder.sendMethods(HTTPResponder.allMethods) }
    if request.path == ControlAPI.metricsPath {
      guard request.method == .get else {
        responder.addHeader("Allow", HTTPResponder.readingMethods)
        return reply.fail("\(request.path) wants another method: GET", status: 405)
      }
      return responder.send(
        status: 200, contentType: PrometheusText.contentType, body: metrics())
    }
    do throws(ControlVerb.Refusal) {
      let verb = try ControlVerb(
        method: request.method, path: request.path,
        query: request.query)
      if case (.stop, .web) = (verb, door) {
        throw ControlVerb.Refusal(
          status: 403, sentence: "stop is for the control socket: dns-cache-server ctl stop")
      }
      perform(verb, reply)
    } catch {
      if let methods = error.methods { responder.addHeader("Allow", methods) }
      reply.fail(error.sentence, status: error.status)
    }
  }

  // MARK: Verbs

  private func perform(_ verb: ControlVerb, _ reply: ControlReply) {
    switch verb {
    case .status:
      let status = status()
      reply.send(status) {
        StatusText(status: status, stats: statistics(), upstreams: upstreams(), $0).text
      }
    case .stats(let filter, let all):
      let scope = filter.map { StatsText.Scope.matching($0) } ?? (all ? .all : .usual)
      statistics(scope, filter, reply)
    case .show(let name, let type):
      reply.send(
        CacheReport.show(name, type, in: worker.value.cache), empty: "\(name): nothing in the cache"
      )
    case .names(let address):
      reply.send(
        CacheReport.names(address, in: worker.value.cache),
        empty: "\(address): no name in the cache")
    case .explain(let name, let type):
      let explanation = Explanation(
        of: name, type ?? .a, in: &worker.value, routes: RouteList(server.settings),
        local: server.local)
      reply.send(explanation.report, as: reply.wrapped(explanation.text))
    case .inFlight:
      reply.send(InFlightReport.rows(worker.value.resolver), empty: "nothing in flight")
    case .upstreams:
      let upstreams = upstreams()
      reply.send(upstreams) { UpstreamsText(upstreams, $0).text }
    case .routes(let name):
      let routes = RouteList(server.settings)
      if let name {
        let answer = routes.answer(for: name, by: worker.value.policy.value)
        reply.send(answer.report, as: answer.sentence + "\n")
      } else {
        reply.send(routes.report, as: routes.text)
      }
    case .local(let name): local(name, reply)
    case .top(let list, let count): top(list, count: count, reply)
    case .history(let last):
      reply.send(ObservationsReport.history(worker.value.seen.value, last: last))
    case .watch: watch(reply)
    case .flush(let name, let type, let tree):
      let scope = type.map { Cache.FlushScope.type($0) } ?? .everything
      if tree {
        worker.value.resolver.forgetFailures()
        start(FlushJob(below: name, scope, worker, reply))
      } else {
        let key = NameKey(name, in: worker.value.cache)
        worker.value.resolver.forgetFailures(of: key)
        reply.send(.object([("removed", .count(worker.value.cache.flush(key, scope)))]))
      }
    case .flushNegative:
      worker.value.resolver.forgetFailures()
      start(FlushJob(below: Name.root, .negative, worker, reply))
    case .dump: start(DumpJob(worker, reply))
    case .save: save(reply)
    case .reload:
      server.reload { result in
        switch result {
        case .success(let changes): reply.send(changes.report, as: changes.text)
        case .failure(let error):
          reply.fail("\(error)", status: error.status == .usage ? 422 : 503)
        }
      }
    case .stop:
      reply.send(.object([("stopping", .flag(true))]))
      // Not before the answer has left.
      let timer = Timer(on: loop) { [unowned self] in server.stop() }
      timer.schedule(after: ControlAPI.farewell)
      ending = timer
    }
  }

  private func status() -> StructuredValue {
    var rows = UpstreamsReport.health(worker.value.resolver)
    rows += [
      ("version", .text(DNSCacheServer.version)), ("pid", .number(Int64(Process.id))),
      ("uptime_seconds", .count((EventLoop.now() - server.started) / 1_000)),
      ("listening", .list(server.listeners.addresses.map { .text("\($0)") })),
    ]
    // Only where there are such, so that the line stands out.
    let missing = server.listeners.missing.map { StructuredValue.text($0) }
    if !missing.isEmpty { rows.append(("not_on_this_host_yet", .list(missing))) }
    if let complaint = server.listeners.receiveBufferComplaint {
      rows.append(("receive_buffer", .text(complaint)))
    }
    rows += [
      ("upstreams", .list(server.settings.upstreams.map { .text("\($0.address)") })),
      (
        "cache",
        .object(
          ["names", "records", "bytes", "limit_bytes"].map {
            ($0, Figures.statistics.value("cache.\($0)", of: server))
          })
      ),
      ("inflight", Figures.statistics.value("inflight.now", of: server)),
    ]
    rows += Figures.statistics.values(of: server, matching: "snapshot").members
    let local = LocalReport.sources(server.local)
    if !server.local.sources.isEmpty { rows.append(("local", local)) }
    return .object(rows)
  }

  private func local(_ name: Name?, _ reply: ControlReply) {
    let sources = LocalReport.sources(server.local)
    let policy = worker.value.policy
    let records = LocalReport.records(of: name, server.local, policy.value.local)
    let report = StructuredValue.object([
      ("sources", sources), ("records", .list(records.rows)), ("more", .flag(records.isCut)),
    ])
    let rows = StructuredValue.list(records.rows)
    if let name {
      reply.send(report, as: records.rows.isEmpty ? "\(name): no local records\n" : rows.text)
    } else {
      let rest = records.isCut ? "and more: only \(Rows.limit) are shown\n" : ""
      let text =
        server.local.sources.isEmpty
        ? "no local names; see `local` in the configuration\n" : sources.text
      reply.send(report, as: text + rows.text + rest)
    }
  }

  private func top(_ list: TopList, count: Int, _ reply: ControlReply) {
    let (total, rows) = ObservationsReport.top(
      list, limit: count, of: worker.value.seen.value
    ) { [server] in server.local.name(of: $0) }
    let facts = StructuredValue.object([
      ("since", .number(server.history.since)), ("total", .count(total)),
      ("samples", .count(list == .failures ? total : worker.value.seen.value.samples)),
      ("top", .list(rows)),
    ])
    reply.send(facts, as: rows.isEmpty ? "none yet\n" : StructuredValue.list(rows).text) {
      TopText(facts, list, $0).text
    }
  }

  /// Octets that the metrics have without upstreams, and for each of them, more or less: room is made once.
  private static let metricsSize = (least: 48 << 10, perUpstream: 4 << 10)

  private func metrics() -> [UInt8] {
    let upstreams = UpstreamReading.all(of: worker)
    let size = ControlAPI.metricsSize
    var text = PrometheusText(capacity: size.least + upstreams.count * size.perUpstream)
    Figures.statistics.write([(server, .none)], to: &text)
    Figures.upstreams.write(upstreams.map { ($0, $0.labels) }, to: &text)
    return text.octets
  }

  private func statistics() -> StructuredValue { Figures.statistics.values(of: server) }

  private func upstreams() -> StructuredValue {
    .list(UpstreamReading.all(of: worker).map { Figures.upstreams.values(of: $0) })
  }

  private func statistics(_ scope: StatsText.Scope, _ filter: String?, _ reply: ControlReply) {
    let values = Figures.statistics.values(of: server, matching: filter)
    guard !values.members.isEmpty else {
      let groups = Figures.statistics.groups.joined(separator: ", ")
      return reply.fail(
        "no counter has \"\(filter ?? "")\" in its name; groups are \(groups)", status: 404)
    }
    reply.send(values) { display in
      let queries = worker.value.service.counters
      let share = NumberText.percent(
        Int64(clamping: queries.hits), of: Int64(clamping: queries.udp &+ queries.tcp))
      return StatsText(
        Figures.statistics.rows(of: server, matching: filter), scope, share: share, display
      ).text
    }
  }

  private func watch(_ reply: ControlReply) {
    let poll = WatchPoll(
      status: status(), stats: statistics(), upstreams: upstreams(), time: EventLoop.microseconds())
    let figures = WatchFigures(
      poll, since: watched.earlier(than: poll),
      history: ObservationsReport.history(worker.value.seen.value, last: WatchFigures.samples))
    let report = figures.report(now: EventLoop.wallClock())
    reply.send(report, as: WatchFigures.line(report)) {
      WatchScreen($0).lines(figures).joined(separator: "\n")
    }
  }

  private func save(_ reply: ControlReply) {
    server.snapshot.save { result in
      switch result {
      case .success(let saved):
        reply.send(
          .object([("saved_bytes", .count(saved.octets)), ("ms", .count(saved.milliseconds))]))
      case .failure(let error): reply.fail("\(error)", status: 500)
      }
    }
  }

  // MARK: Long work

  /// Starts what takes more than one turn of the loop.
  private func start(_ job: ControlJob) {
    guard job.begin() else {
      job.reply.fail("too much else walks the cache; try again", status: 503)
      return
    }
    let id = ObjectIdentifier(job)
    jobs[id] = job
    job.run(on: loop) { [unowned self] in jobs[id] = nil }
  }
}

/// Work of control that goes in slices.
class ControlJob {
  let reply: ControlReply
  fileprivate let worker: Pinned<Worker>
  private var cursor: Cache.Cursor?
  private var timer: Timer?
  private var whenDone: (() -> Void)?

  fileprivate init(_ worker: Pinned<Worker>, _ reply: ControlReply) {
    self.worker = worker
    self.reply = reply
  }

  /// Takes a place in the cache; false when there is none to be had.
  fileprivate func begin() -> Bool {
    cursor = worker.value.cache.openCursor()
    return cursor != nil
  }

  fileprivate func run(on loop: EventLoop, _ whenDone: @escaping () -> Void) {
    self.whenDone = whenDone
    timer = Timer(on: loop) { [unowned self] in turn() }
    reply.whenGone { [weak self] in self?.end() }
    goOn()
  }

  /// Has the next slice done on the next turn of the loop.
  fileprivate func goOn() { timer?.schedule(after: 0) }

  private func turn() {
    guard let cursor else { return }
    guard reply.isWanted else {
      end()
      return
    }
    slice(cursor)
  }

  /// One slice of work; calls `goOn` or `end`.
  fileprivate func slice(_ cursor: Cache.Cursor) {}

  fileprivate func end() {
    guard let cursor else { return }
    worker.value.cache.closeCursor(cursor)
    self.cursor = nil
    timer?.cancel()
    whenDone?()
  }
}

/// Removes what matches, name by name.
private final class FlushJob: ControlJob {
  /// Names looked at in a slice.
  private static let namesPerSlice = 1_000

  private let zone: Name
  private let scope: Cache.FlushScope
  private var removed = 0

  init(below zone: Name, _ scope: Cache.FlushScope, _ worker: Pinned<Worker>, _ reply: ControlReply)
  {
    self.zone = zone
    self.scope = scope
    super.init(worker, reply)
  }

  override func slice(_ cursor: Cache.Cursor) {
    let key = NameKey(zone, in: worker.value.cache)
    let step = worker.value.measureSlice(.walk) { worker in
      worker.cache.flush(cursor, names: FlushJob.namesPerSlice, below: key, scope)
    }
    removed += step.removed
    guard step.finished else { return goOn() }
    reply.send(.object([("removed", .count(removed))]))
    end()
  }
}

/// Prints the whole cache, as fast as the reader takes it.
private final class DumpJob: ControlJob {
  /// Names printed in a slice, which takes a tenth of a millisecond: text costs microseconds a record,
  /// and nearly every hit meanwhile waits for a slice.
  private static let namesPerSlice = 25

  private var isBegun = false

  override func slice(_ cursor: Cache.Cursor) {
    if !isBegun {
      isBegun = true
      reply.beginLines()
      // Nothing is wanted beyond the header.
      guard reply.isWanted else { return end() }
    }
    let reply = reply
    let (lines, isDone) = worker.value.measureSlice(.walk) { worker in
      let (rows, isDone) = CacheReport.dump(
        cursor, names: DumpJob.namesPerSlice, in: &worker.cache)
      return (reply.lines(rows, text: CacheReport.zoneLine), isDone)
    }
    if isDone {
      reply.write(lines) {}
      reply.endLines()
      end()
    } else if lines.isEmpty {
      goOn()
    } else {
      reply.write(lines) { [weak self] in self?.goOn() }
    }
  }
}
