import Configuration
import DNSWire
import EventLoop
import HTTP
import System

/// Decides which requests over TCP are let in.
///
/// A browser on the same machine or network asks on behalf of any page that its user looks at. So a
/// request must name us as a page of ours would, must not come from another page, and brings the token
/// if there is one.
struct WebGuard {
  /// Lower-cased names under which we are asked for.
  let hosts: [String]
  let token: WebToken?

  /// Why a request isn't let in.
  enum Refusal: Error {
    /// It is for somebody else: another page's name that was made to lead here (DNS rebinding).
    case host(String?)
    /// Another page asks.
    case origin
    /// Something is to change, and nothing shows that no page of others has asked for it.
    case intent
    case token
    /// There is no token, and the request does more than tell.
    case noToken
  }

  /// What is asked for, as far as the rules differ.
  enum Resource {
    /// Says only whether the server is well, to everyone: a probe has no secrets.
    case health
    /// Is the same for all and tells nothing: it may be led to by a link, and asks for the token itself.
    case page
    /// Tells how the server is and why a name is answered as it is, but not who asks what.
    case telling
    /// Changes something, or lists clients and what they ask for.
    case everything
  }

  /// Throws when a request isn't let in.
  func check(_ request: HTTPRequest, for resource: Resource) throws(Refusal) {
    if resource != .health {
      guard let authority = WebGuard.authority(of: request) else { throw .host(nil) }
      guard isOurs(authority, request.local) else { throw .host(authority) }
      try checkOrigin(request, authority, resource)
    }
    if resource == .page || resource == .health { return }
    guard let token else {
      // On loopback: but each user of this host may come there, also those whom the control socket refuses.
      guard resource == .telling else { throw .noToken }
      return
    }
    if !token.isIn(request.header("Authorization")) { throw .token }
  }

  // MARK: Host (RFC 9110 §7.2)

  /// The host with its port as the client wrote it; nil for none.
  private static func authority(of request: HTTPRequest) -> String? {
    guard let authority = request.authority ?? request.header("Host"), !authority.isEmpty
    else { return nil }
    return authority.lowercased()
  }

  /// The ports aren't compared: a tunnel has one of its own, and no page can have us at another.
  private func isOurs(_ authority: String, _ local: Endpoint?) -> Bool {
    if let literal = Endpoint(authority, defaultPort: 0) {
      return literal.address == local?.address || hosts.contains(literal.host)
    }
    var name = authority.prefix { $0 != ":" }
    if name.last == "." { name.removeLast() }
    return name == "localhost" || hosts.contains(String(name))
  }

  // MARK: Origin

  private func checkOrigin(
    _ request: HTTPRequest, _ authority: String, _ resource: Resource
  ) throws(Refusal) {
    let origins = request.headerCount("Origin")
    if origins > 0 {
      // RFC 6454 §7.1: "null", or scheme, host and port. A proxy may speak https before us.
      let origin = request.header("Origin")?.lowercased()
      guard origins == 1, origin == "http://\(authority)" || origin == "https://\(authority)"
      else { throw .origin }
    }
    // Fetch Metadata: "none" is a person who typed the address.
    switch request.header("Sec-Fetch-Site") {
    case nil, "same-origin", "none": break
    case _
    where resource == .page && request.header("Sec-Fetch-Mode") == "navigate"
      && request.header("Sec-Fetch-Dest") == "document":
      break
    default: throw .origin
    }
    // No form of another page can send JSON or a field of its own without asking first, and that is
    // never granted.
    guard
      request.method == .get || origins == 1
        || request.headerCount("Authorization") == 1
        || request.headerCount("X-Requested-With") == 1
        || request.header("Content-Type")?.lowercased().hasPrefix("application/json") == true
    else { throw .intent }
  }
}

extension WebGuard.Refusal {
  var status: Int {
    switch self {
    case .host: 421
    case .origin, .intent, .noToken: 403
    case .token: 401
    }
  }

  /// What to do about it.
  var sentence: String {
    switch self {
    case .host(nil): "say for whom the request is: Host"
    case .host(let name?):
      "not for this server: \(name); ask by an address or localhost, or name it by --http-host"
    case .origin: "asked for by a page of another server"
    case .intent: "add Content-Type: application/json, so that it is no page of another server"
    case .noToken:
      "no token is set, so only /, /healthz, /livez, /metrics and explain are had here; make one with `openssl rand -base64 24 > PATH` and name it with http-token-file, or use ctl"
    case .token: "bring the token: Authorization: Bearer TOKEN"
    }
  }
}
