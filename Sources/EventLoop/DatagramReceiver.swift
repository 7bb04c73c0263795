/// Takes what comes in on datagram sockets: subclass it and override.
///
/// A class rather than closures: one call through a table for each batch. A socket keeps its receiver;
/// one that keeps its sockets has to close them.
open class DatagramReceiver {
  /// Makes a receiver; one may serve many sockets.
  public init() {}

  /// Datagrams can be read: call `receiveBatch()` on the socket, once or until it returns 0.
  ///
  /// What isn't read now is announced again on the loop's next turn. The call may close the socket
  /// or let go of it.
  open func datagramsReady(_ socket: DatagramSocket) {}

  /// An error was reported for something that the socket sent, or for the socket itself.
  ///
  /// Called once for each error. `error` is an `errno`, as ECONNREFUSED or EHOSTUNREACH; `payload`
  /// is the beginning of the datagram that failed, empty when the kernel doesn't tell. The network
  /// can lie about both. The call may close the socket, and then hears no more; it may let go of
  /// it, and may then still hear of other errors that were waiting.
  open func socketFailed(_ socket: DatagramSocket, error: Int32, payload: Span<UInt8>) {}
}
