import ArgumentParser
import Control
import Observability

/// The verbs about the LAN's own names.
extension Verbs {
  struct LocalShow: Verb {
    static let row = ControlVerb(
      .get, "local/show",
      "Where the LAN's own names come from and what they have, or the records of one.")
    @Argument(help: "A domain name, or an address for its reverse name.") var name: String?

    var parameters: ControlParameters { ["name": name] }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      let name = parameters.has("name") ? try parameters.nameOrAddress().name : nil
      let local = api.server.local
      let sources = LocalReport.sources(local)
      let policy = api.worker.value.policy
      let records = LocalReport.records(of: name, local, policy.value.local.value)
      let report = StructuredValue.object([
        ("sources", sources), ("records", .list(records.rows)), ("more", .flag(records.isCut)),
      ])
      let rows = StructuredValue.list(records.rows)
      if let name {
        reply.send(report, as: records.rows.isEmpty ? "\(name): no local records\n" : rows.text)
      } else {
        let rest = records.isCut ? "and more: only \(Rows.limit) are shown\n" : ""
        let text =
          local.sources.isEmpty
          ? "no local names; see `local` in the configuration\n" : sources.text
        reply.send(report, as: text + rows.text + rest)
      }
    }
  }
}
