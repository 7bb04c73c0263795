import DNSCache
import DNSExchange
import DNSResolver
import DNSService
import EventLoop
import HTTP
import Memory
import Observability
import System

/// Every figure that the server has of itself, a row for each; the names are part of the interface.
enum Figures {
  /// What `ctl stats` and Prometheus are told.
  static let statistics = FigureTable(
    [
      queries, clients, cache, inFlight, upstream, tcp, udp, latency, loop, snapshot,
      local, block, http("control", "the control socket") { $0.control?.http },
      refusedForm("control") { $0.control?.http },
      http("http", "HTTP over TCP") { $0.web?.http }, web, log, network, process,
    ].flatMap { $0 })

  // MARK: What clients get

  private static let queries: [Figure<Server>] =
    [
      .counter(
        "queries.udp", "Queries that came",
        metric: .init("queries_total", .counter, [("transport", "udp")])
      ) { service($0).udp },
      .counter(
        "queries.tcp", "Queries that came",
        metric: .init("queries_total", .counter, [("transport", "tcp")])
      ) { service($0).tcp },
    ]
    + counters(
      "queries", of: service,
      [
        ("local", "Queries answered without cache or upstream", \.local),
        ("blocked", "Queries for names that a list or a rule blocks", \.blocked),
        ("special", "Queries for names that are answered here, as localhost", \.special),
        ("refused", "Queries answered with an error at once", \.refused),
        ("limited", "Queries over a limit of what one client may ask", \.limited),
        ("not_allowed", "Queries of clients outside the networks that are served", \.notAllowed),
        ("ignored", "Packets that are no queries, not answered", \.ignored),
        ("failures", "Queries answered with SERVFAIL", \.failures),
        ("truncated", "Answers cut to fit in a datagram", \.truncated),
      ])

  private static let clients: [Figure<Server>] =
    counters(
      "clients", of: service,
      [
        ("rate_limit_reached", "Queries over the rate of one client", \.queryLimit),
        ("misses_limit_reached", "Misses and errors over the rate of one client", \.missLimit),
        ("in_flight_limit_reached", "Queries over one client's share in flight", \.shareLimit),
        (
          "amplification_limit_reached", "Answers withheld from an address that may be forged",
          \.amplificationLimit
        ),
        ("limited_unanswered", "Queries over a limit that were not answered", \.limitedUnanswered),
      ])

  private static let cache: [Figure<Server>] =
    [
      .gauge("cache.records", "Records in the cache") { $0.worker.value.cache.recordCount },
      .gauge("cache.rrsets", "RRsets and negative entries in the cache") {
        $0.worker.value.cache.setCount
      },
      .gauge("cache.names", "Names in the cache") { $0.worker.value.cache.nameCount },
      .gauge("cache.addresses", "Different addresses in the cache") {
        $0.worker.value.cache.addressCount
      },
      .gauge("cache.bytes", "Memory that the cache holds", .bytes) { $0.worker.value.cache.octets },
      .gauge("cache.limit_bytes", "Memory that the cache may hold", .bytes) {
        $0.worker.value.cache.limits.octets
      },
      .gauge("cache.sources", "Upstreams that data in the cache is known to come from") {
        $0.worker.value.cache.sourceCount
      },
    ]
    + counters(
      "cache", of: service,
      [
        ("hits", "Queries answered from the cache at once", \.hits),
        ("misses", "Queries that had to wait for upstream", \.misses),
        ("stale", "Misses answered with stale data", \.stale),
        ("rebind_blocked", "Answers withheld because they held a local address", \.rebindBlocked),
        ("prefetches", "Questions asked upstream before their answers were over", \.prefetches),
        (
          "prefetch_limit_reached", "Questions not asked early because too many were",
          \.prefetchLimit
        ),
      ])
    + counters(
      "cache", of: { $0.worker.value.cache.counters },
      [
        ("inserted", "RRsets and negative entries taken into the cache", \.inserted),
        ("evictions", "Names removed to make room", \.evictions),
        ("expired", "RRsets and negative entries given up for their age", \.expired),
        ("outranked", "RRsets not taken because what is there is trusted as much", \.outranked),
        ("no_room", "RRsets that found no room", \.noRoom),
        ("large_rrsets", "RRsets that are used once for lack of room in one piece", \.largeSets),
        (
          "rrsets_per_name_limit", "RRsets not taken because their name has too many",
          \.setsPerNameLimit
        ),
        ("sources_limit_reached", "Upstreams not remembered because too many were", \.sourcesLimit),
      ])

  private static let block: [Figure<Server>] =
    [
      .gauge("block.names", "Names in block lists, those of several once") {
        $0.worker.value.policy.value.filter.value.entryCount
      },
      .gauge("block.bytes", "Memory that they take", .bytes) {
        $0.worker.value.policy.value.filter.value.octets
      },
      .gauge("block.lists", "Block lists") { $0.lists.lists.count },
      .gauge("block.rules", "Rules that go before lists") {
        $0.worker.value.policy.value.filter.value.ruleCount
      },
      .gauge("block.paused", "Whether blocking pauses") { $0.blocking.pauseEnd == nil ? 0 : 1 },
    ]
    + counters(
      "block", of: { $0.lists.counters },
      [
        ("readings", "Times that a list was read", \.readings),
        ("failures", "Times that one could not be read", \.failures),
        ("changes", "Times that other lists came into force", \.changes),
        ("no_room", "Names of lists that found no room", \.noRoom),
      ])

  private static let local: [Figure<Server>] =
    [
      .gauge("local.names", "Names that the LAN has itself") {
        $0.worker.value.policy.value.local.value.nameCount
      },
      .gauge("local.records", "Their records") {
        $0.worker.value.policy.value.local.value.recordCount
      },
      .gauge("local.bytes", "Memory that they take", .bytes) {
        $0.worker.value.policy.value.local.value.octets
      },
      .gauge("local.limit_bytes", "Memory that they may take", .bytes) {
        $0.settings.local.memory
      },
    ]
    + counters(
      "local", of: { $0.local.counters },
      [
        ("readings", "Times that a source of such names was read", \.readings),
        ("mistakes", "Lines that could not be used", \.mistakes),
        ("ignored", "Lines left out on purpose: loopback addresses in hosts files", \.ignored),
        ("refused", "Names that a lease could not have", \.refused),
        ("limit_reached", "Records that found no room", \.noRoom),
      ])

  private static let inFlight: [Figure<Server>] =
    [
      .gauge("inflight.now", "Questions in flight", metric: "in_flight_questions") {
        $0.worker.value.resolver.inFlight
      },
      .gauge("inflight.waiting", "Clients that wait for a question", metric: "in_flight_clients") {
        $0.worker.value.service.waitingClients
      },
      .gauge(
        "inflight.limit", "Questions that may be in flight", metric: "in_flight_questions_limit"
      ) { $0.worker.value.resolver.settings.exchanges.inFlightLimit },
    ]
    + counters(
      "inflight", metrics: "in_flight", of: resolver,
      [
        ("limit_reached", "Questions not asked because too many were in flight", \.inFlightLimit),
        ("displaced", "Questions that gave way to new ones", \.displaced),
        ("budget_limit_reached", "Questions that cost too many packets or octets", \.overBudget),
      ])
    + counters(
      "inflight", metrics: "in_flight", of: service,
      [
        ("pending_limit_reached", "Queries failed because too many waited", \.pendingLimit)
      ])

  // MARK: What is asked upstream

  private static let upstream: [Figure<Server>] =
    [
      .gauge("upstream.tcp_connections", "TCP connections to upstreams") {
        $0.worker.value.upstreamStreams?.count ?? 0
      },
      .gauge("upstream.failures_remembered", "Questions whose failure is remembered") {
        $0.worker.value.resolver.failureCount
      },
      .gauge("upstream.failures_limit", "Questions whose failure may be remembered") { _ in
        Resolver.failureLimit
      },
      .gauge("upstream.sockets", "Sockets to upstreams") {
        $0.worker.value.upstreams?.openCount ?? 0
      },
      .counter(
        "upstream.tcp", "Questions asked over TCP",
        metric: .init("upstream_tcp_questions_total", .counter)
      ) { $0.worker.value.resolver.exchanges.counters.streams },
      .counter("upstream.network_changes", "Times that the kernel told of a changed network") {
        $0.worker.value.networkWatch?.changes ?? 0
      },
    ]
    + counters(
      "upstream", of: resolver,
      [
        ("asked", "Questions asked upstream", \.asked),
        ("joined", "Queries that joined a question in flight", \.joined),
        ("answered", "Questions that had an answer", \.answered),
        ("failed", "Questions that had none", \.failed),
        ("out_of_bailiwick", "Records left out that the zone may not tell", \.outOfBailiwick),
        ("all_down", "Questions failed at once because all upstreams were down", \.allDown),
        ("failed_before", "Questions failed at once because they had before", \.failedBefore),
        ("failures_limit_reached", "Failures forgotten for newer ones", \.failuresDisplaced),
      ])
    // By its earlier name, too.
    + counters(
      "upstream", of: service,
      [("rebind_blocked", "Names of the internet that led to local addresses", \.rebindBlocked)])
    + counters(
      "upstream", of: { $0.worker.value.resolver.exchanges.counters },
      [
        ("retries", "Questions sent again for want of a reply", \.retries),
        ("late", "Replies to an earlier packet than the last", \.late),
        ("errors", "Replies with an error, or with what is no answer", \.errors),
        ("unreachable", "Packets and connections that the network refused", \.unreachable),
        ("mismatched", "Packets that answer nothing that was asked", \.mismatched),
        ("mismatch_limit_reached", "Questions moved to TCP because somebody guessed", \.suspected),
        (
          "spoof_move_limit_reached", "Guesses too many to move a question to TCP",
          \.spoofMovesRefused
        ),
        ("other_case", "Replies whose name had another letter case", \.otherCase),
        ("cookie_mismatched", "Replies with a wrong cookie", \.cookieMismatches),
        ("cookie_missing", "Replies without the cookie that was due", \.cookiesMissing),
        ("bad_cookie", "Questions that an upstream wanted with a new cookie", \.badCookies),
        ("looped", "Queries of this server that came back to it as a client's", \.looped),
        ("malformed", "Replies that are malformed", \.malformed),
        ("oversized", "Replies over UDP larger than what was offered", \.oversized),
        ("explored", "Questions sent to another upstream than the best", \.explored),
        ("probes", "Packets that asked whether an upstream is back", \.probes),
        ("downs", "Times that an upstream was taken as down", \.downs),
        ("recoveries", "Times that one came back", \.recoveries),
        ("fallbacks", "Times that an upstream did not understand something", \.fallbacks),
        ("without_edns", "Times that one was asked without EDNS from then on", \.withoutEDNS),
        ("without_cookies", "The same, without cookies", \.withoutCookies),
        ("without_letter_case", "The same, in lower case", \.lowerCase),
        ("without_large_replies", "The same, offered 512 octets", \.small),
        ("without_udp", "The same, over TCP alone", \.overStream),
        ("bare_limit_reached", "Headers without a question not believed", \.bareIgnored),
        ("let_through", "Questions sent although all upstreams were down", \.trials),
      ])
    + counters(
      "upstream", of: { $0.worker.value.upstreamStreams?.counters ?? UpstreamStreams.Counters() },
      [
        ("tcp_connected", "TCP connections made to upstreams", \.made),
        ("tcp_reused", "Questions that found a TCP connection open", \.reused),
        ("tcp_shared", "Questions sent behind others on a TCP connection", \.shared),
        ("tcp_repeated", "Questions asked on a second TCP connection", \.repeated),
        ("tcp_unexpected", "Messages over TCP that answer nothing asked there", \.unexpected),
        ("tcp_silent", "TCP connections found silent for a second", \.silent),
        ("tcp_limit_reached", "Questions that had to wait for a TCP connection", \.limited),
        ("tcp_queue_limit_reached", "Questions failed because too many waited so", \.queueLimit),
      ])
    + counters(
      "upstream", of: { $0.worker.value.upstreams?.counters ?? UpstreamSockets.Counters() },
      [
        ("sockets_reopened", "Sockets that could not send any more", \.reopened),
        ("pools_renewed", "Times that an upstream's sockets were all renewed", \.poolsRenewed),
        ("sockets_renewed", "Sockets given up for their age", \.renewed),
        ("sockets_used_up", "Sockets given up after many queries", \.usedUp),
        ("sockets_overused", "Queries from sockets that were due to be given up", \.overused),
      ])

  // MARK: Sockets

  private static let tcp: [Figure<Server>] =
    [
      .gauge("tcp.connections", "TCP connections of clients") {
        $0.worker.value.streams?.count ?? 0
      },
      .gauge(
        "tcp.limit", "TCP connections of clients that may be open", metric: "tcp_connections_limit"
      ) { $0.worker.value.streams?.limits.connections ?? 0 },
      .gauge(
        "tcp.per_client_limit", "TCP connections that one client may have open",
        metric: "tcp_connections_per_client_limit"
      ) { $0.worker.value.streams?.limits.connectionsPerClient ?? 0 },
      .gauge(
        "tcp.buffer_bytes", "Memory for half messages and unread answers of TCP clients", .bytes
      ) { $0.worker.value.streams?.buffered ?? 0 },
      .gauge("tcp.buffer_limit_bytes", "What these may take", .bytes) {
        $0.worker.value.streams?.limits.buffers ?? 0
      },
      .gauge(
        "tcp.most_messages_in_a_turn",
        "Most messages on streams in one tick of the loop; an HTTP request counts as 32"
      ) { $0.worker.value.streams?.budget.mostMessages ?? 0 },
      .counter(
        "tcp.turn_limit_reached",
        "Ticks of the loop that left messages on streams, or HTTP requests, to the next"
      ) { $0.worker.value.streams?.budget.cutShort ?? 0 },
    ]
    + counters(
      "tcp", of: { $0.worker.value.streams?.counters ?? ClientStreams.Counters() },
      [
        ("accepted", "TCP connections of clients taken", \.accepted),
        ("limit_reached", "TCP connections closed for new ones", \.displaced),
        (
          "per_client_limit_reached", "TCP connections closed for newer ones of a client",
          \.displacedByClient
        ),
        ("timed_out", "TCP connections of clients closed for their idleness", \.timedOut),
        ("closed_early", "Idle TCP connections closed because many were open", \.pressed),
        (
          "pipeline_limit_reached", "Times that a client had too many queries under way",
          \.pipelineLimit
        ),
        ("unread_limit_reached", "TCP connections closed whose client did not read", \.unread),
        ("buffer_limit_reached", "TCP connections closed because it was too much", \.buffers),
      ])

  private static let udp: [Figure<Server>] =
    counters(
      "udp", of: datagrams,
      [
        ("received", "Datagrams of clients read", \.received),
        ("sent", "Datagrams sent to clients", \.sent),
        ("dropped", "Answers dropped because too many waited for the kernel", \.dropped),
        ("errors", "Errors of clients' sockets", \.errors),
      ])

  // MARK: Times

  private static let latency: [Figure<Server>] =
    quantiles("hit", "of hits, until they were sent") { $1($0.worker.value.seen.value.hits) }
    + quantiles("miss", "of misses, until they were answered") {
      $1($0.worker.value.seen.value.misses)
    }
    + [
      Figure(histogram: "hit_seconds", "From reading a query until its hit was sent") {
        $1($0.worker.value.seen.value.hits)
      },
      Figure(histogram: "miss_seconds", "How long clients waited for what was asked upstream") {
        $1($0.worker.value.seen.value.misses)
      },
    ]

  /// Lends a histogram for a call.
  private typealias Lend = @Sendable (Server, (borrowing LatencyHistogram) -> Void) -> Void

  private static func quantiles(
    _ name: String, _ what: String, _ lend: @escaping Lend
  ) -> [Figure<Server>] {
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)].map { word, share in
      time("latency.\(name)_\(word)_us", "The \(word) \(what)", lend) { $0.quantile(share) }
    } + [time("latency.\(name)_longest_us", "The longest \(what)", lend) { $0.longest }]
  }

  /// A time that Prometheus has from the histogram itself.
  private static func time(
    _ path: String, _ help: String, _ lend: @escaping Lend,
    _ value: @escaping @Sendable (borrowing LatencyHistogram) -> UInt64?
  ) -> Figure<Server> {
    Figure(path, .microseconds, help) { read(value, lend, $0) }
  }

  private static func read(
    _ value: @escaping (borrowing LatencyHistogram) -> UInt64?, _ lend: Lend, _ server: Server
  ) -> StructuredValue {
    var result: UInt64?
    lend(server) { result = value($0) }
    return .count(result)
  }

  private static let loop: [Figure<Server>] =
    [
      Figure("loop.slices", .count, "Slices of work that held up the loop") {
        .count($0.worker.value.slices.wall.count)
      },
      time("loop.slice_p50_us", "The p50 of slices, by the clock", wall) { $0.quantile(0.5) ?? 0 },
      time("loop.slice_p99_us", "The p99 of slices, by the clock", wall) { $0.quantile(0.99) ?? 0 },
      time("loop.longest_slice_us", "The longest slice, by the clock", wall) { $0.longest },
      time("loop.longest_slice_cpu_us", "The longest slice, of the processor", cpu) { $0.longest },
    ] + counts("loop.slice_us", "Slices by the clock", wall)
    + counts("loop.slice_cpu_us", "Slices of the processor", cpu)
    + SliceWork.allCases.map { work in
      Figure(
        "loop.longest_us.\(work.name)", .microseconds,
        "The longest of each kind of work so far",
        metric: .init("loop_longest_slice_seconds", .gauge, [("work", work.name)])
      ) { .count($0.worker.value.slices.longest(work).wall) }
    }
    + SliceWork.allCases.map { work in
      Figure("loop.longest_cpu_us.\(work.name)", .microseconds, "The same, of the processor") {
        .count($0.worker.value.slices.longest(work).cpu)
      }
    } + counts("loop.replies_us", "Ticks in which replies were taken in", replies)
    + [
      time("loop.longest_replies_us", "The longest of them", replies) { $0.longest },
      Figure(histogram: "loop_slice_seconds", "Work that held up the loop, by the clock", wall),
      Figure(histogram: "loop_slice_processor_seconds", "The same, of the processor", cpu),
      Figure(
        histogram: "loop_replies_seconds", "Turns of taking in replies of upstreams", replies),
    ]

  private static let wall: Lend = { $1($0.worker.value.slices.wall) }
  private static let cpu: Lend = { $1($0.worker.value.slices.cpu) }
  private static let replies: Lend = { $1($0.worker.value.slices.replies) }

  /// The powers of two of microseconds that ``counts(_:_:_:)`` tells apart: 16 µs to 16 ms.
  private static let magnitudes = 4...14

  /// How many were shorter than each power of two, and not shorter than the one before.
  private static func counts(
    _ path: String, _ what: String, _ lend: @escaping Lend
  ) -> [Figure<Server>] {
    magnitudes.map { magnitude in
      Figure("\(path).below_\(1 << magnitude)", .count, "\(what), shorter than so many µs") {
        read(
          {
            let less =
              magnitude == magnitudes.lowerBound ? 0 : $0.countBelow(magnitude: magnitude - 1)
            return $0.countBelow(magnitude: magnitude) - less
          }, lend, $0)
      }
    } + [
      Figure("\(path).longer", .count, "\(what), longer than those") {
        read({ $0.count - $0.countBelow(magnitude: magnitudes.upperBound) }, lend, $0)
      }
    ]
  }

  // MARK: The program

  private static let snapshot: [Figure<Server>] = [
    Figure("snapshot.file", .text, "Where the cache is saved") { .text($0.snapshot.path) },
    .counter("snapshot.saves", "Times that the cache was saved") { $0.snapshot.saves },
    .counter("snapshot.failures", "Times that it could not be saved") { $0.snapshot.failures },
    Figure(
      "snapshot.last_saved_unix", .moment, "When it was saved last",
      metric: .init("snapshot_last_saved_timestamp_seconds", .gauge)
    ) { .count($0.snapshot.lastSave.map { Int($0.wallClock) }) },
    Figure(
      "snapshot.last_bytes", .bytes, "The size of the last snapshot",
      metric: .init("snapshot_last_saved_bytes", .gauge)
    ) { .count($0.snapshot.lastSave?.octets) },
    Figure(
      "snapshot.loaded_records", .count, "Records loaded at the start",
      metric: .init("snapshot_loaded_records", .gauge)
    ) { .count($0.snapshot.loadResult?.restored) },
    Figure(
      "snapshot.damaged_places", .count, "Damaged places found at the start",
      metric: .init("snapshot_damaged_places", .gauge)
    ) { .count($0.snapshot.loadResult?.damaged) },
    Figure(
      "snapshot.is_loading", .flag, "Whether a snapshot is being loaded",
      metric: .init("snapshot_loading", .gauge)
    ) { .flag($0.snapshot.isLoading) },
    Figure(
      "snapshot.is_saving", .flag, "Whether one is being saved",
      metric: .init("snapshot_saving", .gauge)
    ) { .flag($0.snapshot.isSaving) },
    Figure("snapshot.not_saved_because", .text, "Why the cache is not saved") {
      .optional($0.snapshot.reasonNotSaved)
    },
  ]

  private static func http(
    _ group: String, _ name: String, _ http: @escaping @Sendable (Server) -> HTTPServer?
  ) -> [Figure<Server>] {
    [
      .gauge("\(group).connections", "Connections to \(name)") { http($0)?.connectionCount },
      .gauge(
        "\(group).limit", "Connections to \(name) that may be open",
        metric: "\(group)_connections_limit"
      ) { http($0)?.limits.connections },
    ]
      + counters(
        group, of: { http($0)?.counters },
        [
          ("accepted", "Connections to \(name) taken", \.accepted),
          ("requests", "Requests of \(name)", \.requests),
          ("timed_out", "Connections to \(name) closed for their slowness", \.timedOut),
          ("limit_reached", "Connections to \(name) closed for new ones", \.displaced),
        ])
  }

  private static let web =
    counters(
      "http", of: { $0.web?.counters },
      [
        ("refused_host", "Requests that named another server", \.hosts),
        ("refused_origin", "Requests of other servers' pages", \.origins),
        ("refused_token", "Requests without the token", \.tokens),
      ]) + refusedForm("http") { $0.web?.http }

  private static func refusedForm(
    _ group: String, _ http: @escaping @Sendable (Server) -> HTTPServer?
  ) -> [Figure<Server>] {
    counters(
      group, of: { http($0)?.counters },
      [("refused_form", "Requests that are malformed", \.refused)])
  }

  private static let log: [Figure<Server>] =
    counters(
      "log", of: { $0.log.output.counters },
      [
        ("lines", "Lines of the log", \.lines),
        ("lines_dropped", "Lines that found the buffer full", \.dropped),
        ("write_failures", "Writes of the log that failed", \.failures),
      ])
    + [
      .counter("log.repeats_held", "Lines held back since they repeat others") { $0.log.held },
      .gauge("log.buffer_bytes", "What waits for the reader of the log", .bytes) {
        $0.log.output.count
      },
      .gauge("log.buffer_limit_bytes", "What may wait for the reader of the log", .bytes) {
        $0.log.output.capacity
      },
    ]

  private static let network: [Figure<Server>] = [
    .gauge("network.listeners", "Addresses that are listened on") { $0.listeners.addresses.count },
    .gauge("network.listeners_missing", "Of them, those that this host doesn't have at present") {
      $0.listeners.missing.count
    },
    .counter("network.followed_limit_reached", "Times that interfaces had too many addresses") {
      $0.listeners.followedCut
    },
    .gauge("network.local_networks", "Networks that this host's interfaces are in") {
      $0.localNetworks.networks.count
    },
    .counter("network.local_networks_limit_reached", "Times that there were too many of them") {
      $0.localNetworksCut
    },
  ]

  private static let process: [Figure<Server>] = [
    Figure(
      nil, .text, "What runs here",
      metric: .init("info", .gauge, [("version", DNSCacheServer.version)])
    ) { _ in .count(1) },
    Figure(
      nil, .moment, "When it was started, in seconds since 1970",
      metric: .init("start_time_seconds", .gauge)
    ) { .number($0.history.since) },
    Figure(
      nil, .bytes, "Memory of the process that is resident",
      metric: .init("resident_memory_bytes", .gauge)
    ) { _ in .count(Process.residentOctets) },
  ]

  // MARK: Rows

  /// Counters of one group that stand together; the metric of each is named by group and name.
  ///
  /// - Parameter part: what they are read from; nil when it isn't there at present.
  private static func counters<Part>(
    _ group: String, metrics prefix: String? = nil, of part: @escaping @Sendable (Server) -> Part?,
    _ rows: [(name: String, help: String, path: KeyPath<Part, UInt64> & Sendable)]
  ) -> [Figure<Server>] {
    rows.map { name, help, path in
      .counter(
        "\(group).\(name)", help,
        metric: .init("\(prefix ?? group)_\(name)_total", .counter)
      ) { part($0)?[keyPath: path] }
    }
  }

  // MARK: What is lent

  private static func service(_ server: Server) -> ServiceCounters {
    server.worker.value.service.counters
  }

  private static func resolver(_ server: Server) -> ResolverCounters {
    server.worker.value.resolver.counters
  }

  /// Those of all listeners, closed ones, too.
  private static func datagrams(_ server: Server) -> DatagramCounters {
    var sum = server.worker.value.pastDatagrams
    for socket in server.worker.value.datagrams { sum.add(socket.counters) }
    return sum
  }
}
