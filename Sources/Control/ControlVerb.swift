import HTTP

/// A row of the table of verbs: how one is called, and who may ask for it.
///
/// Its path tells both sides: "cache/flush" is `ctl cache flush`, and POST /api/v1/cache/flush over HTTP.
package struct ControlVerb: Sendable {
  package let method: HTTPRequest.Method
  /// The path below ``root``; when it ends with a slash, the parameter `name` follows.
  package let path: String
  /// What `ctl` says of it; nil for what HTTP alone has.
  package let help: String?
  package let discussion: String
  package let access: Access

  /// Who may ask; the control socket is for its owner and group anyway.
  package enum Access: Sendable {
    /// Anyone whom HTTP serves: it only tells, and lists no clients.
    case everyone
    /// Over HTTP only who brings the token.
    case token
    /// Nobody over HTTP.
    case socket
  }

  package init(
    _ method: HTTPRequest.Method, _ path: String, _ help: String?, discussion: String = "",
    for access: Access = .token
  ) {
    self.method = method
    self.path = path
    self.help = help
    self.discussion = discussion
    self.access = access
  }

  /// What every path begins with.
  package static let root = "/api/v1/"

  /// The words of `ctl`.
  package var words: [Substring] { path.split(separator: "/") }

  /// Whether a path is this verb's.
  package func has(path: String) -> Bool {
    self.path.hasSuffix("/")
      ? path.hasPrefix(ControlVerb.root + self.path) : path == ControlVerb.root + self.path
  }

  /// Path and query that ask for it.
  func target(_ values: [(name: String, value: String)]) -> String {
    var values = values
    var target = ControlVerb.root + path
    if path.hasSuffix("/"), let index = values.firstIndex(where: { $0.name == "name" }) {
      target += ControlParameters.encoded(values.remove(at: index).value)
    }
    return target + "?"
      + values.map { "\($0.name)=\(ControlParameters.encoded($0.value))" }.joined(separator: "&")
  }

  /// Why a request is not granted.
  package struct Refusal: Error {
    /// HTTP's status.
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
}

extension HTTPResponder {
  /// The methods of what can only be read.
  package static let readingMethods = "GET, HEAD, OPTIONS"

  /// The methods of what changes something.
  package static let changingMethods = "POST, OPTIONS"

  /// The methods that any path has.
  package static let allMethods = "GET, HEAD, POST, OPTIONS"

  /// Answers OPTIONS.
  package func sendMethods(_ methods: String) {
    addHeader("Allow", methods)
    sendNothing()
  }
}
