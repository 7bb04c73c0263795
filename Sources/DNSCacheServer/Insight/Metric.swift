import Observability

/// A figure of `ctl stats` as Prometheus is told it.
///
/// Every figure of ``Worker/statistics(snapshot:others:)`` has a row in ``all``, times of the loop and of answers
/// aside, which are histograms; a test fails when one is missing.
struct Metric {
  /// Where it stands in `ctl stats`.
  let path: String
  /// Without the prefix; rows of one name stand together.
  let name: String
  let kind: PrometheusText.Kind
  /// One sentence without its full stop.
  let help: String
  let labels: [(name: String, value: String)]

  /// What every name begins with.
  static let prefix = "dns_cache_server_"

  /// Something that is counted: the name is the path's with `_total`.
  private static func counter(
    _ path: String, _ help: String, name: String? = nil,
    _ labels: [(name: String, value: String)] = []
  ) -> Metric {
    Metric(
      path: path, name: (name ?? plain(path)) + "_total", kind: .counter, help: help,
      labels: labels)
  }

  /// Something that goes up and down: the name is the path's.
  private static func gauge(_ path: String, _ help: String, name: String? = nil) -> Metric {
    Metric(path: path, name: name ?? plain(path), kind: .gauge, help: help, labels: [])
  }

  private static func plain(_ path: String) -> String {
    String(path.map { $0 == "." ? "_" : $0 })
  }

  /// Every figure, in the order in which it is written.
  static let all: [Metric] =
    queries + clients + cache + inFlight + upstream + tcp + udp + snapshot
    + network + http("control", "the control socket") + http("http", "HTTP over TCP") + web

  private static let queries: [Metric] = [
    counter("queries.udp", "Queries that came", name: "queries", [("transport", "udp")]),
    counter("queries.tcp", "Queries that came", name: "queries", [("transport", "tcp")]),
    counter("queries.local", "Queries answered without cache or upstream"),
    counter("queries.special", "Queries for names that are answered here, as localhost"),
    counter("queries.refused", "Queries answered with an error at once"),
    counter("queries.limited", "Queries over a limit of what one client may ask"),
    counter("queries.not_allowed", "Queries of clients outside the networks that are served"),
    counter("queries.ignored", "Packets that are no queries, not answered"),
    counter("queries.failures", "Queries answered with SERVFAIL"),
    counter("queries.truncated", "Answers cut to fit in a datagram"),
  ]

  private static let clients: [Metric] = [
    counter("clients.rate_limit_reached", "Queries over the rate of one client"),
    counter("clients.misses_limit_reached", "Misses and errors over the rate of one client"),
    counter("clients.in_flight_limit_reached", "Queries over one client's share in flight"),
    counter(
      "clients.amplification_limit_reached",
      "Answers withheld from an address that may be forged"),
    counter("clients.limited_unanswered", "Queries over a limit that were not answered"),
  ]

  private static let network: [Metric] = [
    gauge("network.listeners", "Addresses that are listened on"),
    gauge("network.listeners_missing", "Of them, those that this host doesn't have at present"),
    counter("network.followed_limit_reached", "Times that interfaces had too many addresses"),
    gauge("network.local_networks", "Networks that this host's interfaces are in"),
    counter("network.local_networks_limit_reached", "Times that there were too many of them"),
  ]

  private static let cache: [Metric] = [
    gauge("cache.records", "Records in the cache"),
    gauge("cache.rrsets", "RRsets and negative facts in the cache"),
    gauge("cache.names", "Names in the cache"),
    gauge("cache.addresses", "Different addresses in the cache"),
    gauge("cache.bytes", "Memory that the cache holds"),
    gauge("cache.limit_bytes", "Memory that the cache may hold"),
    counter("cache.hits", "Queries answered from the cache at once"),
    counter("cache.misses", "Queries that had to wait for upstream"),
    counter("cache.stale", "Misses answered with data whose time was over"),
    counter("cache.rebind_blocked", "Answers withheld because they held a local address"),
    counter("cache.prefetches", "Questions asked upstream before their answers were over"),
    counter("cache.prefetch_limit_reached", "Questions not asked early because too many were"),
    counter("cache.inserted", "RRsets and negative facts taken into the cache"),
    counter("cache.evictions", "Names removed to make room"),
    counter("cache.expired", "RRsets and negative facts given up for their age"),
    counter("cache.outranked", "RRsets not taken because what is there is trusted as much"),
    counter("cache.no_room", "RRsets that found no room"),
    counter("cache.large_rrsets", "RRsets that are used once for lack of room in one piece"),
    gauge("cache.sources", "Upstreams that data in the cache is known to come from"),
    counter("cache.sources_limit_reached", "Upstreams not remembered because too many were"),
    counter("cache.rrsets_per_name_limit", "RRsets not taken because their name has too many"),
  ]

  private static let inFlight: [Metric] = [
    gauge("inflight.now", "Questions in flight", name: "in_flight_questions"),
    gauge("inflight.waiting", "Clients that wait for a question", name: "in_flight_clients"),
    gauge(
      "inflight.limit", "Questions that may be in flight", name: "in_flight_questions_limit"),
    counter(
      "inflight.limit_reached", "Questions not asked because too many were in flight",
      name: "in_flight_limit_reached"),
    counter(
      "inflight.displaced", "Questions that gave way to new ones", name: "in_flight_displaced"),
    counter(
      "inflight.budget_limit_reached", "Questions that cost too many packets or octets",
      name: "in_flight_budget_limit_reached"),
    counter(
      "inflight.pending_limit_reached", "Queries failed because too many waited",
      name: "in_flight_pending_limit_reached"),
  ]

  private static let upstream: [Metric] = [
    counter("upstream.asked", "Questions asked upstream"),
    counter("upstream.joined", "Queries that joined a question in flight"),
    counter("upstream.answered", "Questions that had an answer"),
    counter("upstream.failed", "Questions that had none"),
    counter("upstream.retries", "Questions sent again for want of a reply"),
    counter("upstream.late", "Replies to an earlier packet than the last"),
    counter("upstream.tcp", "Questions asked over TCP", name: "upstream_tcp_questions"),
    counter("upstream.errors", "Replies with an error, or with what is no answer"),
    counter("upstream.unreachable", "Packets and connections that the network refused"),
    counter("upstream.mismatched", "Packets that answer nothing that was asked"),
    counter("upstream.mismatch_limit_reached", "Questions moved to TCP because somebody guessed"),
    counter("upstream.spoof_move_limit_reached", "Guesses too many to move a question to TCP"),
    counter("upstream.other_case", "Replies whose name had another letter case"),
    counter("upstream.cookie_mismatched", "Replies with a wrong cookie"),
    counter("upstream.cookie_missing", "Replies without the cookie that was due"),
    counter("upstream.bad_cookie", "Questions that an upstream wanted with a new cookie"),
    counter("upstream.looped", "Queries of this server that came back to it as a client's"),
    counter("upstream.malformed", "Replies that are malformed"),
    counter("upstream.oversized", "Replies over UDP larger than what was offered"),
    counter("upstream.rebind_blocked", "Names of the internet that led to local addresses"),
    counter("upstream.out_of_bailiwick", "Records left out that the zone may not tell"),
    gauge("upstream.tcp_connections", "TCP connections to upstreams"),
    counter("upstream.tcp_connected", "TCP connections made to upstreams"),
    counter("upstream.tcp_reused", "Questions that found a TCP connection open"),
    counter("upstream.tcp_shared", "Questions sent behind others on a TCP connection"),
    counter("upstream.tcp_repeated", "Questions asked on a second TCP connection"),
    counter("upstream.tcp_unexpected", "Messages over TCP that answer nothing asked there"),
    counter("upstream.tcp_silent", "TCP connections found silent for a second"),
    counter("upstream.tcp_limit_reached", "Questions that had to wait for a TCP connection"),
    counter("upstream.tcp_queue_limit_reached", "Questions failed because too many waited so"),
    counter("upstream.explored", "Questions sent to another upstream than the best"),
    counter("upstream.probes", "Packets that asked whether an upstream is back"),
    counter("upstream.downs", "Times that an upstream was taken as down"),
    counter("upstream.recoveries", "Times that one came back"),
    counter("upstream.fallbacks", "Times that an upstream did not understand something"),
    counter("upstream.without_edns", "Times that one was asked without EDNS from then on"),
    counter("upstream.without_cookies", "The same, without cookies"),
    counter("upstream.without_letter_case", "The same, in lower case"),
    counter("upstream.without_large_replies", "The same, offered 512 octets"),
    counter("upstream.without_udp", "The same, over TCP alone"),
    counter("upstream.bare_limit_reached", "Headers without a question not believed"),
    counter("upstream.all_down", "Questions failed at once because all upstreams were down"),
    counter("upstream.let_through", "Questions sent although all upstreams were down"),
    counter("upstream.failed_before", "Questions failed at once because they had before"),
    gauge("upstream.failures_remembered", "Questions whose failure is remembered"),
    gauge("upstream.failures_limit", "Questions whose failure may be remembered"),
    counter("upstream.failures_limit_reached", "Failures forgotten for newer ones"),
    gauge("upstream.sockets", "Sockets to upstreams"),
    counter("upstream.sockets_reopened", "Sockets that could not send any more"),
    counter("upstream.pools_renewed", "Times that an upstream's sockets were all renewed"),
    counter("upstream.network_changes", "Times that the kernel told of a changed network"),
    counter("upstream.sockets_renewed", "Sockets given up for their age"),
    counter("upstream.sockets_used_up", "Sockets given up after many queries"),
    counter("upstream.sockets_overused", "Queries from sockets that were due to be given up"),
  ]

  private static let tcp: [Metric] = [
    gauge("tcp.connections", "TCP connections of clients"),
    gauge(
      "tcp.limit", "TCP connections of clients that may be open", name: "tcp_connections_limit"),
    counter("tcp.accepted", "TCP connections of clients taken"),
    counter("tcp.limit_reached", "TCP connections closed for new ones"),
    gauge(
      "tcp.per_client_limit", "TCP connections that one client may have open",
      name: "tcp_connections_per_client_limit"),
    counter("tcp.per_client_limit_reached", "TCP connections closed for newer ones of a client"),
    counter("tcp.timed_out", "TCP connections of clients closed for their idleness"),
    counter("tcp.closed_early", "Idle TCP connections closed because many were open"),
    counter("tcp.pipeline_limit_reached", "Times that a client had too many queries under way"),
    counter("tcp.unread_limit_reached", "TCP connections closed whose client did not read"),
    gauge("tcp.buffer_bytes", "Memory for half messages and unread answers of TCP clients"),
    gauge("tcp.buffer_limit_bytes", "What these may take"),
    counter("tcp.buffer_limit_reached", "TCP connections closed because it was too much"),
    counter(
      "tcp.turn_limit_reached",
      "Ticks of the loop that left messages on streams, or HTTP requests, to the next"),
    gauge(
      "tcp.most_messages_in_a_turn",
      "Most messages on streams in one tick of the loop; an HTTP request counts as 32"),
  ]

  private static let udp: [Metric] = [
    counter("udp.received", "Datagrams of clients read"),
    counter("udp.sent", "Datagrams sent to clients"),
    counter("udp.dropped", "Answers dropped because too many waited for the kernel"),
    counter("udp.errors", "Errors of clients' sockets"),
  ]

  private static func http(_ place: String, _ name: String) -> [Metric] {
    [
      gauge("\(place).connections", "Connections to \(name)"),
      gauge(
        "\(place).limit", "Connections to \(name) that may be open",
        name: "\(place)_connections_limit"),
      counter("\(place).accepted", "Connections to \(name) taken"),
      counter("\(place).requests", "Requests of \(name)"),
      counter("\(place).timed_out", "Connections to \(name) closed for their slowness"),
      counter("\(place).limit_reached", "Connections to \(name) closed for new ones"),
    ]
  }

  private static let web: [Metric] = [
    counter("http.refused_host", "Requests that named another server"),
    counter("http.refused_origin", "Requests of other servers' pages"),
    counter("http.refused_token", "Requests without the token"),
    counter("http.refused_form", "Requests that are malformed"),
    counter("log.lines", "Lines of the log"),
    counter("log.lines_dropped", "Lines that found the buffer full"),
    counter("log.repeats_held", "Lines held back since they repeat others"),
    counter("log.write_failures", "Writes of the log that failed"),
    gauge("log.buffer_bytes", "What waits for the reader of the log"),
    gauge("log.buffer_limit_bytes", "What may wait for the reader of the log"),
  ]

  private static let snapshot: [Metric] = [
    counter("snapshot.saves", "Times that the cache was saved"),
    counter("snapshot.failures", "Times that it could not be saved"),
    gauge(
      "snapshot.last_saved_unix", "When it was saved last",
      name: "snapshot_last_saved_timestamp_seconds"),
    gauge(
      "snapshot.last_bytes", "The size of the last snapshot", name: "snapshot_last_saved_bytes"),
    gauge("snapshot.loaded_records", "Records loaded at the start"),
    gauge("snapshot.damaged_places", "Damaged places found at the start"),
    gauge("snapshot.is_loading", "Whether a snapshot is being loaded", name: "snapshot_loading"),
    gauge("snapshot.is_saving", "Whether one is being saved", name: "snapshot_saving"),
  ]
}
