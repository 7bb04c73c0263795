import Control
import DNSPolicy
import DNSWire
import Observability

/// What `ctl local show` tells of the LAN's own names.
enum LocalReport {
  /// The sources, with what became of each as this server sees it.
  static func sources(_ keeper: LocalKeeper) -> StructuredValue {
    .list(
      keeper.sources.map { source in
        .object([
          ("source", .text("\(source.place)")), ("kind", .text(source.place.word)),
          ("state", .text(state(source))), ("records", .count(source.records)),
          ("mistakes", .count(source.mistakes)),
        ])
      })
  }

  /// Its state in words.
  static func state(_ source: LocalFileSource) -> String {
    switch source.state {
    case .unread: "not read yet"
    case .read where source.mistakes == 1: "1 line can't be used"
    case .read where source.mistakes > 1: "\(source.mistakes) lines can't be used"
    case .read: "read"
    case .failed(let reason): source.hasBeenRead ? "\(reason); as read before" : reason
    }
  }

  /// The records of a name, each with the line that it was read from, or of as many names as are shown.
  static func records(of name: Name?, _ keeper: LocalKeeper, _ data: borrowing LocalData) -> Rows {
    var rows = Rows()
    if let name {
      let wire = name.lowercased.wire
      if let found = data.find(wire.span) { add(found, keeper, data, &rows) }
      return rows
    }
    var cursor = 0
    var isDone = false
    while !isDone, !rows.isCut {
      var names: [LocalName] = []
      isDone = data.visitNames(from: &cursor, buckets: 1) { names.append($0) }
      for name in names where !rows.isCut { add(name, keeper, data, &rows) }
    }
    return rows
  }

  private static func add(
    _ name: LocalName, _ keeper: LocalKeeper, _ data: borrowing LocalData, _ rows: inout Rows
  ) {
    let owner = Name.text(data.name(of: name))
    rows.isCut = rows.rows.count >= Rows.limit
    guard !rows.isCut else { return }
    var added: [StructuredValue] = []
    data.visitRecords(of: name) { type, rdata, record, isGiven in
      let origin = data.origin(of: record)
      added.append(
        .object([
          ("name", .text(owner)), ("ttl", .count(Int(data.ttl(of: record)))),
          ("type", .text("\(type)")),
          ("data", .text(RDataText.text(type: type, rdata: rdata))),
          ("source", .text(keeper.place(of: origin.source, line: origin.line))),
          ("given", .flag(isGiven)),
        ]))
    }
    rows.rows += added
  }
}
