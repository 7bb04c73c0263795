import CEvent
import DNSWire
import Glibc
import System

/// What is known of a datagram in the current batch.
@usableFromInline
struct ReceivedDatagram {
  @usableFromInline let length: Int
  @usableFromInline let isTruncated: Bool
  /// Where it came from.
  @usableFromInline let sender: Endpoint
}

extension DatagramSocket {
  /// Reads the next batch of datagrams and returns how many there are, 0 when none waits.
  ///
  /// The batch before it is gone: what `received(_:)` lent must not be in use any more.
  public func receiveBatch() -> Int {
    // SAFETY: state lives as long as self; slots below `receivedCount` exist.
    let last = unsafe state.pointee.receivedCount
    let nameCapacity = socklen_t(KernelAddress.capacity)
    let controlCapacity = incoming.controlCapacity
    for slot in 0..<last {
      // The kernel left the sizes of the last datagram here.
      unsafe incoming.headers[slot].msg_hdr.msg_namelen = nameCapacity
      unsafe incoming.headers[slot].msg_hdr.msg_controllen = controlCapacity
    }
    unsafe state.pointee.receivedCount = 0
    let number = unsafe state.pointee.descriptor
    guard number >= 0 else { return 0 }
    // SAFETY: the headers describe memory of `incoming`, one slot each.
    let result = CallResult(retrying: {
      unsafe Int(
        recvmmsg(number, incoming.headers, UInt32(batchSize), Int32(MSG_DONTWAIT), nil))
    })
    switch result {
    case .done(let count):
      for slot in 0..<count {
        unsafe (datagrams + slot).initialize(to: describe(slot))
      }
      unsafe state.pointee.receivedCount = count
      unsafe state.pointee.counters.received += UInt64(count)
      return count
    case .wouldBlock:
      return 0
    case .failed:
      unsafe state.pointee.counters.errors += 1
      return 0
    }
  }

  /// The octets of a datagram of the current batch; good until the next `receiveBatch()` or the
  /// end of the receiver's call.
  ///
  /// `index` is less than what `receiveBatch()` returned.
  @inlinable
  @_lifetime(borrow self)
  public func received(_ index: Int) -> Span<UInt8> {
    // SAFETY: the index is checked, each slot has `receiveCapacity` octets, and length is at most
    // that. The octets live as long as self.
    // UNREACHABLE: a bound: numbers are below what receiveBatch() returned.
    precondition(unsafe index >= 0 && index < state.pointee.receivedCount, "no such datagram")
    let start = unsafe receivedOctets + index * receiveCapacity
    let span = unsafe Span(_unsafeStart: start, count: datagrams[index].length)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// Whether a datagram of the current batch was longer than what is kept of it.
  @inlinable
  public func isTruncated(_ index: Int) -> Bool {
    // SAFETY: the index is checked.
    // UNREACHABLE: a bound: numbers are below what receiveBatch() returned.
    precondition(unsafe index >= 0 && index < state.pointee.receivedCount, "no such datagram")
    return unsafe datagrams[index].isTruncated
  }

  /// Where a datagram of the current batch came from.
  @inlinable
  public func sender(_ index: Int) -> Endpoint {
    // SAFETY: the index is checked.
    // UNREACHABLE: a bound: numbers are below what receiveBatch() returned.
    precondition(unsafe index >= 0 && index < state.pointee.receivedCount, "no such datagram")
    return unsafe datagrams[index].sender
  }

  /// Where a datagram of the current batch came from, and which address it was sent to.
  ///
  /// To be kept for a reply that takes time; one that follows at once needs only the datagram's number.
  public func peer(_ index: Int) -> Peer {
    // SAFETY: the index is checked.
    // UNREACHABLE: a bound: numbers are below what receiveBatch() returned.
    precondition(unsafe index >= 0 && index < state.pointee.receivedCount, "no such datagram")
    return describePeer(unsafe datagrams[index].sender, slot: index)
  }

  @inline(__always)
  private func describe(_ slot: Int) -> ReceivedDatagram {
    // SAFETY: the kernel filled the header of this slot and the memory that it points to.
    let header = unsafe incoming.headers + slot
    let length = unsafe min(Int(header.pointee.msg_len), receiveCapacity)
    let isTruncated = unsafe header.pointee.msg_hdr.msg_flags & Int32(MSG_TRUNC) != 0
    let sender =
      unsafe Endpoint(at: incoming.name(slot)) ?? Endpoint(IPAddress(v4: 0), port: 0)
    return ReceivedDatagram(length: length, isTruncated: isTruncated, sender: sender)
  }

  @inline(__always)
  private func describePeer(_ address: Endpoint, slot: Int) -> Peer {
    // SAFETY: as above; find(level:type:dataSize:in:length:) checks that the data is there.
    guard incoming.controlCapacity > 0 else {
      return Peer(address: address, local: localAddress)
    }
    let control = unsafe UnsafeRawPointer(incoming.control(slot))
    let length = unsafe Int(incoming.headers[slot].msg_hdr.msg_controllen)
    let port = localAddress.port
    if localAddress.isIPv4 {
      let size = MemoryLayout<in_pktinfo>.size
      if let data = unsafe ControlMessage.find(
        level: Int32(IPPROTO_IP), type: IP_PKTINFO, dataSize: size, in: control, length: length)
      {
        let information = unsafe data.loadUnaligned(as: in_pktinfo.self)
        // ipi_spec_dst rather than ipi_addr: for a broadcast, an address that we can reply from.
        return Peer(
          address: address,
          local: Endpoint(
            IPAddress(v4: UInt32(bigEndian: information.ipi_spec_dst.s_addr)), port: port),
          interface: UInt32(truncatingIfNeeded: information.ipi_ifindex))
      }
    } else {
      let size = MemoryLayout<in6_pktinfo>.size
      if let data = unsafe ControlMessage.find(
        level: Int32(IPPROTO_IPV6), type: IPV6_PKTINFO, dataSize: size, in: control,
        length: length)
      {
        let interface = unsafe data.loadUnaligned(fromByteOffset: 16, as: UInt32.self)
        let local = unsafe IPAddress(ipv6At: data)
        return Peer(
          address: address,
          local: Endpoint(local, port: port, scope: local.isLinkLocalIPv6 ? interface : 0),
          interface: interface)
      }
    }
    return Peer(address: address, local: localAddress)
  }
}
