import CEvent
import Glibc
import System

extension DatagramGroup {
  /// Errors taken from a socket's queue in one tick of the loop; the rest is announced again.
  private static let errorsPerTick = 64
  /// A `sock_extended_err`, the address of who complained, and packet information, with room to
  /// spare.
  private static let errorControlCapacity = 256
  /// Octets of the datagram that failed that are read: its head tells which it was.
  private static let payloadCapacity = 64

  /// Empties a socket's error queue.
  func reportErrors(of member: Member, to receiver: DatagramGroupReceiver) {
    unsafe withUnsafeTemporaryAllocation(
      byteCount: Self.payloadCapacity + Self.errorControlCapacity,
      alignment: MemoryLayout<Int>.alignment
    ) { memory in
      // SAFETY: the payload's size is a multiple of the alignment.
      let payload = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<Self.payloadCapacity])
      let control = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[Self.payloadCapacity...])
      for _ in 0..<Self.errorsPerTick {
        // Closed meanwhile, its number may be another file's.
        guard let place = find(member) else { return }
        guard let (error, length) = unsafe nextError(places.value[place], payload, control) else {
          places.value[place].hasPendingErrors = false
          return
        }
        guard error != 0 else { continue }
        receiver.socketFailed(
          places.value[place].number, error: error,
          payload: unsafe Span(
            _unsafeElements: UnsafeBufferPointer(payload.bindMemory(to: UInt8.self))
          )
          .extracting(0..<length))
      }
      if let place = find(member) { places.value[place].hasPendingErrors = true }
    }
  }

  /// Takes one entry from the error queue: its `errno` and how many octets of the datagram were read.
  ///
  /// The `errno` is 0 for an entry that isn't from the network: its sender knows already.
  @unsafe
  private func nextError(
    _ place: Place, _ payload: UnsafeMutableRawBufferPointer,
    _ control: UnsafeMutableRawBufferPointer
  ) -> (error: Int32, length: Int)? {
    // SAFETY: the kernel writes at most as much to the vector and the control buffer as they have room for.
    var vector = unsafe iovec(iov_base: payload.baseAddress, iov_len: payload.count)
    return unsafe withUnsafeMutablePointer(to: &vector) { vector in
      var header = unsafe msghdr()
      unsafe header.msg_iov = vector
      unsafe header.msg_iovlen = 1
      unsafe header.msg_control = control.baseAddress
      unsafe header.msg_controllen = control.count
      let flags = Int32(MSG_ERRQUEUE | MSG_DONTWAIT)
      guard
        case .done(let length) = CallResult(retrying: {
          unsafe recvmsg(place.descriptor, &header, flags)
        })
      else { return nil }
      guard let start = unsafe UnsafeRawPointer(header.msg_control) else { return (0, 0) }
      let found = unsafe ControlMessage.find(
        level: Int32(place.isIPv4 ? IPPROTO_IP : IPPROTO_IPV6),
        type: place.isIPv4 ? IP_RECVERR : IPV6_RECVERR,
        dataSize: MemoryLayout<sock_extended_err>.size, in: start,
        length: Int(header.msg_controllen))
      guard let found = unsafe found else { return (0, 0) }
      let error = unsafe found.loadUnaligned(as: sock_extended_err.self)
      guard error.ee_origin != UInt8(SO_EE_ORIGIN_LOCAL) else { return (0, 0) }
      return (Int32(truncatingIfNeeded: error.ee_errno), min(length, payload.count))
    }
  }
}
