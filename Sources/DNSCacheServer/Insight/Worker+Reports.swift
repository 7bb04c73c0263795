import DNSCache
import DNSFrontend
import DNSResolver
import DNSWire
import EventLoop

// What control shows of the worker.

extension Worker {
  /// Seconds on the cache's clock.
  static func seconds() -> UInt32 { UInt32(truncatingIfNeeded: EventLoop.now() / 1_000) }

  /// Every counter; the names are part of the interface.
  func statistics(snapshot: Report, others: [(name: String, value: Report)]) -> Report {
    let stored = cache.counters
    let queries = frontend.counters
    let asked = resolver.counters
    let clients = self.streams
    let accepted = clients?.counters ?? ClientStreams.Counters()
    let streams = upstreamStreams?.counters ?? UpstreamStreams.Counters()
    var sockets = pastDatagrams
    for socket in datagrams { sockets.add(socket.counters) }
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
            ("records", .count(cache.recordCount)),
            ("rrsets", .count(cache.setCount)),
            ("names", .count(cache.nameCount)),
            ("addresses", .count(cache.addressCount)),
            ("bytes", .count(cache.octets)),
            ("limit_bytes", .count(cache.limits.octets)),
            ("hits", .count(queries.hits)), ("misses", .count(queries.misses)),
            ("stale", .count(queries.stale)), ("rebind_blocked", .count(queries.rebindBlocked)),
            ("prefetches", .count(queries.prefetches)),
            ("prefetch_limit_reached", .count(queries.prefetchLimit)),
            ("inserted", .count(stored.inserted)), ("evictions", .count(stored.evictions)),
            ("expired", .count(stored.expired)), ("outranked", .count(stored.outranked)),
            ("no_room", .count(stored.noRoom)), ("large_rrsets", .count(stored.largeSets)),
            ("rrsets_per_name_limit", .count(stored.setsPerNameLimit)),
            ("sources", .count(cache.sourceCount)),
            ("sources_limit_reached", .count(stored.sourcesLimit)),
          ])
        ),
        (
          "inflight",
          .object([
            ("now", .count(resolver.inFlight)),
            ("waiting", .count(resolver.waiting)),
            ("limit", .count(resolver.settings.inFlightLimit)),
            ("limit_reached", .count(asked.inFlightLimit)),
            ("displaced", .count(asked.displaced)),
            ("pending_limit_reached", .count(queries.pendingLimit)),
          ])
        ),
        (
          "upstream",
          .object([
            ("asked", .count(asked.asked)), ("joined", .count(asked.joined)),
            ("answered", .count(asked.answered)), ("failed", .count(asked.failed)),
            ("retries", .count(asked.retries)), ("late", .count(asked.late)),
            ("tcp", .count(asked.streams)), ("errors", .count(asked.errors)),
            ("unreachable", .count(asked.unreachable)),
            ("mismatched", .count(asked.mismatched)),
            ("mismatch_limit_reached", .count(asked.suspected)),
            ("other_case", .count(asked.otherCase)),
            ("cookie_mismatched", .count(asked.cookieMismatches)),
            ("cookie_missing", .count(asked.cookiesMissing)),
            ("bad_cookie", .count(asked.badCookies)),
            ("looped", .count(asked.looped)), ("malformed", .count(asked.malformed)),
            ("oversized", .count(asked.oversized)),
            ("rebind_blocked", .count(asked.rebound)),
            ("out_of_bailiwick", .count(asked.outOfBailiwick)),
            ("tcp_connections", .count(upstreamStreams?.count ?? 0)),
            ("tcp_connected", .count(streams.made)), ("tcp_reused", .count(streams.reused)),
            ("tcp_shared", .count(streams.shared)), ("tcp_repeated", .count(streams.repeated)),
            ("tcp_unexpected", .count(streams.unexpected)),
            ("tcp_silent", .count(streams.silent)),
            ("tcp_limit_reached", .count(streams.limited)),
            ("tcp_queue_limit_reached", .count(streams.queueLimit)),
            ("explored", .count(asked.explored)), ("probes", .count(asked.probes)),
            ("downs", .count(asked.downs)), ("recoveries", .count(asked.recoveries)),
            ("fallbacks", .count(asked.fallbacks)),
            ("without_edns", .count(asked.withoutEDNS)),
            ("without_cookies", .count(asked.withoutCookies)),
            ("without_letter_case", .count(asked.lowerCase)),
            ("without_large_replies", .count(asked.small)),
            ("without_udp", .count(asked.overStream)),
            ("bare_limit_reached", .count(asked.bareIgnored)),
            ("all_down", .count(asked.allDown)),
            ("let_through", .count(asked.trials)),
            ("failed_before", .count(asked.failedBefore)),
            ("failures_remembered", .count(resolver.failureCount)),
            ("failures_limit", .count(Resolver.failureLimit)),
            ("failures_limit_reached", .count(asked.failuresDisplaced)),
            ("sockets", .count(upstreams?.openCount ?? 0)),
            ("sockets_reopened", .count(upstreams?.counters.reopened ?? 0)),
            ("pools_renewed", .count(upstreams?.counters.poolsRenewed ?? 0)),
            ("network_changes", .count(networkWatch?.changes ?? 0)),
            ("sockets_renewed", .count(upstreams?.counters.renewed ?? 0)),
            ("sockets_used_up", .count(upstreams?.counters.usedUp ?? 0)),
            ("sockets_overused", .count(upstreams?.counters.overused ?? 0)),
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
            ("turn_limit_reached", .count(clients?.turns.cutShort ?? 0)),
            ("most_messages_in_a_turn", .count(clients?.turns.mostMessages ?? 0)),
          ])
        ),
        (
          "udp",
          .object([
            ("received", .count(sockets.received)), ("sent", .count(sockets.sent)),
            ("dropped", .count(sockets.dropped)), ("errors", .count(sockets.errors)),
          ])
        ),
        ("latency", latencyReport),
        ("loop", .object(slices.report)),
        ("snapshot", snapshot),
      ] + others)
  }

  /// Rows of one report at most: more would hold up the loop for longer than a slice may.
  static let rowsShown = 1_000

  /// Rows, the first of more when ``isCut``.
  struct Rows {
    var rows: [Report]
    var isCut: Bool
  }

  /// What is in flight, oldest first.
  func inFlightReport() -> Rows {
    let now = EventLoop.now()
    var times: [UInt64] = []
    resolver.visitInFlight { view, _ in times.append(view.started) }
    times.sort()
    let isCut = times.count > Worker.rowsShown
    let last = isCut ? times[Worker.rowsShown - 1] : UInt64.max
    var rows: [(started: UInt64, row: Report)] = []
    resolver.visitInFlight { view, name in
      guard view.started <= last, rows.count < Worker.rowsShown else { return }
      rows.append(
        (
          view.started,
          .object([
            ("name", .text(Worker.text(name))), ("type", .text("\(view.type)")),
            ("flags", .text(view.needs.words.joined(separator: " "))),
            ("ms", .count(now &- view.started)), ("attempts", .count(view.attempts)),
            ("upstream", .count(view.upstream)), ("waiting", .count(view.waiters)),
            ("transport", .text(view.isStreaming ? "tcp" : "udp")),
          ])
        ))
    }
    return Rows(rows: rows.sorted { $0.started < $1.started }.map(\.row), isCut: isCut)
  }

  // MARK: The cache

  /// What is known of a name, a row for each record.
  mutating func showReport(_ name: Name, _ type: RecordType?) -> Rows {
    let key = self.key(name)
    let now = Worker.seconds()
    var sets: [RRset] = []
    cache.visitSets(of: key, stale: true, now: now) { set in
      if type == nil || set.type == type || set.kind == .noName { sets.append(set) }
    }
    var shown = Rows(rows: [], isCut: false)
    for set in sets {
      shown.isCut = shown.rows.count >= Worker.rowsShown
      if shown.isCut { break }
      shown.rows += rows(set, owner: "\(name.lowercased)", wire: name.wire, now: now)
    }
    return shown
  }

  /// The rows of an RRset or negative fact.
  private func rows(_ set: RRset, owner: String, wire: [UInt8], now: UInt32) -> [Report] {
    let left = Int(set.expiry) - Int(now)
    let flags = set.marks.words.joined(separator: " ")
    func row(_ type: String, _ data: String, owner: String = owner) -> Report {
      .object([
        ("name", .text(owner)), ("ttl", .count(max(left, 0))),
        // Seconds since its time was over.
        ("stale", left > 0 ? .none : .count(-left)), ("type", .text(type)),
        ("rank", .text(set.rank.word)), ("section", .text("\(set.section)")),
        ("upstream", sourceReport(set.source)),
        ("flags", .text(flags)), ("data", .text(data)),
      ])
    }
    var rows: [Report] = []
    switch set.kind {
    case .records:
      cache.visitRecords(of: set) { data in
        rows.append(row("\(set.type)", RDataText.text(type: set.type, rdata: data)))
      }
    case .noData, .noName:
      var soa = "no SOA"
      cache.visitRecords(of: set) { data in
        soa = "SOA " + RDataText.text(type: .soa, rdata: data)
      }
      let isName = set.kind == .noName
      rows.append(row(isName ? "ANY" : "\(set.type)", (isName ? "NXDOMAIN " : "NODATA ") + soa))
    }
    let signed =
      cache.zoneOffset(of: set).map { Worker.text(wire.span.extracting($0..<wire.count)) }
      ?? owner
    cache.visitSignatures(of: set) { data in
      rows.append(row("RRSIG", RDataText.text(type: .rrsig, rdata: data), owner: signed))
    }
    cache.visitProof(of: set) { owner, type, data in
      rows.append(
        row("\(type)", RDataText.text(type: type, rdata: data), owner: Worker.text(owner)))
    }
    return rows
  }

  /// The names that have an address.
  func namesReport(_ address: IPAddress) -> Rows {
    var names = Rows(rows: [], isCut: false)
    cache.visitNames(
      high: address.isIPv4 ? 0 : address.high, low: address.low, isIPv4: address.isIPv4,
      now: Worker.seconds()
    ) { name in
      names.isCut = names.rows.count == Worker.rowsShown
      if !names.isCut { names.rows.append(.object([("name", .text(Worker.text(name)))])) }
      return !names.isCut
    }
    return names
  }

  /// The next rows of a dump, at most those of some names.
  mutating func dumpRows(_ cursor: Cache.Cursor, names count: Int) -> (rows: [Report], done: Bool) {
    let now = Worker.seconds()
    var found: [(owner: [UInt8], set: RRset)] = []
    var owner: [UInt8] = []
    let isDone = cache.walk(
      cursor, names: count, now: now,
      name: { name in
        owner = name.indices.map { name[$0] }
        return true
      },
      { found.append((owner, $0)) })
    return (
      found.flatMap { rows($0.set, owner: Worker.text($0.owner.span), wire: $0.owner, now: now) },
      isDone
    )
  }

  /// A key for a name, made for this worker's cache.
  func key(_ name: Name) -> NameKey {
    var key = NameKey(seed: cache.seed)
    key.load(trusted: name.wire.span)
    return key
  }

  /// A name in wire form as text.
  static func text(_ name: Span<UInt8>) -> String {
    (try? Name(wire: name)).map { "\($0)" } ?? "?"
  }
}

extension Worker {
  /// A row of a dump as a line of a zone file; rank and section as a comment.
  static func zoneLine(_ row: Report) -> String {
    guard case .object(let members) = row else { return "" }
    func value(_ name: String) -> String {
      guard let value = members.first(where: { $0.name == name })?.value else { return "" }
      return value.text.dropLast().description
    }
    let isNegative = value("data").hasPrefix("NXDOMAIN") || value("data").hasPrefix("NODATA")
    let record =
      "\(value("name"))\t\(value("ttl"))\tIN\t\(value("type"))\t\(value("data"))"
    return "\(isNegative ? "; " : "")\(record)\t; \(value("rank")) \(value("section"))\n"
  }
}
