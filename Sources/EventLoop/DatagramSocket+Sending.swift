import CEvent
import Glibc
import System

extension DatagramSocket {
  /// Composes a reply in place, to be sent with its batch.
  ///
  /// `body` gets `replyCapacity` octets of old content and returns how many it wrote, 0 to send
  /// nothing. A full batch is sent at once; end a round of replies with `flush()`. Returns false
  /// when replies wait for the kernel in every slot: this one is dropped and counted, and `body`
  /// isn't called.
  ///
  /// The reply leaves from `peer.local`. `body` must not compose another reply on this socket.
  @inlinable
  @discardableResult
  public func withReply(to peer: Peer, _ body: (inout MutableSpan<UInt8>) -> Int) -> Bool {
    let slot = reserveReply()
    guard slot >= 0 else { return false }
    // SAFETY: reserveReply gives a slot of the batch, which has `replyCapacity` octets; no other
    // view of them exists until commitReply.
    var octets = unsafe MutableSpan(
      _unsafeStart: replyOctets + slot * replyCapacity, count: replyCapacity)
    let count = body(&octets)
    commitReply(slot, count: count, to: peer)
    return true
  }

  /// Composes the reply to a datagram of the current batch, as ``withReply(to:_:)`` does for a peer.
  ///
  /// It goes where the datagram came from without reading and writing that address.
  @inlinable
  @discardableResult
  public func withReply(
    toReceived index: Int, _ body: (inout MutableSpan<UInt8>) -> Int
  ) -> Bool {
    let slot = reserveReply()
    guard slot >= 0 else { return false }
    // SAFETY: as above.
    var octets = unsafe MutableSpan(
      _unsafeStart: replyOctets + slot * replyCapacity, count: replyCapacity)
    let count = body(&octets)
    commitReply(slot, count: count, toReceived: index)
    return true
  }

  @usableFromInline
  func reserveReply() -> Int {
    // SAFETY: state lives as long as self.
    // UNREACHABLE: what composes a reply sends none.
    precondition(unsafe !state.pointee.isComposing, "a reply is being composed")
    guard unsafe state.pointee.descriptor >= 0 else { return -1 }
    if unsafe state.pointee.endReply == outgoing.slots {
      if unsafe !state.pointee.isAwaitingRoom { flush() }
      guard unsafe state.pointee.endReply < outgoing.slots else {
        unsafe state.pointee.counters.dropped += 1
        return -1
      }
    }
    unsafe state.pointee.isComposing = true
    return unsafe state.pointee.endReply
  }

  @usableFromInline
  func commitReply(_ slot: Int, count: Int, to peer: Peer) {
    // SAFETY: `slot` came from reserveReply; a slot's name and control buffer hold what is stored.
    guard endComposing(slot, count: count) else { return }
    let header = unsafe outgoing.headers + slot
    unsafe header.pointee.msg_hdr.msg_namelen = peer.address.store(at: outgoing.name(slot))
    if outgoing.controlCapacity > 0 {
      unsafe header.pointee.msg_hdr.msg_controllen =
        ControlMessage.storeSource(of: peer, at: outgoing.control(slot))
    }
    queueReply(slot)
  }

  @usableFromInline
  func commitReply(_ slot: Int, count: Int, toReceived index: Int) {
    // SAFETY: state lives as long as self; the index is checked, `slot` came from reserveReply.
    guard endComposing(slot, count: count) else { return }
    // UNREACHABLE: a bound: numbers are below what receiveBatch() returned.
    precondition(unsafe index >= 0 && index < state.pointee.receivedCount, "no such datagram")
    unsafe outgoing.copyName(of: index, in: incoming, to: slot)
    if outgoing.controlCapacity > 0 {
      unsafe outgoing.headers[slot].msg_hdr.msg_controllen =
        ControlMessage.storeSource(of: peer(index), at: outgoing.control(slot))
    }
    queueReply(slot)
  }

  /// Takes the length of a composed reply; false when there is nothing to send.
  @inline(__always)
  private func endComposing(_ slot: Int, count: Int) -> Bool {
    // SAFETY: state lives as long as self; `slot` came from reserveReply.
    unsafe state.pointee.isComposing = false
    // UNREACHABLE: a writer's limit is its buffer's size.
    precondition(count >= 0 && count <= replyCapacity, "a reply longer than its buffer")
    // The second condition: `body` closed the socket or flushed it.
    guard count > 0, unsafe slot == state.pointee.endReply,
      unsafe state.pointee.descriptor >= 0
    else { return false }
    unsafe outgoing.setLength(count, of: slot)
    return true
  }

  /// Adds a composed reply to those that wait, and sends them when they are a batch.
  @inline(__always)
  private func queueReply(_ slot: Int) {
    // SAFETY: state lives as long as self.
    unsafe state.pointee.endReply = slot + 1
    if unsafe !state.pointee.isAwaitingRoom
      && state.pointee.endReply - state.pointee.firstReply >= batchSize
    {
      flush()
    }
  }

  /// Sends the replies that are waiting.
  ///
  /// What the kernel has no room for stays and is sent when it has. A reply that it refuses, for
  /// lack of a route or of permission, is counted and doesn't hold up the others.
  public func flush() {
    // SAFETY: state lives as long as self; the slots from first to end are composed.
    var first = unsafe state.pointee.firstReply
    let end = unsafe state.pointee.endReply
    while first < end {
      let number = unsafe state.pointee.descriptor
      let result = CallResult(retrying: {
        unsafe Int(
          sendmmsg(
            number, outgoing.headers + first, UInt32(min(end - first, batchSize)),
            Int32(MSG_DONTWAIT | MSG_NOSIGNAL)))
      })
      switch result {
      case .done(let count):
        unsafe state.pointee.counters.sent += UInt64(count)
        first += count
      case .wouldBlock:
        unsafe state.pointee.firstReply = first
        awaitWritability()
        return
      case .failed:
        unsafe state.pointee.counters.errors += 1
        first += 1
      }
    }
    unsafe state.pointee.firstReply = 0
    unsafe state.pointee.endReply = 0
  }

  func becameWritable() {
    // SAFETY: state lives as long as self.
    unsafe state.pointee.isAwaitingRoom = false
    flush()
  }
}
