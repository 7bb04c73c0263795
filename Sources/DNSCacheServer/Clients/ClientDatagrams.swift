import EventLoop
import Memory

/// Hands clients' datagrams to the core.
final class ClientDatagrams: DatagramReceiver {
  private let core: Pinned<Core>
  private let number: UInt32

  /// - Parameter number: the socket's place among the core's.
  init(_ core: Pinned<Core>, number: UInt32) {
    self.core = core
    self.number = number
    super.init()
  }

  override func datagramsReady(_ socket: DatagramSocket) {
    core.value.serve(socket, number: number)
  }
}
