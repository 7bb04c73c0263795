import CEvent
import Glibc
import System

/// Message headers for recvmmsg or sendmmsg and all that they point to, allocated once.
///
/// Slot `i` owns header `i`, its vector, a name, a control buffer and `capacity` octets.
@safe
struct MessageBatch: ~Copyable {
  /// Octets reserved for a name: a `sockaddr_in6`, rounded up.
  static let nameStride = 32

  let slots: Int
  let capacity: Int
  /// Octets of a slot's control buffer, possibly 0.
  let controlCapacity: Int
  let headers: UnsafeMutablePointer<mmsghdr>
  let octets: UnsafeMutablePointer<UInt8>
  private let vectors: UnsafeMutablePointer<iovec>
  private let names: UnsafeMutableRawPointer
  private let controls: UnsafeMutableRawPointer

  /// Reserves memory; pages are not touched before they are used.
  init(slots: Int, capacity: Int, controlCapacity: Int) throws(SystemError) {
    // UNREACHABLE: sizes are constants.
    precondition(slots >= 0 && capacity >= 0 && controlCapacity >= 0)
    // SAFETY: each array has `slots` elements and every pointer below stays inside of its slot.
    // calloc gives zeroed memory, aligned for any type; deinit frees it.
    let headers: UnsafeMutablePointer<mmsghdr>? = unsafe Self.allocate(slots)
    let vectors: UnsafeMutablePointer<iovec>? = unsafe Self.allocate(slots)
    let octets: Octets? = unsafe Self.allocate(slots * capacity)
    let names: Octets? = unsafe Self.allocate(slots * Self.nameStride)
    let controls: Octets? = unsafe Self.allocate(slots * controlCapacity)
    guard let headers = unsafe headers, let vectors = unsafe vectors, let octets = unsafe octets,
      let names = unsafe names, let controls = unsafe controls
    else {
      unsafe free(headers)
      unsafe free(vectors)
      unsafe free(octets)
      unsafe free(names)
      unsafe free(controls)
      throw SystemError(call: "calloc", purpose: "a socket's buffers", code: ENOMEM)
    }
    self.slots = slots
    self.capacity = capacity
    self.controlCapacity = controlCapacity
    unsafe self.headers = headers
    unsafe self.vectors = vectors
    unsafe self.octets = octets
    unsafe self.names = UnsafeMutableRawPointer(names)
    unsafe self.controls = UnsafeMutableRawPointer(controls)
    for slot in 0..<slots {
      unsafe vectors[slot] = iovec(iov_base: octets + slot * capacity, iov_len: capacity)
      unsafe headers[slot].msg_hdr.msg_iov = vectors + slot
      unsafe headers[slot].msg_hdr.msg_iovlen = 1
      unsafe headers[slot].msg_hdr.msg_name = name(slot)
      unsafe headers[slot].msg_hdr.msg_namelen = socklen_t(KernelAddress.capacity)
      if controlCapacity > 0 {
        unsafe headers[slot].msg_hdr.msg_control = control(slot)
        unsafe headers[slot].msg_hdr.msg_controllen = controlCapacity
      }
    }
  }

  deinit {
    // SAFETY: these came from calloc and nothing else frees them.
    unsafe free(headers)
    unsafe free(vectors)
    unsafe free(octets)
    unsafe free(names)
    unsafe free(controls)
  }

  private typealias Octets = UnsafeMutablePointer<UInt8>

  private static func allocate<T>(_ count: Int) -> UnsafeMutablePointer<T>? {
    let memory = unsafe calloc(max(count, 1), MemoryLayout<T>.stride)
    return unsafe memory?.bindMemory(to: T.self, capacity: max(count, 1))
  }

  @unsafe @inline(__always)
  func name(_ slot: Int) -> UnsafeMutableRawPointer {
    unsafe names + slot * Self.nameStride
  }

  @unsafe @inline(__always)
  func control(_ slot: Int) -> UnsafeMutableRawPointer {
    unsafe controls + slot * controlCapacity
  }

  /// Takes the name in another batch's slot, which the kernel has written, for one of its own.
  @unsafe @inline(__always)
  func copyName(of other: Int, in batch: borrowing MessageBatch, to slot: Int) {
    // SAFETY: each slot has `nameStride` octets for its name.
    unsafe name(slot).copyMemory(from: batch.name(other), byteCount: Self.nameStride)
    unsafe headers[slot].msg_hdr.msg_namelen = batch.headers[other].msg_hdr.msg_namelen
  }

  @unsafe @inline(__always)
  func setLength(_ length: Int, of slot: Int) {
    unsafe vectors[slot].iov_len = length
  }
}
