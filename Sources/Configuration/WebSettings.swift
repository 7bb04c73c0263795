import System

/// What is set about HTTP over TCP.
package struct WebSettings: Sendable, Equatable {
  /// Where to listen; nothing for no HTTP at all.
  package var address: SocketAddress?
  /// The file with the token that requests have to bring; nothing for none.
  package var tokenFile: String?
  /// Names under which browsers and programs come, beside addresses and localhost.
  package var hosts: [String] = []
}
