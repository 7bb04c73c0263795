import Control
import DNSPolicy
import Memory
import Observability

/// A list at a moment, with the filter that counts what it blocks.
struct ListReading {
  let list: BlockList
  let filter: Pinned<NameFilter>

  /// The label that tells its samples from those of others.
  var labels: PrometheusText.Labels { PrometheusText.Labels([("list", list.rule.name)]) }

  /// Each list, in the order in which they were given.
  static func all(of server: Server) -> [ListReading] {
    server.lists.lists.map {
      ListReading(list: $0, filter: server.worker.value.policy.value.filter)
    }
  }
}

/// A group at a moment.
struct GroupReading {
  let name: String
  let number: Int
  let filter: Pinned<NameFilter>

  /// The label that tells its samples from those of others.
  var labels: PrometheusText.Labels { PrometheusText.Labels([("group", name)]) }

  /// Each group, the default one first.
  static func all(of server: Server) -> [GroupReading] {
    guard !server.settings.block.isEmpty else { return [] }
    return server.settings.groupNames.enumerated().map {
      GroupReading(
        name: $1, number: $0, filter: server.worker.value.policy.value.filter)
    }
  }
}

extension Figures {
  /// What `ctl block status` and Prometheus are told of each list.
  static let lists = FigureTable<ListReading>([
    Figure("list", .text, "What it is called") { .text($0.list.rule.name) },
    Figure("file", .text, "Where it is") { .text($0.list.rule.path) },
    Figure("state", .text, "What became of it when it was last read") {
      .text(BlockReport.state($0.list))
    },
    Figure("format", .text, "What it mostly is") { .optional($0.list.format?.rawValue) },
    .gauge("names", "Names that a list has", metric: "block_list_names") {
      Int(clamping: $0.list.compiled?.entries ?? 0)
    },
    .gauge(
      "ignored", "Lines left out since they are more than a name", metric: "block_list_ignored"
    ) {
      Int(clamping: $0.list.compiled?.ignored ?? 0)
    },
    .gauge("mistakes", "Lines that make no sense", metric: "block_list_mistakes") {
      Int(clamping: $0.list.compiled?.mistakes ?? 0)
    },
    .gauge("refused", "Names that no list may block", metric: "block_list_refused") {
      Int(clamping: $0.list.compiled?.refused ?? 0)
    },
    .counter(
      "blocked", "Queries that a list blocked",
      metric: .init("block_list_blocked_total", .counter)
    ) { $0.filter.value.blocked(byList: $0.list.number) },
  ])

  /// What Prometheus is told of each group.
  static let groups = FigureTable<GroupReading>([
    .counter(
      "blocked", "Queries of a group's clients that were blocked",
      metric: .init("block_group_blocked_total", .counter)
    ) { $0.filter.value.blocked(inGroup: $0.number) }
  ])
}
