import EventLoop
import Memory

/// Hands clients' datagrams to the worker.
final class ClientDatagrams: DatagramReceiver {
  private let worker: Pinned<Worker>
  private let number: UInt32

  /// - Parameter number: the socket's place among the worker's.
  init(_ worker: Pinned<Worker>, number: UInt32) {
    self.worker = worker
    self.number = number
    super.init()
  }

  override func datagramsReady(_ socket: DatagramSocket) {
    worker.value.serve(socket, number: number)
  }
}
