import EventLoop
import HTTP
import System

/// The Unix socket that `ctl` talks to over HTTP; only the owner and the group may open it.
final class ControlSocket {
  let http: HTTPServer

  init(
    on loop: EventLoop, path: String, api: ControlAPI, budget: TickBudget
  ) throws(SystemError) {
    http = HTTPServer(on: loop) { request, responder in
      budget.request(request, responder) { api.answer($0, $1, through: .socket) }
    }
    try http.listen(unixPath: path)
  }

  /// Stops listening and removes the socket's file; who is connected goes on.
  func stopListening() { http.stopListening() }

  /// Stops listening, removes the socket's file and closes all connections.
  func close() { http.close() }
}
