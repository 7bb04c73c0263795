import Configuration
import DNSPolicy
import DNSWire
import Memory
import Observability

/// What `ctl block` tells.
enum BlockReport {
  /// The lists, as this server sees them.
  static func lists(_ server: Server) -> StructuredValue {
    .list(ListReading.all(of: server).map { Figures.lists.values(of: $0) })
  }

  /// A list's state in words.
  static func state(_ list: BlockList) -> String {
    switch list.state {
    case .unread: "not read yet"
    case .read: "read"
    case .failed(let reason): list.compiled == nil ? reason : "\(reason); as read before"
    }
  }

  /// The rules made by hand.
  static func rules(_ keeper: BlockKeeper, now: Int64) -> StructuredValue {
    .list(
      keeper.made.map { rule in
        .object([
          ("rule", .text(rule.isAllowing ? "allow" : "deny")), ("name", .text(rule.name)),
          ("seconds_left", rule.end.map { .count(Int(clamping: max($0 - now, 0))) } ?? .null),
        ])
      })
  }

  /// What is decided about a name, in words, and by what.
  struct Decision {
    /// `free`, `passed`, `allowed`, `blocked` or `alias`.
    var verdict: String
    /// Which list or rule says so; nothing when none does.
    var reason: String?
    /// The numbers of lists that speak of the name.
    var lists: [Int]
  }

  static func decision(
    _ name: Name, _ type: RecordType, from client: IPAddress,
    by filter: borrowing NameFilter
  ) -> Decision {
    let wire = name.lowercased.wire
    let match = filter.look(wire.span)
    let lists = (0..<NameSet.mostLists).filter { match.lists & 1 << UInt16($0) != 0 }
    guard !match.isEmpty else {
      return Decision(verdict: "free", reason: nil, lists: [])
    }
    switch filter.decide(wire.span, match, NameFilter.Question(type: type, client: client)) {
    case .free, .passed: return Decision(verdict: "passed", reason: nil, lists: lists)
    case .allowed: return Decision(verdict: "allowed", reason: nil, lists: lists)
    case .alias(let target):
      return Decision(verdict: "alias", reason: "safe search: \(target)", lists: lists)
    case .blocked(.list(let number), _):
      return Decision(
        verdict: "blocked", reason: "list \(filter.listName(number))", lists: lists)
    case .blocked(.rule(let number), _):
      return Decision(
        verdict: "blocked", reason: filter.rule(number).map { words($0) }, lists: lists)
    }
  }

  /// A rule in words.
  static func words(_ rule: BlockRule) -> String {
    let name = "\(rule.kind == .below ? "*." : "")\("\(rule.name)".dropLast())"
    switch rule.origin {
    case .builtIn: return "\(name), by block.bypass"
    case .configuration: return "\(name) in block.deny"
    case .group: return "\(name) in deny of the group"
    case .hand: return "\(name), by ctl block deny"
    }
  }
}
