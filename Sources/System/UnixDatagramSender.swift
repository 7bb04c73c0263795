import CEvent
import Glibc

/// Sends short texts to a Unix socket that takes datagrams, such as a service manager's.
package final class UnixDatagramSender {
  /// What became of a text.
  package enum Outcome: Sendable {
    case sent
    /// The receiver is behind with reading; the same text may be sent again later.
    case full
    case failed(SystemError)
  }

  private let name: String
  private let address: UnixAddress
  private let descriptor: Descriptor

  /// Prepares to send to a path, or with an `@` in front to a name in the abstract namespace.
  ///
  /// Nobody has to be there yet. Throws ENAMETOOLONG, or when no socket is to be had.
  package init(to name: String) throws(SystemError) {
    self.name = name
    address =
      name.hasPrefix("@")
      ? try UnixAddress(abstractName: String(name.dropFirst())) : try UnixAddress(path: name)
    descriptor = try Descriptor(socket: SOCK_DGRAM, family: AF_UNIX, for: name)
  }

  /// Sends a text, without waiting.
  package func send(_ text: String) -> Outcome {
    let octets = Array(text.utf8)
    let number = descriptor.number
    // SAFETY: the kernel copies address and octets before the call returns.
    let result = CallResult(retrying: {
      unsafe address.withPointer {
        unsafe sendto(number, octets, octets.count, Int32(MSG_NOSIGNAL), $0, $1)
      }
    })
    return switch result {
    case .done: .sent
    case .wouldBlock: .full
    case .failed(let code): .failed(SystemError(call: "sendto", purpose: name, code: code))
    }
  }
}
