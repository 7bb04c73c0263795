import ArgumentParser
import Control
import EventLoop
import Observability
import System

/// The verbs about the server; those about the cache and about local names have files of their own.
extension Verbs {
  struct Status: Verb {
    static let row = ControlVerb(.get, "status", "What is running, and how it is doing.")
    @Flag(help: "Exit with 1 while nothing can be resolved: no upstream answers.") var check = false

    static func answer(_ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply) {
      let status = api.status()
      reply.send(status) {
        StatusText(status: status, stats: api.statistics(), upstreams: api.upstreams(), $0).text
      }
    }

    func run(_ options: ControlCommand.Options) throws {
      try options.perform(self)
      guard check else { return }
      var resolves = false
      try options.ask { client in
        resolves = try client.answer(Status.row, as: .json).contains("\"resolves\":true")
      }
      if !resolves { throw ExitCode(ExitStatus.notResolving.rawValue) }
    }
  }

  struct Stats: Verb {
    static let row = ControlVerb(.get, "stats", "Every counter, or those that are named.")
    @Argument(help: "A group, such as cache, or a part of names, such as limit.")
    var filter: String?
    @Flag(help: "Also those of the event loop, for developers.") var all = false

    var parameters: ControlParameters { ["filter": filter, "all": all ? "1" : nil] }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      let filter = parameters.text("filter")
      let values = Figures.statistics.values(of: api.server, matching: filter)
      guard !values.members.isEmpty else {
        let groups = Figures.statistics.groups.joined(separator: ", ")
        throw .init(
          status: 404,
          sentence: "no counter has \"\(filter ?? "")\" in its name; groups are \(groups)")
      }
      reply.send(values) { display in
        let queries = api.worker.value.service.counters
        let share = NumberText.percent(
          Int64(clamping: queries.hits), of: Int64(clamping: queries.udp &+ queries.tcp))
        let scope: StatsText.Scope =
          filter.map { .matching($0) } ?? (parameters.text("all") == "1" ? .all : .usual)
        return StatsText(
          Figures.statistics.rows(of: api.server, matching: filter), scope, share: share, display
        ).text
      }
    }
  }

  struct Explain: Verb {
    static let row = ControlVerb(
      .get, "explain/", "What a client gets that asks for a name, and why.",
      discussion: """
        Tells what the cache has, since when, from whom and until when, who would be asked, what failed \
        last, and which rules and limits had a say. Asking changes nothing.
        """,
      for: .everyone)
    @Argument(help: "A domain name, or an address for its reverse name.") var name: String
    @Argument(help: "A record type; A if none is given, PTR for an address.") var type: String?

    var parameters: ControlParameters { ["name": name, "type": type] }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      let type = try parameters.type()
      let (name, isAddress) = try parameters.nameOrAddress()
      let explanation = Explanation(
        of: name, type ?? (isAddress ? .ptr : .a), in: &api.worker.value,
        routes: RouteList(api.server.settings), local: api.server.local,
        groups: api.server.settings.groupNames)
      reply.send(explanation.report, as: reply.wrapped(explanation.text))
    }
  }

  struct InFlight: Verb {
    static let row = ControlVerb(.get, "inflight", "Questions that wait for an upstream.")

    static func answer(_ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply) {
      reply.send(InFlightReport.rows(api.worker.value.resolver), empty: "nothing in flight")
    }
  }

  struct Upstreams: Verb {
    static let row = ControlVerb(
      .get, "upstreams",
      "Each upstream: whether it answers, how fast, and what it doesn't understand.")

    static func answer(_ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply) {
      let upstreams = api.upstreams()
      reply.send(upstreams) { UpstreamsText(upstreams, $0).text }
    }
  }

  struct Routes: Verb {
    static let row = ControlVerb(
      .get, "routes", "Whose servers are asked for which names, or for one name.")
    @Argument(help: "A domain name, or an address for its reverse name.") var name: String?

    var parameters: ControlParameters { ["name": name] }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      let routes = RouteList(api.server.settings)
      guard parameters.has("name") else { return reply.send(routes.report, as: routes.text) }
      let answer = routes.answer(
        for: try parameters.nameOrAddress().name, by: api.worker.value.policy.value)
      reply.send(answer.report, as: answer.sentence + "\n")
    }
  }

  struct Watch: Verb {
    static let row = ControlVerb(
      .get, "watch", "A live view: queries, latency, memory, upstreams; ^C ends it.",
      discussion: """
        Where standard output is no terminal, or with --json, a line a second. Latencies are those of \
        the last ten seconds; shares in lines are thousandths.
        """)

    static func answer(_ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply) {
      let figures = api.watch()
      let report = figures.report(now: EventLoop.wallClock())
      reply.send(report, as: WatchFigures.line(report)) {
        WatchScreen($0).lines(figures).joined(separator: "\n")
      }
    }

    func run(_ options: ControlCommand.Options) throws {
      try options.ask(timeout: LiveView.patience) { client in
        try LiveView(client, isJSON: options.json).run()
      }
    }
  }

  /// The last hour, for the page.
  struct LastHour: Verb {
    static let row = ControlVerb(.get, "history", nil)

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      let last = try parameters.number("last", in: 1...History.capacity) ?? History.capacity
      reply.send(ObservationsReport.history(api.worker.value.seen.value, last: last))
    }
  }

  struct Reload: Verb {
    static let row = ControlVerb(
      .post, "reload", "Read the configuration file again; what is wrong with it changes nothing.")

    static func answer(_ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply) {
      api.server.reload { result in
        switch result {
        case .success(let changes): reply.send(changes.report, as: changes.text)
        case .failure(let error):
          reply.fail("\(error)", status: error.status == .usage ? 422 : 503)
        }
      }
    }
  }

  struct Stop: Verb {
    static let row = ControlVerb(.post, "stop", "Save the cache and stop.", for: .socket)

    static func answer(_ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply) {
      reply.send(.object([("stopping", .flag(true))]))
      api.stopSoon()
    }

    func run(_ options: ControlCommand.Options) throws {
      try options.ask { client in
        try client.perform(Stop.row, as: options.form)
        try client.waitForEnd()
      }
    }
  }
}

// MARK: What comes most

extension Verbs {
  /// A list of what comes most.
  protocol TopVerb: Verb {
    static var list: TopList { get }
    var length: TopLength { get }
  }

  /// How many rows there are to be.
  struct TopLength: ParsableArguments {
    @Option(help: ArgumentHelp("Rows at most, up to \(TopList.mostCount).", valueName: "number"))
    var count = TopList.usualCount

    func validate() throws {
      guard (1...TopList.mostCount).contains(count) else {
        throw ValidationError("--count is 1 to \(TopList.mostCount).")
      }
    }
  }

  struct TopNames: TopVerb {
    static let row = ControlVerb(.get, "top/names", "Names asked for most, with their types.")
    static let list = TopList.names
    @OptionGroup var length: TopLength
  }

  struct TopClients: TopVerb {
    static let row = ControlVerb(.get, "top/clients", "Clients that ask most.")
    static let list = TopList.clients
    @OptionGroup var length: TopLength
  }

  struct TopFailures: TopVerb {
    static let row = ControlVerb(
      .get, "top/failures", "Questions answered with SERVFAIL most, with their types and why.")
    static let list = TopList.failures
    @OptionGroup var length: TopLength
  }
}

extension Verbs.TopVerb {
  var parameters: ControlParameters { ["count": "\(length.count)"] }

  static func answer(
    _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
  ) throws(ControlVerb.Refusal) {
    let count = try parameters.number("count", in: 1...TopList.mostCount) ?? TopList.usualCount
    api.top(list, count: count, reply)
  }
}
