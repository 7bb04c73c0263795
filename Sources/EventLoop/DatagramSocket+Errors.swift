import CEvent
import Glibc
import System

extension DatagramSocket {
  /// Errors taken from the queue in one turn of the loop; the rest is announced again.
  private static let errorsPerTurn = 64
  /// A `sock_extended_err`, the address of who complained, and packet information, with room to
  /// spare.
  private static let errorControlCapacity = 256

  func becameReadable() {
    // SAFETY: state lives as long as self.
    unsafe state.pointee.hasReadSomething = false
    receiver.datagramsReady(self)
    // A send may have met the pending error first, so that the read didn't. The queue alone keeps
    // the socket announced, hence the look into it when there was nothing to read.
    if hasErrorQueue,
      unsafe state.pointee.hasPendingErrors || !state.pointee.hasReadSomething
    {
      reportErrors()
    }
  }

  /// Empties the error queue.
  ///
  /// - Returns: whether that was done.
  @discardableResult
  func reportErrors() -> Bool {
    // SAFETY: state lives as long as self. Slot 0 of the batch takes the payload; the batch is
    // declared empty first.
    unsafe state.pointee.hasPendingErrors = false
    unsafe state.pointee.receivedCount = 0
    return unsafe withUnsafeTemporaryAllocation(
      byteCount: Self.errorControlCapacity, alignment: MemoryLayout<Int>.alignment
    ) { control in
      for _ in 0..<Self.errorsPerTurn {
        guard let (error, length) = unsafe nextError(control) else { return true }
        guard error != 0 else { continue }
        unsafe state.pointee.receivedCount = 0
        receiver.socketFailed(
          self, error: error, payload: unsafe Span(_unsafeStart: receivedOctets, count: length))
      }
      unsafe state.pointee.hasPendingErrors = true
      return false
    }
  }

  /// Takes one entry from the error queue: its `errno` and how much of the datagram is in slot 0.
  ///
  /// The `errno` is 0 for an entry that isn't from the network: its sender knows already.
  @unsafe
  private func nextError(
    _ control: UnsafeMutableRawBufferPointer
  ) -> (error: Int32, length: Int)? {
    let number = unsafe state.pointee.descriptor
    guard number >= 0 else { return nil }
    // SAFETY: the vector is the first slot's octets, the control buffer the caller's.
    var vector = unsafe iovec(iov_base: receivedOctets, iov_len: receiveCapacity)
    return unsafe withUnsafeMutablePointer(to: &vector) { vector in
      var header = unsafe msghdr()
      unsafe header.msg_iov = vector
      unsafe header.msg_iovlen = 1
      unsafe header.msg_control = control.baseAddress
      unsafe header.msg_controllen = control.count
      let flags = Int32(MSG_ERRQUEUE | MSG_DONTWAIT)
      guard
        case .done(let length) = CallResult(retrying: {
          unsafe recvmsg(number, &header, flags)
        })
      else { return nil }
      guard let start = unsafe UnsafeRawPointer(header.msg_control) else { return (0, 0) }
      let found = unsafe ControlMessage.find(
        level: Int32(localAddress.isIPv4 ? IPPROTO_IP : IPPROTO_IPV6),
        type: localAddress.isIPv4 ? IP_RECVERR : IPV6_RECVERR,
        dataSize: MemoryLayout<sock_extended_err>.size, in: start,
        length: Int(header.msg_controllen))
      guard let found = unsafe found else { return (0, 0) }
      let error = unsafe found.loadUnaligned(as: sock_extended_err.self)
      guard error.ee_origin != UInt8(SO_EE_ORIGIN_LOCAL) else { return (0, 0) }
      return (Int32(truncatingIfNeeded: error.ee_errno), min(length, receiveCapacity))
    }
  }
}
