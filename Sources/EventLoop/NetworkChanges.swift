import CEvent
import Glibc
import Memory

/// Tells news from repetition in what the kernel says about links, addresses and routes
/// (rtnetlink(7)).
///
/// Much that is announced is nothing new: a router's advertisement renews the lifetime of each
/// address every few minutes, and links report more than whether they work. What is told of for the
/// first time counts as new, for nothing is asked of the kernel beforehand.
struct NetworkChanges {
  /// Links and addresses that are remembered at most; all are forgotten when there are more.
  static let memory = 4_096

  /// What was last told of each link and each address.
  private var links: [Int32: UInt32] = [:]
  private var addresses: [Address: UInt8] = [:]

  private struct Address: Hashable {
    var interface: UInt32
    var high: UInt64
    var low: UInt64
    var family: UInt8
    var prefix: UInt8
  }

  /// Links and addresses that are remembered.
  var rememberedCount: Int { links.count + addresses.count }

  private static let headerSize = MemoryLayout<nlmsghdr>.size

  /// Reads messages as they came from the kernel.
  ///
  /// - Returns: whether there is anything new in them.
  mutating func read(_ octets: Span<UInt8>) -> Bool {
    var isNew = false
    var start = 0
    while start + Self.headerSize <= octets.count {
      let length = Int(octets.native32(start))
      guard length >= Self.headerSize, start + length <= octets.count else { break }
      let body = octets.extracting(start + Self.headerSize..<start + length)
      switch Int(octets.native16(start + 4)) {
      case RTM_NEWLINK: if noteLink(body) { isNew = true }
      case RTM_DELLINK: if forgetLink(body) { isNew = true }
      case RTM_NEWADDR: if noteAddress(body) { isNew = true }
      case RTM_DELADDR: if forgetAddress(body) { isNew = true }
      case RTM_NEWROUTE, RTM_DELROUTE: if isOrdinaryRoute(body) { isNew = true }
      default: break
      }
      // Messages begin at multiples of four.
      start += (length + 3) & ~3
    }
    return isNew
  }

  private mutating func makeRoom() {
    guard rememberedCount >= Self.memory else { return }
    links.removeAll()
    addresses.removeAll()
  }

  // MARK: Links

  /// A link is as good as new when it goes up or down, or gets or loses its carrier.
  private mutating func noteLink(_ body: Span<UInt8>) -> Bool {
    guard body.count >= MemoryLayout<ifinfomsg>.size else { return false }
    let flags = body.native32(8) & UInt32(IFF_UP | IFF_RUNNING)
    makeRoom()
    return links.updateValue(flags, forKey: Int32(bitPattern: body.native32(4))) != flags
  }

  private mutating func forgetLink(_ body: Span<UInt8>) -> Bool {
    guard body.count >= MemoryLayout<ifinfomsg>.size else { return false }
    links[Int32(bitPattern: body.native32(4))] = nil
    return true
  }

  // MARK: Addresses

  private mutating func noteAddress(_ body: Span<UInt8>) -> Bool {
    guard let address = Self.address(body) else { return false }
    makeRoom()
    // The flags tell when an address has passed its test and can be used (RFC 4862 §5.4).
    return addresses.updateValue(body[2], forKey: address) != body[2]
  }

  private mutating func forgetAddress(_ body: Span<UInt8>) -> Bool {
    guard let address = Self.address(body) else { return false }
    addresses[address] = nil
    return true
  }

  private static func address(_ body: Span<UInt8>) -> Address? {
    let headerSize = MemoryLayout<ifaddrmsg>.size
    guard body.count >= headerSize else { return nil }
    var address = Address(
      interface: body.native32(4), high: 0, low: 0, family: body[0], prefix: body[1])
    var start = headerSize
    while start + 4 <= body.count {
      let length = Int(body.native16(start))
      guard length >= 4, start + length <= body.count else { break }
      let kind = Int(body.native16(start + 2))
      // The host's own address is IFA_LOCAL where there is one, as on point-to-point links.
      if kind == IFA_ADDRESS || kind == IFA_LOCAL {
        switch length {
        case 8: address.low = UInt64(body.native32(start + 4))
        case 20:
          address.high = UInt64(body.native32(start + 4)) << 32 | UInt64(body.native32(start + 8))
          address.low = UInt64(body.native32(start + 12)) << 32 | UInt64(body.native32(start + 16))
        default: break
        }
        if kind == IFA_LOCAL { break }
      }
      start += (length + 3) & ~3
    }
    return address
  }

  // MARK: Routes

  /// Whether a route is one that packets of ours may take.
  private func isOrdinaryRoute(_ body: Span<UInt8>) -> Bool {
    guard body.count >= MemoryLayout<rtmsg>.size else { return false }
    let isCloned = body.native32(8) & UInt32(RTM_F_CLONED) != 0
    return body[7] == UInt8(RTN_UNICAST) && !isCloned
  }
}

extension Span<UInt8> {
  /// A number in the machine's own order.
  func native16(_ offset: Int) -> UInt16 { load16(offset).bigEndian }

  /// A number in the machine's own order.
  func native32(_ offset: Int) -> UInt32 { load32(offset).bigEndian }
}
