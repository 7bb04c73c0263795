import ArgumentParser
import Control
import DNSPolicy
import DNSWire
import EventLoop
import Observability
import System

/// The verb about the last queries.
extension Verbs {
  struct Log: Verb {
    static let row = ControlVerb(
      .get, "log", "The last queries: who asked for what, and what became of it.",
      discussion: """
        The newest last. How many are kept, and what is left out of them, is log.recent and log.privacy in the \
        configuration.
        """)
    @Flag(help: "Go on with those that come; ^C ends it.") var follow = false
    @Option(help: "Only this client's.") var client: String?
    @Option(help: "Only names that have this in them.") var name: String?
    @Flag(help: "Only what was blocked.") var blocked = false
    @Option(help: "How many at most; \(QueryReport.most) can be had.") var count = 100

    var parameters: ControlParameters { parameters(isFollowing: false, after: nil) }

    private func parameters(isFollowing: Bool, after number: UInt64?) -> ControlParameters {
      [
        "address": client, "part": name, "blocked": blocked ? "1" : nil, "count": "\(count)",
        "after": number.map { "\($0)" }, "next": isFollowing ? "1" : nil,
      ]
    }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      var filter = QueryReport.Filter()
      filter.client = parameters.has("address") ? try parameters.address() : nil
      filter.part = parameters.text("part")?.lowercased()
      filter.isBlocked = parameters.has("blocked")
      filter.count = try parameters.number("count", in: 1...QueryReport.most) ?? 100
      filter.after = parameters.text("after").flatMap { UInt64($0) }
      let report = QueryReport.report(filter, of: api.server)
      let next = parameters.has("next") ? "next \(report.next)\n" : ""
      reply.send(report.value, as: report.text + next)
    }

    func run(_ options: ControlCommand.Options) throws {
      guard follow else { return try options.perform(self) }
      // The number of the next query stands behind the lines.
      try options.ask { client in
        var after: UInt64?
        while true {
          let text = try client.answer(
            Self.row, parameters(isFollowing: true, after: after),
            as: options.form)
          let (lines, next) = QueryReport.split(text, isJSON: options.json)
          if !lines.isEmpty, !Process.writeOutput(Array(lines.utf8)) { return }
          after = next ?? after
          Process.sleep(milliseconds: Log.pause)
        }
      }
    }

    /// Milliseconds between two looks.
    private static let pause: UInt32 = 500
  }
}
