import Control
import DNSCache
import DNSWire
import EventLoop
import HTTP
import Logging
import Memory
import Observability
import System

/// Routes requests to verbs, from the control socket and from HTTP, and has what several verbs use.
final class ControlAPI {
  let worker: Pinned<Worker>
  private let loop: EventLoop
  /// The server that owns this one.
  unowned let server: Server
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
    _ = (Figures.statistics, Figures.upstreams, Figures.lists, Figures.groups, Verbs.all)
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
    let reply = ControlReply(responder, as: ControlForm(request))
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
      let verb = try verb(of: request, through: door)
      try verb.answer(ControlParameters(request, for: verb.row), self, reply)
    } catch {
      if let methods = error.methods { responder.addHeader("Allow", methods) }
      reply.fail(error.sentence, status: error.status)
    }
  }

  private func verb(
    of request: HTTPRequest, through door: Door
  ) throws(ControlVerb.Refusal) -> any Verb.Type {
    let path = request.path
    guard let verb = Verbs.verb(at: path) else {
      throw .init(
        status: 404,
        sentence: "no such \(path.hasPrefix(ControlVerb.root) ? "verb" : "page"): \(path)")
    }
    let row = verb.row
    guard row.method == request.method else {
      throw .init(
        status: 405, sentence: "\(path) wants another method: GET to ask, POST to change",
        methods: row.method == .get ? HTTPResponder.readingMethods : HTTPResponder.changingMethods)
    }
    guard row.access != .socket || door == .socket else {
      let words = row.words.joined(separator: " ")
      throw .init(
        status: 403,
        sentence: "\(words) is for the control socket: dns-cache-server ctl \(words)")
    }
    return verb
  }

  // MARK: What verbs use

  func status() -> StructuredValue {
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

  func top(_ list: TopList, count: Int, _ reply: ControlReply) {
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
    Figures.lists.write(ListReading.all(of: server).map { ($0, $0.labels) }, to: &text)
    Figures.groups.write(GroupReading.all(of: server).map { ($0, $0.labels) }, to: &text)
    return text.octets
  }

  func statistics() -> StructuredValue { Figures.statistics.values(of: server) }

  func upstreams() -> StructuredValue {
    .list(UpstreamReading.all(of: worker).map { Figures.upstreams.values(of: $0) })
  }

  func watch() -> WatchFigures {
    let poll = WatchPoll(
      status: status(), stats: statistics(), upstreams: upstreams(), time: EventLoop.microseconds())
    return WatchFigures(
      poll, since: watched.earlier(than: poll),
      history: ObservationsReport.history(worker.value.seen.value, last: WatchFigures.samples))
  }

  /// Ends the program once the answer has left.
  func stopSoon() {
    let timer = Timer(on: loop) { [unowned self] in server.stop() }
    timer.schedule(after: ControlAPI.farewell)
    ending = timer
  }

  // MARK: Long work

  /// Starts what takes more than one turn of the loop.
  func start(_ job: ControlJob) {
    guard job.begin() else {
      job.reply.fail("too much else walks the cache; try again", status: 503)
      return
    }
    let id = ObjectIdentifier(job)
    jobs[id] = job
    job.run(on: loop) { [unowned self] in jobs[id] = nil }
  }
}
