import Configuration
import DNSWire
import EventLoop
import HTTP
import Observability

/// Something that a running server is asked or told, as the command line and the control socket see it.
///
/// This is the one list of verbs: `ctl` turns words into a path with it, the server turns the path
/// back.
package enum ControlVerb {
  case status
  /// Those of a group, or else with a part of their names; on a terminal also those for developers.
  case stats(filter: String?, all: Bool)
  case show(Name, RecordType?)
  case names(IPAddress)
  case explain(Name, RecordType?)
  case flush(Name, RecordType?, tree: Bool)
  case flushNegative
  case dump
  case save
  case inFlight
  case upstreams
  case routes(Name?)
  case local(Name?)
  case top(TopList, count: Int)
  case history(last: Int)
  case watch
  case reload
  case stop

  /// The method and the path, with the query, under which the server knows the verb.
  package var request: (method: HTTPRequest.Method, target: String) {
    switch self {
    case .status: (.get, "status")
    case .stats(let filter, let all):
      (
        .get,
        "stats?all=\(all ? 1 : 0)" + (filter.map { "&filter=\(ControlVerb.encoded($0))" } ?? "")
      )
    case .show(let name, let type):
      (.get, "cache/show?name=\(ControlVerb.encoded("\(name)"))" + ControlVerb.parameter(type))
    case .names(let address): (.get, "cache/names?address=\(address)")
    case .explain(let name, let type):
      (
        .get,
        ControlVerb.explainRoot + ControlVerb.encoded("\(name)")
          + (type.map { "?type=\($0)" } ?? "")
      )
    case .flush(let name, let type, let tree):
      (
        .post,
        "cache/flush?name=\(ControlVerb.encoded("\(name)"))" + ControlVerb.parameter(type)
          + (tree ? "&tree=1" : "")
      )
    case .flushNegative: (.post, "cache/flush?negative=1")
    case .dump: (.get, "cache/dump")
    case .save: (.post, "cache/save")
    case .inFlight: (.get, "inflight")
    case .upstreams: (.get, "upstreams")
    case .routes(let name):
      (.get, "routes" + (name.map { "?name=\(ControlVerb.encoded("\($0)"))" } ?? ""))
    case .local(let name):
      (.get, "local/show" + (name.map { "?name=\(ControlVerb.encoded("\($0)"))" } ?? ""))
    case .top(let list, let count): (.get, "top/\(list.rawValue)?count=\(count)")
    case .history(let last): (.get, "history?last=\(last)")
    case .watch: (.get, "watch")
    case .reload: (.post, "reload")
    case .stop: (.post, "stop")
    }
  }

  /// What every path begins with.
  package static let root = "/api/v1/"
  /// What precedes the name to be explained.
  private static let explainRoot = "explain/"

  /// Whether a path is one that only tells, and lists no clients; also a path that is no verb's.
  package static func tells(_ path: String) -> Bool {
    !path.hasPrefix(root) || path.hasPrefix(root + explainRoot)
  }

  private static func parameter(_ type: RecordType?) -> String {
    type.map { "&type=\($0)" } ?? ""
  }

  /// Percent-encodes all that has a meaning in a query (RFC 3986 §2.1).
  static func encoded(_ text: String) -> String {
    text.utf8.map { octet in
      let character = Character(UnicodeScalar(octet))
      if character.isASCII
        && (character.isLetter || character.isNumber || "-._~".contains(character))
      {
        return String(character)
      }
      let digits = String(octet, radix: 16, uppercase: true)
      return "%" + (digits.count == 1 ? "0" : "") + digits
    }.joined()
  }

  /// Why a request is not a verb.
  package struct Refusal: Error {
    package let status: Int
    package let sentence: String
    /// The methods that there are, where it was asked for with another one (RFC 9110 §15.5.6).
    package let methods: String?

    package init(status: Int, sentence: String, methods: String? = nil) {
      self.status = status
      self.sentence = sentence
      self.methods = methods
    }
  }

  /// Reads a request.
  package init(method: HTTPRequest.Method, path: String, query: [(name: String, value: String)])
    throws(Refusal)
  {
    guard path.hasPrefix(ControlVerb.root) else {
      throw Refusal(status: 404, sentence: "no such page: \(path)")
    }
    func value(_ name: String) -> String? { query.first { $0.name == name }?.value }
    let rest = String(path.dropFirst(ControlVerb.root.count))
    self =
      switch rest {
      case "status": .status
      case "stats": .stats(filter: value("filter"), all: value("all") == "1")
      case "cache/show":
        .show(try ControlVerb.name(value("name")), try ControlVerb.type(value("type")))
      case _ where rest.hasPrefix(ControlVerb.explainRoot):
        try .explain(
          String(rest.dropFirst(ControlVerb.explainRoot.count)), type: value("type"))
      case "cache/names": .names(try ControlVerb.address(value("address")))
      case "cache/flush" where value("negative") != nil: .flushNegative
      case "cache/flush":
        .flush(
          try ControlVerb.name(value("name")), try ControlVerb.type(value("type")),
          tree: value("tree") != nil)
      case "cache/dump": .dump
      case "cache/save": .save
      case "inflight": .inFlight
      case "upstreams": .upstreams
      case "routes": .routes(try value("name").map(ControlVerb.nameOrAddress))
      case "local/show": .local(try value("name").map(ControlVerb.nameOrAddress))
      case "top/names": .top(.names, count: try ControlVerb.topCount(value("count")))
      case "top/clients": .top(.clients, count: try ControlVerb.topCount(value("count")))
      case "top/failures": .top(.failures, count: try ControlVerb.topCount(value("count")))
      case "history":
        .history(
          last: try ControlVerb.number(value("last"), 1...History.capacity) ?? History.capacity)
      case "watch": .watch
      case "reload": .reload
      case "stop": .stop
      default: throw Refusal(status: 404, sentence: "no such verb: \(path)")
      }
    guard request.method == method else {
      throw Refusal(
        status: 405, sentence: "\(path) wants another method: GET to ask, POST to change",
        methods: request.method == .get ? HTTPResponder.readingMethods : "POST, OPTIONS")
    }
  }

  /// Explains a name; an address means the name that names it.
  package static func explain(_ text: String, type: String?) throws(Refusal) -> ControlVerb {
    let type = try self.type(type)
    if let address = IPAddress(text) { return .explain(address.reverseName, type ?? .ptr) }
    return .explain(try name(text), type)
  }

  /// Reads a name; an address means the name that names it.
  package static func nameOrAddress(_ text: String) throws(Refusal) -> Name {
    if let address = IPAddress(text) { return address.reverseName }
    return try name(text)
  }

  package static func name(_ text: String?) throws(Refusal) -> Name {
    guard let text, let name = try? Name(text) else {
      throw Refusal(status: 400, sentence: "not a domain name: \(text ?? "(none given)")")
    }
    return name
  }

  package static func type(_ text: String?) throws(Refusal) -> RecordType? {
    guard let text else { return nil }
    guard let type = RecordType(text) else {
      throw Refusal(
        status: 400, sentence: "not a record type: \(text); write A, MX, TYPE65280 and the like")
    }
    return type
  }

  private static func topCount(_ text: String?) throws(Refusal) -> Int {
    try number(text, 1...TopList.mostCount) ?? TopList.usualCount
  }

  private static func number(
    _ text: String?, _ range: ClosedRange<Int>
  ) throws(Refusal) -> Int? {
    guard let text else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw Refusal(
        status: 400,
        sentence: "not a number from \(range.lowerBound) to \(range.upperBound): \(text)")
    }
    return number
  }

  package static func address(_ text: String?) throws(Refusal) -> IPAddress {
    guard let text, let address = IPAddress(text) else {
      throw Refusal(status: 400, sentence: "not an address: \(text ?? "(none given)")")
    }
    return address
  }
}
