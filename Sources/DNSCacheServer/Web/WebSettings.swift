import System

/// What is set about HTTP over TCP.
struct WebSettings: Sendable, Equatable {
  /// Where to listen; nothing for no HTTP at all.
  var address: SocketAddress?
  /// The file with the token that requests have to bring; nothing for none.
  var tokenFile: String?
  /// Names under which browsers and programs come, beside addresses and localhost.
  var hosts: [String] = []
}
