import DNSCache
import DNSExchange
import DNSResolver
import DNSService
import Memory
import Observability

/// What `ctl stats` shows.
enum Statistics {
  /// Every counter; the names are part of the interface.
  static func report(
    of worker: borrowing Worker, snapshot: StructuredValue,
    others: [(name: String, value: StructuredValue)]
  ) -> StructuredValue {
    let stored = worker.cache.counters
    let queries = worker.service.counters
    let asked = worker.resolver.counters
    let exchanged = worker.resolver.exchanges.counters
    let clients = worker.streams
    let accepted = clients?.counters ?? ClientStreams.Counters()
    let streams = worker.upstreamStreams?.counters ?? UpstreamStreams.Counters()
    var sockets = worker.pastDatagrams
    for socket in worker.datagrams { sockets.add(socket.counters) }
    return .object(
      [
        (
          "queries",
          .object([
            ("udp", .count(queries.udp)), ("tcp", .count(queries.tcp)),
            ("local", .count(queries.local)),
            ("special", .count(queries.special)), ("refused", .count(queries.refused)),
            ("limited", .count(queries.limited)),
            ("not_allowed", .count(queries.notAllowed)), ("ignored", .count(queries.ignored)),
            ("failures", .count(queries.failures)), ("truncated", .count(queries.truncated)),
          ])
        ),
        (
          "clients",
          .object([
            ("rate_limit_reached", .count(queries.queryLimit)),
            ("misses_limit_reached", .count(queries.missLimit)),
            ("in_flight_limit_reached", .count(queries.shareLimit)),
            ("amplification_limit_reached", .count(queries.amplificationLimit)),
            ("limited_unanswered", .count(queries.limitedUnanswered)),
          ])
        ),
        (
          "cache",
          .object([
            ("records", .count(worker.cache.recordCount)),
            ("rrsets", .count(worker.cache.setCount)),
            ("names", .count(worker.cache.nameCount)),
            ("addresses", .count(worker.cache.addressCount)),
            ("bytes", .count(worker.cache.octets)),
            ("limit_bytes", .count(worker.cache.limits.octets)),
            ("hits", .count(queries.hits)), ("misses", .count(queries.misses)),
            ("stale", .count(queries.stale)), ("rebind_blocked", .count(queries.rebindBlocked)),
            ("prefetches", .count(queries.prefetches)),
            ("prefetch_limit_reached", .count(queries.prefetchLimit)),
            ("inserted", .count(stored.inserted)), ("evictions", .count(stored.evictions)),
            ("expired", .count(stored.expired)), ("outranked", .count(stored.outranked)),
            ("no_room", .count(stored.noRoom)), ("large_rrsets", .count(stored.largeSets)),
            ("rrsets_per_name_limit", .count(stored.setsPerNameLimit)),
            ("sources", .count(worker.cache.sourceCount)),
            ("sources_limit_reached", .count(stored.sourcesLimit)),
          ])
        ),
        (
          "inflight",
          .object([
            ("now", .count(worker.resolver.inFlight)),
            ("waiting", .count(worker.service.waitingClients)),
            ("limit", .count(worker.resolver.settings.exchanges.inFlightLimit)),
            ("limit_reached", .count(asked.inFlightLimit)),
            ("displaced", .count(asked.displaced)),
            ("budget_limit_reached", .count(asked.overBudget)),
            ("pending_limit_reached", .count(queries.pendingLimit)),
          ])
        ),
        (
          "upstream",
          .object([
            ("asked", .count(asked.asked)), ("joined", .count(asked.joined)),
            ("answered", .count(asked.answered)), ("failed", .count(asked.failed)),
            ("retries", .count(exchanged.retries)), ("late", .count(exchanged.late)),
            ("tcp", .count(exchanged.streams)), ("errors", .count(exchanged.errors)),
            ("unreachable", .count(exchanged.unreachable)),
            ("mismatched", .count(exchanged.mismatched)),
            ("mismatch_limit_reached", .count(exchanged.suspected)),
            ("spoof_move_limit_reached", .count(exchanged.spoofMovesRefused)),
            ("other_case", .count(exchanged.otherCase)),
            ("cookie_mismatched", .count(exchanged.cookieMismatches)),
            ("cookie_missing", .count(exchanged.cookiesMissing)),
            ("bad_cookie", .count(exchanged.badCookies)),
            ("looped", .count(exchanged.looped)), ("malformed", .count(exchanged.malformed)),
            ("oversized", .count(exchanged.oversized)),
            ("rebind_blocked", .count(asked.rebound)),
            ("out_of_bailiwick", .count(asked.outOfBailiwick)),
            ("tcp_connections", .count(worker.upstreamStreams?.count ?? 0)),
            ("tcp_connected", .count(streams.made)), ("tcp_reused", .count(streams.reused)),
            ("tcp_shared", .count(streams.shared)), ("tcp_repeated", .count(streams.repeated)),
            ("tcp_unexpected", .count(streams.unexpected)),
            ("tcp_silent", .count(streams.silent)),
            ("tcp_limit_reached", .count(streams.limited)),
            ("tcp_queue_limit_reached", .count(streams.queueLimit)),
            ("explored", .count(exchanged.explored)), ("probes", .count(exchanged.probes)),
            ("downs", .count(exchanged.downs)), ("recoveries", .count(exchanged.recoveries)),
            ("fallbacks", .count(exchanged.fallbacks)),
            ("without_edns", .count(exchanged.withoutEDNS)),
            ("without_cookies", .count(exchanged.withoutCookies)),
            ("without_letter_case", .count(exchanged.lowerCase)),
            ("without_large_replies", .count(exchanged.small)),
            ("without_udp", .count(exchanged.overStream)),
            ("bare_limit_reached", .count(exchanged.bareIgnored)),
            ("all_down", .count(asked.allDown)),
            ("let_through", .count(exchanged.trials)),
            ("failed_before", .count(asked.failedBefore)),
            ("failures_remembered", .count(worker.resolver.failureCount)),
            ("failures_limit", .count(Resolver.failureLimit)),
            ("failures_limit_reached", .count(asked.failuresDisplaced)),
            ("sockets", .count(worker.upstreams?.openCount ?? 0)),
            ("sockets_reopened", .count(worker.upstreams?.counters.reopened ?? 0)),
            ("pools_renewed", .count(worker.upstreams?.counters.poolsRenewed ?? 0)),
            ("network_changes", .count(worker.networkWatch?.changes ?? 0)),
            ("sockets_renewed", .count(worker.upstreams?.counters.renewed ?? 0)),
            ("sockets_used_up", .count(worker.upstreams?.counters.usedUp ?? 0)),
            ("sockets_overused", .count(worker.upstreams?.counters.overused ?? 0)),
          ])
        ),
        (
          "tcp",
          .object([
            ("connections", .count(clients?.count ?? 0)),
            ("limit", .count(clients?.limits.connections ?? 0)),
            ("accepted", .count(accepted.accepted)),
            ("limit_reached", .count(accepted.displaced)),
            ("per_client_limit", .count(clients?.limits.connectionsPerClient ?? 0)),
            ("per_client_limit_reached", .count(accepted.displacedByClient)),
            ("timed_out", .count(accepted.timedOut)),
            ("closed_early", .count(accepted.pressed)),
            ("pipeline_limit_reached", .count(accepted.pipelineLimit)),
            ("unread_limit_reached", .count(accepted.unread)),
            ("buffer_bytes", .count(clients?.buffered ?? 0)),
            ("buffer_limit_bytes", .count(clients?.limits.buffers ?? 0)),
            ("buffer_limit_reached", .count(accepted.buffers)),
            ("turn_limit_reached", .count(clients?.budget.cutShort ?? 0)),
            ("most_messages_in_a_turn", .count(clients?.budget.mostMessages ?? 0)),
          ])
        ),
        (
          "udp",
          .object([
            ("received", .count(sockets.received)), ("sent", .count(sockets.sent)),
            ("dropped", .count(sockets.dropped)), ("errors", .count(sockets.errors)),
          ])
        ),
        ("latency", InsightReport.latency(worker.seen.value)),
        ("loop", .object(worker.slices.report)),
        ("snapshot", snapshot),
      ] + others)
  }
}
