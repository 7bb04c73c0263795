import CEvent
import Glibc
import System

/// Where datagrams are read to: one batch of them.
///
/// Sockets that are read one after the other can share one, so that the memory stays warm however many
/// they are. What one of them lent is gone when another is read.
@safe
public final class ReceiveBuffers {
  let batch: MessageBatch
  let datagrams: UnsafeMutablePointer<ReceivedDatagram>

  /// Makes buffers for connected sockets to share.
  ///
  /// - Parameters:
  ///   - batchSize: datagrams that one `receiveBatch()` reads at most.
  ///   - capacity: octets of a datagram that are kept.
  public convenience init(batchSize: Int, capacity: Int) throws(SystemError) {
    try self.init(batchSize: batchSize, capacity: capacity, controlCapacity: 0, named: false)
  }

  init(
    batchSize: Int, capacity: Int, controlCapacity: Int, named: Bool
  ) throws(SystemError) {
    // UNREACHABLE: sizes are constants.
    precondition(batchSize > 0 && capacity > 0)
    batch = try MessageBatch(
      slots: batchSize, capacity: capacity, controlCapacity: controlCapacity, named: named)
    // SAFETY: freed in deinit; an element is initialised before it is read.
    unsafe datagrams = .allocate(capacity: batchSize)
  }

  deinit {
    unsafe datagrams.deallocate()
  }
}
