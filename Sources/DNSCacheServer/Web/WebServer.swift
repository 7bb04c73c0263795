import Configuration
import Control
import DNSExchange
import DNSResolver
import DNSWire
import EventLoop
import HTTP
import Memory
import Observability
import System

/// HTTP over TCP: the page, the same verbs as the control socket, metrics and health.
final class WebServer {
  private let worker: Pinned<Worker>
  private let api: ControlAPI
  private var doorkeeper: WebGuard
  private(set) var http: HTTPServer?
  /// Where it listens, with the port that the kernel picked for 0.
  private(set) var address: Endpoint
  private(set) var counters = Counters()

  /// Requests that were not let in.
  struct Counters {
    var hosts: UInt64 = 0
    var origins: UInt64 = 0
    var tokens: UInt64 = 0
  }

  /// Connections at a time.
  static let connections = 64
  /// Octets of a body; no verb has one.
  private static let bodySize = 4 * 1_024

  /// Listens; nothing when that isn't wanted.
  init?(
    _ settings: WebSettings, on loop: EventLoop, worker: Pinned<Worker>, api: ControlAPI,
    budget: TickBudget
  ) throws(StartupError) {
    guard let address = settings.address else { return nil }
    self.worker = worker
    self.api = api
    self.address = address
    doorkeeper = try WebServer.doorkeeper(settings)
    var limits = HTTPServer.Limits()
    limits.bodySize = WebServer.bodySize
    limits.connections = WebServer.connections
    do {
      let http = HTTPServer(on: loop, limits: limits) { [weak self] request, responder in
        budget.request(request, responder) { self?.answer($0, $1) }
      }
      self.address = try http.listen(on: address, mayBeMissing: true)
      self.http = http
    } catch {
      throw StartupError(
        .unavailable, "cannot listen on \(address) for HTTP: \(error); choose another with --http")
    }
  }

  /// Who is let in, by the settings and the token's file.
  private static func doorkeeper(_ settings: WebSettings) throws(StartupError) -> WebGuard {
    var token: WebToken?
    if let path = settings.tokenFile {
      do {
        token = try WebToken(file: path)
      } catch {
        throw StartupError(.usage, "\(path): \(error)")
      }
    }
    // The check of the settings has said why.
    // UNREACHABLE: the check of the settings refuses this first, and has said why.
    precondition(
      token != nil || settings.address?.address.isLoopback != false,
      "HTTP for others without a token")
    return WebGuard(hosts: settings.hosts.map { $0.lowercased() }, token: token)
  }

  /// Takes over whom to let in; the address stays.
  func reconfigure(_ settings: WebSettings) throws(StartupError) {
    doorkeeper = try WebServer.doorkeeper(settings)
  }

  /// Stops listening; who is connected goes on.
  func stopListening() { http?.stopListening() }

  /// Stops listening; connections are closed.
  func close() { http?.close() }

  // MARK: Requests

  private func answer(_ request: HTTPRequest, _ responder: HTTPResponder) {
    responder.addHeader("X-Content-Type-Options", "nosniff")
    responder.addHeader("Referrer-Policy", "no-referrer")
    responder.addHeader("Cross-Origin-Resource-Policy", "same-origin")
    responder.addHeader("X-Frame-Options", "DENY")
    responder.addHeader("Cache-Control", "no-store")
    if request.method == .options { return answerOptions(request, responder) }
    let resource: WebGuard.Resource =
      switch request.path {
      case "/": .page
      case "/healthz", "/livez": .health
      case ControlAPI.metricsPath: .telling
      default: Verbs.access(to: request.path) == .everyone ? .telling : .everything
      }
    do {
      try doorkeeper.check(request, for: resource)
    } catch {
      refuse(error, responder)
      return
    }
    if resource == .page, request.method == .get {
      sendPage(responder)
      return
    }
    responder.addHeader("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    switch (request.path, request.method) {
    case ("/healthz", .get): sendHealth(responder)
    case ("/livez", .get):
      responder.send(status: 200, contentType: "text/plain; charset=utf-8", body: "ok\n")
    case ("/", _), ("/healthz", _), ("/livez", _):
      responder.addHeader("Allow", HTTPResponder.readingMethods)
      send(405, "GET is what there is at \(request.path)", responder)
    default:
      guard request.path == ControlAPI.metricsPath || request.path.hasPrefix(ControlVerb.root)
      else {
        send(404, "no such page: \(request.path)", responder)
        return
      }
      api.answer(request, responder, through: .web)
    }
  }

  /// Tells the methods to load balancers, which look by OPTIONS whether a server is there, often without Host.
  ///
  /// A browser asks so before it lets a page of others change something (Fetch, "CORS-preflight
  /// request"), which it does only when the answer allows it: ours never does.
  private func answerOptions(_ request: HTTPRequest, _ responder: HTTPResponder) {
    do throws(WebGuard.Refusal) {
      try doorkeeper.check(request, for: .health)
      if request.headerCount("Origin") > 0 { throw .origin }
    } catch {
      return refuse(error, responder)
    }
    let isAPI = request.path == "*" || request.path.hasPrefix(ControlVerb.root)
    responder.sendMethods(isAPI ? HTTPResponder.allMethods : HTTPResponder.readingMethods)
  }

  private func refuse(_ refusal: WebGuard.Refusal, _ responder: HTTPResponder) {
    switch refusal {
    case .host: counters.hosts += 1
    case .origin, .intent: counters.origins += 1
    case .noToken: counters.tokens += 1
    case .token:
      counters.tokens += 1
      responder.addHeader("WWW-Authenticate", "Bearer realm=\"dns-cache-server\"")
    }
    responder.closeAfterwards()
    send(refusal.status, refusal.sentence, responder)
  }

  private func send(_ status: Int, _ sentence: String, _ responder: HTTPResponder) {
    responder.send(
      status: status, contentType: "application/json",
      body: StructuredValue.object([("error", .text(sentence))]).json + "\n")
  }

  private func sendPage(_ responder: HTTPResponder) {
    var random = SystemRandomNumberGenerator()
    let page = WebPage(nonce: random.next(), random.next())
    responder.addHeader("Content-Security-Policy", page.policy)
    responder.addHeader("Cross-Origin-Opener-Policy", "same-origin")
    responder.send(status: 200, contentType: "text/html; charset=utf-8", body: page.bytes)
  }

  /// Whether names can be resolved: not when every upstream has fallen silent.
  ///
  /// `/livez` says only that the server serves.
  private func sendHealth(_ responder: HTTPResponder) {
    let isAnyUp = worker.value.resolver.exchanges.canResolve(now: EventLoop.now())
    responder.send(
      status: isAnyUp ? 200 : 503, contentType: "text/plain; charset=utf-8",
      body: isAnyUp ? "ok\n" : "no upstream answers\n")
  }
}
