import ArgumentParser
import Control
import DNSCache
import DNSWire
import System

extension Verbs {
  struct CacheShow: Verb {
    static let row = ControlVerb(
      .get, "cache/show", "What is known of a name: records, TTLs, rank and section.")
    @Argument(help: "A domain name.") var name: String
    @Argument(help: "A record type, as AAAA.") var type: String?

    var parameters: ControlParameters { ["name": name, "type": type] }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      let name = try parameters.name()
      reply.send(
        CacheReport.show(name, try parameters.type(), in: api.worker.value.cache),
        empty: "\(name): nothing in the cache")
    }
  }

  struct CacheNames: Verb {
    static let row = ControlVerb(.get, "cache/names", "Which names have an address.")
    @Argument(help: "An IPv4 or IPv6 address.") var address: String

    var parameters: ControlParameters { ["address": address] }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      let address = try parameters.address()
      reply.send(
        CacheReport.names(address, in: api.worker.value.cache),
        empty: "\(address): no name in the cache")
    }
  }

  struct CacheFlush: Verb {
    static let row = ControlVerb(
      .post, "cache/flush",
      "Forget a name, one of its types, its whole tree, or all negative answers.")
    @Argument(help: "A domain name.") var name: String?
    @Option(help: "Only this record type.") var type: String?
    @Flag(help: "The names below it, too.") var tree = false
    @Flag(help: "All negative answers, of every name.") var negative = false

    func validate() throws {
      if negative == (name != nil) {
        throw ValidationError("Give a name to forget, or --negative for all negative answers.")
      }
      if negative && (tree || type != nil) {
        throw ValidationError("--negative goes alone.")
      }
    }

    var parameters: ControlParameters {
      ["name": name, "type": type, "tree": tree ? "1" : nil, "negative": negative ? "1" : nil]
    }

    static func answer(
      _ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply
    ) throws(ControlVerb.Refusal) {
      let worker = api.worker
      if parameters.has("negative") {
        worker.value.resolver.forgetFailures()
        return api.start(FlushJob(below: Name.root, .negative, worker, reply))
      }
      let name = try parameters.name()
      let scope = try parameters.type().map { Cache.FlushScope.type($0) } ?? .everything
      if parameters.has("tree") {
        worker.value.resolver.forgetFailures()
        api.start(FlushJob(below: name, scope, worker, reply))
      } else {
        let key = NameKey(name, in: worker.value.cache)
        worker.value.resolver.forgetFailures(of: key)
        reply.send(.object([("removed", .count(worker.value.cache.flush(key, scope)))]))
      }
    }
  }

  struct CacheDump: Verb {
    static let row = ControlVerb(
      .get, "cache/dump", "Print the whole cache, as lines of a zone file.")

    static func answer(_ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply) {
      api.start(DumpJob(api.worker, reply))
    }

    func run(_ options: ControlCommand.Options) throws {
      try options.perform(self) { client in
        guard Process.isErrorTerminal else { return nil }
        let names = try? client.answer(Stats.row, ["filter": "cache.names"], as: .json)
        return names.flatMap { Int($0.filter(\.isNumber)) }.map { DumpProgress(total: $0) }
      }
    }
  }

  struct CacheSave: Verb {
    static let row = ControlVerb(.post, "cache/save", "Save the cache now.")

    static func answer(_ parameters: ControlParameters, _ api: ControlAPI, _ reply: ControlReply) {
      api.server.snapshot.save { result in
        switch result {
        case .success(let saved):
          reply.send(
            .object([("saved_bytes", .count(saved.octets)), ("ms", .count(saved.milliseconds))]))
        case .failure(let error): reply.fail("\(error)", status: 500)
        }
      }
    }
  }
}
