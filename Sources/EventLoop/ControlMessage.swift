import CEvent
import DNSWire
import Glibc
import System

/// The one control message that goes with a datagram: which local address it came to or leaves
/// from.
///
/// The layout is that of CMSG_FIRSTHDR, CMSG_DATA and CMSG_SPACE on Linux: a `cmsghdr`, its data,
/// and padding up to the size of a word.
enum ControlMessage {
  static let headerSize = MemoryLayout<cmsghdr>.size
  static let wordSize = MemoryLayout<Int>.size

  /// Room for the packet information of either family.
  static let capacity = space(MemoryLayout<in6_pktinfo>.size)

  static func space(_ dataSize: Int) -> Int { headerSize + padded(dataSize) }

  @inline(__always)
  static func padded(_ size: Int) -> Int { (size + wordSize - 1) & ~(wordSize - 1) }

  /// The first message of a kind in a control buffer: where its data begins.
  ///
  /// The kernel wrote `length` octets at `control`. Returns nil unless `dataSize` octets of data
  /// are there.
  @unsafe @inline(__always)
  static func find(
    level: Int32, type: Int32, dataSize: Int, in control: UnsafeRawPointer, length: Int
  ) -> UnsafeRawPointer? {
    var offset = 0
    while offset + headerSize <= length {
      let header = unsafe control.loadUnaligned(fromByteOffset: offset, as: cmsghdr.self)
      let size = Int(header.cmsg_len)
      // A shorter length than the header's own would make no progress.
      guard size >= headerSize, offset + size <= length else { return nil }
      if header.cmsg_level == level, header.cmsg_type == type {
        return size >= headerSize + dataSize ? unsafe control + offset + headerSize : nil
      }
      offset += padded(size)
    }
    return nil
  }

  /// Writes the message that makes a reply leave from `peer.local`, and returns its length.
  ///
  /// 0, no message, when that address can't be a source: the kernel then picks one.
  @unsafe @inline(__always)
  static func storeSource(of peer: Peer, at control: UnsafeMutableRawPointer) -> Int {
    let local = peer.local.address
    let data = unsafe control + headerSize
    if local.isIPv4 {
      guard !local.isUnspecified, !local.isMulticast else { return 0 }
      let size = MemoryLayout<in_pktinfo>.size
      let source = in_addr(s_addr: UInt32(truncatingIfNeeded: local.low).bigEndian)
      // Interface 0: the routing table decides, as for any packet.
      let information = in_pktinfo(
        ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: in_addr(s_addr: 0))
      unsafe data.storeBytes(of: information, as: in_pktinfo.self)
      unsafe storeHeader(level: Int32(IPPROTO_IP), type: IP_PKTINFO, size: size, at: control)
      return space(size)
    }
    // RFC 3542 §6.1: `::` leaves the address to the kernel, interface 0 the interface. Link-local
    // addresses mean something on their own link only.
    let sourceIsUsable = !local.isMulticast
    let interface = local.isLinkLocalIPv6 || !sourceIsUsable ? peer.interface : 0
    guard interface != 0 || (sourceIsUsable && !local.isUnspecified) else { return 0 }
    let source = sourceIsUsable ? local : IPAddress(v6High: 0, low: 0)
    unsafe source.store(ipv6At: data)
    unsafe data.storeBytes(of: interface, toByteOffset: 16, as: UInt32.self)
    let size = MemoryLayout<in6_pktinfo>.size
    unsafe storeHeader(level: Int32(IPPROTO_IPV6), type: IPV6_PKTINFO, size: size, at: control)
    return space(size)
  }

  @unsafe @inline(__always)
  private static func storeHeader(
    level: Int32, type: Int32, size: Int, at control: UnsafeMutableRawPointer
  ) {
    var header = cmsghdr()
    header.cmsg_len = headerSize + size
    header.cmsg_level = level
    header.cmsg_type = type
    unsafe control.storeBytes(of: header, as: cmsghdr.self)
  }
}
