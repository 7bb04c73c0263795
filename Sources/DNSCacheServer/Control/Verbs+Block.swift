import ArgumentParser
import Configuration
import Control
import DNSWire
import EventLoop
import Observability

/// The verbs about what is blocked.
extension Verbs {
  struct BlockStatus: Verb {
    static let row = ControlVerb(
      .get, "block/status", "The block lists, rules made by ctl, and whether blocking pauses.")

    static func answer(_ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply) {
      let server = api.server
      let now = EventLoop.wallClock()
      let lists = BlockReport.lists(server)
      let rules = BlockReport.rules(server.blocking, now: now)
      let filter = server.worker.value.policy.value.filter
      let pause = server.blocking.pauseEnd.map { max($0 - now, 0) }
      reply.send(
        .object([
          ("paused_seconds", pause.map { .count(Int(clamping: $0)) } ?? .null),
          ("names", .count(filter.value.entryCount)), ("bytes", .count(filter.value.octets)),
          ("lists", lists), ("rules", rules),
        ]),
        as: (pause.map { "blocking pauses for \($0) s more\n" } ?? "")
          + (server.lists.lists.isEmpty
            ? "no block lists; see `block` in the configuration\n" : lists.text)
          + (server.blocking.made.isEmpty ? "" : "\n" + rules.text))
    }
  }

  struct BlockTest: Verb {
    static let row = ControlVerb(
      .get, "block/test", "Whether a name is blocked, by which list or rule, and which line.")
    @Argument(help: "A domain name.") var name: String
    @Argument(help: "A record type; A if none is given.") var type: String?
    @Option(help: "The client who asks; this host if none is given.") var client: String?

    var parameters: ControlParameters { ["name": name, "type": type, "address": client] }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      let name = try parameters.name()
      let client =
        parameters.has("address") ? try parameters.address() : IPAddress(v4: 0x7F00_0001)
      let server = api.server
      let filter = server.worker.value.policy.value.filter
      let decision = BlockReport.decision(
        name, try parameters.type() ?? .a, from: client, by: filter.value)
      let groups = server.settings.groupNames
      let group = filter.value.group(of: client)
      server.lists.find(name, in: decision.lists) { lines in
        let rows = StructuredValue.list(
          lines.map { line in
            .object([
              ("list", .text(line.list)), ("line", .count(line.number)), ("text", .text(line.text)),
            ])
          })
        let reason = decision.reason.map { ": \($0)" } ?? ""
        let pause = filter.value.isPaused ? "; blocking pauses" : ""
        reply.send(
          .object([
            ("name", .text("\(name)")), ("client", .text("\(client)")),
            ("group", .text(group < groups.count ? groups[group] : "default")),
            ("verdict", .text(decision.verdict)), ("reason", .optional(decision.reason)),
            ("lines", rows),
          ]),
          as: "\(name) for \(client): \(decision.verdict)\(reason)\(pause)\n" + rows.text)
      }
    }
  }

  struct BlockPause: Verb {
    static let row = ControlVerb(
      .post, "block/pause", "Block nothing for a while; safe search stays.")
    @Argument(help: "How long, as 5m; a day at most.") var duration: String

    var parameters: ControlParameters { ["duration": duration] }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      let seconds = try Verbs.seconds(
        parameters.text("duration") ?? "", most: BlockKeeper.longestPause)
      api.server.blocking.pause(for: seconds)
      reply.send(.object([("paused_seconds", .count(Int(seconds)))]))
    }
  }

  struct BlockResume: Verb {
    static let row = ControlVerb(.post, "block/resume", "End a pause.")

    static func answer(_ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply) {
      api.server.blocking.resume()
      reply.send(.object([("paused_seconds", .null)]))
    }
  }

  struct BlockRefresh: Verb {
    static let row = ControlVerb(
      .post, "block/refresh", "Read lists again, and wait until they are in force.")
    @Argument(help: "A list; all of them if none is given.") var list: String?

    var parameters: ControlParameters { ["list": list] }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      let lists = api.server.lists
      let name = parameters.text("list")
      if let name, !lists.lists.contains(where: { $0.rule.name == name }) {
        let known = lists.lists.map(\.rule.name).joined(separator: ", ")
        throw .init(
          status: 404,
          sentence: "there is no list \(name)\(known.isEmpty ? "" : "; there are \(known)")")
      }
      let server = api.server
      lists.refresh(name) { reply.send(BlockReport.lists(server), empty: "no block lists") }
    }
  }

  struct BlockAllow: Verb {
    static let row = ControlVerb(
      .post, "block/allow", "Don't block a name and all below it, whatever lists say.")
    @Argument(help: "A domain name; *.NAME means those below it alone.") var name: String
    @Option(name: .customLong("for"), help: "How long, as 1h; for good if not given.")
    var duration: String?

    var parameters: ControlParameters { ["pattern": name, "duration": duration] }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      try Verbs.make(parameters, isAllowing: true, api, reply)
    }
  }

  struct BlockDeny: Verb {
    static let row = ControlVerb(.post, "block/deny", "Block a name and all below it.")
    @Argument(help: "A domain name; *.NAME means those below it alone.") var name: String
    @Option(name: .customLong("for"), help: "How long, as 1h; for good if not given.")
    var duration: String?

    var parameters: ControlParameters { ["pattern": name, "duration": duration] }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      try Verbs.make(parameters, isAllowing: false, api, reply)
    }
  }

  struct BlockForget: Verb {
    static let row = ControlVerb(
      .post, "block/forget", "Take back a rule that was made by block allow or block deny.")
    @Argument(help: "The name, as it was given.") var name: String

    var parameters: ControlParameters { ["pattern": name] }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      let name = parameters.text("pattern") ?? ""
      guard api.server.blocking.forget(name) else {
        throw .init(
          status: 404,
          sentence: "no rule about \(name) was made by ctl; `ctl block status` lists them")
      }
      reply.send(.object([("rules", .count(api.server.blocking.made.count))]))
    }
  }

  private static func make(
    _ parameters: ControlParameters, isAllowing: Bool, _ api: ControlAPI, _ reply: ControlReply
  ) throws(ControlVerb.Refusal) {
    let name = parameters.text("pattern") ?? ""
    guard BlockRules.pattern(name) != nil else {
      throw .init(status: 400, sentence: "not a domain name: \(name)")
    }
    let seconds = try parameters.text("duration").map { text throws(ControlVerb.Refusal) in
      try Verbs.seconds(text, most: MadeRule.longest)
    }
    do {
      try api.server.blocking.make(name, isAllowing: isAllowing, for: seconds)
    } catch {
      throw .init(status: 409, sentence: error.sentence)
    }
    reply.send(
      .object([
        ("rule", .text(isAllowing ? "allow" : "deny")), ("name", .text(name)),
        ("seconds_left", seconds.map { .count(Int($0)) } ?? .null),
      ]))
  }

  /// Seconds of a duration.
  private static func seconds(_ text: String, most: Int64) throws(ControlVerb.Refusal) -> Int64 {
    guard let number = Quantity.duration.number(text), number >= 1_000,
      number / 1_000 <= Int(most)
    else {
      let longest = Quantity.duration.text(Int(most) * 1_000)
      throw .init(
        status: 400, sentence: "not a duration from 1s to \(longest), as 30s, 5m or 1h: \(text)")
    }
    return Int64(number / 1_000)
  }
}
