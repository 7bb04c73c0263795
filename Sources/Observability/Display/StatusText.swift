/// What `ctl status` prints for a person: whether names can be resolved, first of all.
package struct StatusText {
  package let text: String

  /// Columns of the words on the left.
  private static let margin = 12
  /// What is shown in words of its own; all else that a server says is shown as it is.
  private static let shown: Set<String> = [
    "health", "resolves", "version", "pid", "uptime_seconds", "listening", "upstreams", "cache",
    "inflight", "snapshot", "local",
  ]

  /// Lays out what a server says of itself.
  package init(
    status: StructuredValue, stats: StructuredValue, upstreams: StructuredValue, _ display: Display
  ) {
    var text = ""
    func add(_ label: String, _ items: [String]) {
      text += display.list(label, items, width: StatusText.margin)
    }
    if let health = status["health"]?.string {
      add("health", health.split(separator: ", ").map(String.init))
    }
    add(
      "server",
      [
        "dns-cache-server \(status["version"]?.string ?? "?")", "pid \(status.number("pid") ?? 0)",
        "up \(NumberText.age(status.number("uptime_seconds") ?? 0))",
      ])
    add("upstreams", StatusText.health(upstreams, display))
    add("listening", status["listening"]?.elements.compactMap(\.string) ?? [])
    add("queries", StatusText.queries(stats))
    func cache(_ name: String) -> Int64 { status.number("cache.\(name)") ?? 0 }
    add(
      "cache",
      [
        "\(NumberText.size(cache("bytes"))) of \(NumberText.size(cache("limit_bytes")))",
        NumberText.count(cache("names"), "name", "names"),
        NumberText.count(cache("records"), "record", "records"),
      ])
    add(
      "in flight", [NumberText.count(status.number("inflight") ?? 0, "question", "questions")])
    add("snapshot", StatusText.snapshot(status["snapshot"], display))
    if let local = status["local"] { add("local", StatusText.local(local, stats)) }
    for (name, value) in status.members where !StatusText.shown.contains(name) {
      let separator = value.elements.isEmpty ? "; " : " "
      add(name, [value.text.split(separator: "\n").joined(separator: separator)])
    }
    self.text = text
  }

  /// Each upstream with its state.
  private static func health(_ upstreams: StructuredValue, _ display: Display) -> [String] {
    let rows = upstreams.elements.map { row in
      let state = row["state"]?.string ?? "?"
      let time = row.number("rtt_ms").map { $0 == 0 ? "below 1 ms" : "\($0) ms" }
      let speed = state == "up" ? " (\(time ?? "not asked yet"))" : ""
      return "\(row["address"]?.string ?? "?") \(state)\(speed)"
    }
    return rows.isEmpty ? ["none"] : rows
  }

  /// The LAN's own names, and what is wrong with their sources.
  private static func local(_ sources: StructuredValue, _ stats: StructuredValue) -> [String] {
    let wrong = sources.elements.compactMap { source -> String? in
      guard let state = source["state"]?.string, state != "read" else { return nil }
      return "\(source["source"]?.string ?? "?"): \(state)"
    }
    return [NumberText.count(stats.number("local.names") ?? 0, "name", "names")] + wrong
  }

  private static func queries(_ stats: StructuredValue) -> [String] {
    func stat(_ path: String) -> Int64 { stats.number(path) ?? 0 }
    let all = stat("queries.udp") + stat("queries.tcp")
    guard all > 0 else { return ["none yet"] }
    return [
      NumberText.count(all), "\(NumberText.percent(stat("cache.hits"), of: all)) from the cache",
      "\(NumberText.percent(stat("cache.misses"), of: all)) asked upstream",
      NumberText.count(stat("queries.failures"), "failure", "failures"),
    ]
  }

  private static func snapshot(_ snapshot: StructuredValue?, _ display: Display) -> [String] {
    guard let snapshot else { return ["-"] }
    var items: [String] = []
    if let reason = snapshot["not_saved_because"]?.string { items.append("not saved: \(reason)") }
    if let moment = snapshot.number("last_saved_unix") {
      items.append("saved \(NumberText.ago(moment, now: display.now))")
      if let bytes = snapshot.number("last_bytes") { items.append(NumberText.size(bytes)) }
    } else {
      items.append("not saved yet")
    }
    if snapshot.flag("is_saving") { items.append("being saved") }
    if snapshot.flag("is_loading") { items.append("being loaded") }
    if let records = snapshot.number("loaded_records") {
      items.append("\(NumberText.count(records, "record", "records")) loaded at the start")
    }
    if let damaged = snapshot.number("damaged_places"), damaged > 0 {
      items.append(NumberText.count(damaged, "damaged place", "damaged places"))
    }
    if let failures = snapshot.number("failures"), failures > 0 {
      items.append(NumberText.count(failures, "failed save", "failed saves"))
    }
    return items + [snapshot["file"]?.string ?? "?"]
  }
}
