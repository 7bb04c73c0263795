/// What `ctl upstreams` prints for a person: a paragraph for each.
package struct UpstreamsText {
  package let text: String

  /// Columns before the lines below an address.
  private static let margin = 4
  /// What is shown in words of its own; all else that a server says is shown as it is.
  private static let shown: Set<String> = [
    "address", "state", "rtt_ms", "variance_ms", "timeout_ms", "inflight", "queries", "replies",
    "timeouts", "errors", "refusals", "tcp", "tcp_connections", "downs", "edns", "cookies",
    "letter_case", "ad", "transport", "without", "without_ms", "last_failure", "last_failure_ms",
    "next_probe_ms",
  ]

  /// Lays out the upstreams.
  package init(_ upstreams: StructuredValue, _ display: Display) {
    let margin = UpstreamsText.margin
    let paragraphs = upstreams.elements.map { row in
      let address = row["address"]?.string ?? "?"
      return display.list(address, UpstreamsText.state(row, display), width: margin)
        + display.list("", UpstreamsText.traffic(row), width: margin)
        + display.list("", UpstreamsText.abilities(row), width: margin)
        + UpstreamsText.lack(row, display)
    }
    text = paragraphs.isEmpty ? "no upstreams\n" : paragraphs.joined(separator: "\n")
  }

  /// Whether it answers, how fast, and what went wrong last.
  private static func state(_ row: StructuredValue, _ display: Display) -> [String] {
    func elapsed(_ name: String) -> String? {
      row.number(name).map { Elapsed.text(milliseconds: UInt64(max(0, $0))) }
    }
    let state = row["state"]?.string ?? "?"
    var items = [state]
    if let time = row.number("rtt_ms") {
      let variance = row.number("variance_ms") ?? 0
      let reach = variance > 0 ? " (\(display.isUnicode ? "±" : "+/-") \(variance))" : ""
      items.append(time == 0 ? "answers in less than 1 ms" : "answers in \(time) ms\(reach)")
    } else {
      items.append("not timed yet")
    }
    if let cause = row["last_failure"]?.string, let age = elapsed("last_failure_ms") {
      items.append("failed \(age) ago: \(cause)")
    }
    if let wait = elapsed("next_probe_ms") { items.append("probed again in \(wait)") }
    let downs = row.number("downs") ?? 0
    if downs > 0 {
      items.append(downs == 1 ? "once down" : "\(NumberText.count(downs)) times down")
    }
    return items
  }

  private static func traffic(_ row: StructuredValue) -> [String] {
    func number(_ name: String) -> Int64 { row.number(name) ?? 0 }
    let queries = number("queries")
    var items = [
      NumberText.count(queries, "query", "queries"),
      NumberText.count(number("replies"), "reply", "replies"),
      NumberText.count(number("timeouts"), "timeout", "timeouts")
        + (number("timeouts") > 0
          ? " (\(NumberText.percent(number("timeouts"), of: queries)))" : ""),
      NumberText.count(number("errors"), "error", "errors"),
    ]
    if number("refusals") > 0 {
      items.append(NumberText.count(number("refusals"), "refusal", "refusals") + " by the network")
    }
    items.append("\(NumberText.count(number("inflight"))) in flight")
    if number("tcp") > 0 || number("tcp_connections") > 0 {
      items.append(
        "\(NumberText.count(number("tcp"))) over TCP, "
          + NumberText.count(number("tcp_connections"), "connection", "connections") + " open")
    }
    return items
  }

  /// What it understands, and whatever else a server says.
  private static func abilities(_ row: StructuredValue) -> [String] {
    func word(_ name: String) -> String { row[name]?.string ?? "?" }
    let wait = "again after \(row.number("timeout_ms") ?? 0) ms"
    let transport = row["transport"]?.string
    var items = transport.map { ["asked over \($0.uppercased())", wait] } ?? ["asked " + wait]
    items += [
      word("edns") == "off" ? "no EDNS" : "EDNS \(word("edns"))", "cookies \(word("cookies"))",
      "\(word("letter_case")) letter case",
    ]
    if let trust = row["ad"]?.string { items.append("AD \(trust)") }
    for (name, value) in row.members where !shown.contains(name) {
      if case .null = value { continue }
      items.append("\(name) \(value.text.dropLast())")
    }
    return items
  }

  /// What it turned out not to bear, and when that is tried again; nothing where it bears all.
  private static func lack(_ row: StructuredValue, _ display: Display) -> String {
    guard let words = row["without"]?.string else { return "" }
    var items = words.split(separator: " ").map { word -> String in
      switch word {
      case "edns", "udp": word.uppercased()
      default: String(word.replacing("-", with: " "))
      }
    }
    guard !items.isEmpty else { return "" }
    items[0] = "does not bear " + items[0]
    if let wait = row.number("without_ms") {
      items.append("tried again in \(Elapsed.text(milliseconds: UInt64(max(0, wait))))")
    }
    return display.list("", items, width: margin)
  }
}
