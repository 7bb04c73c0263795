import Memory

/// Addresses that mean something only where they are: this host, this link, this network.
///
/// A public name that leads to one of them turns a visitor's browser against the visitor's own network
/// (DNS rebinding).
public enum LocalAddress {
  /// Where an address leads.
  public enum Scope: Sendable {
    /// To this very host.
    case loopback
    /// To this link or network.
    case network
  }

  /// The scope of an IPv4 address; nothing for those of the internet.
  public static func scope(v4 address: UInt32) -> Scope? {
    switch address >> 24 {
    case 127: return .loopback
    // "This host on this network" (RFC 6890) reaches services on the host itself; private (RFC 1918).
    case 0, 10: return .network
    default: break
    }
    switch address >> 16 {
    // Link-local (RFC 3927) and private.
    case 0xA9FE, 0xC0A8: return .network
    // Private; shared by carriers and overlay networks (RFC 6598).
    case 0xAC10...0xAC1F, 0x6440...0x647F: return .network
    default: return nil
    }
  }

  /// The scope of an IPv6 address, also when it carries an IPv4 address that has one.
  public static func scope(v6High high: UInt64, low: UInt64) -> Scope? {
    let inner = UInt32(truncatingIfNeeded: low)
    if high == 0 {
      if low == 1 { return .loopback }
      // Unspecified; IPv4-mapped and -compatible (RFC 4291 §2.5.5), translated (RFC 2765 §2.1).
      switch low >> 32 {
      case 0, 0xFFFF, 0xFFFF_0000: return low == 0 ? .network : scope(v4: inner)
      default: return nil
      }
    }
    // Unique local (RFC 4193), link-local, and what once was site-local (RFC 3879).
    if high >> 57 == 0xFC >> 1 || high >> 54 == 0xFE80 >> 6 || high >> 54 == 0xFEC0 >> 6 {
      return .network
    }
    // NAT64: the well-known prefix (RFC 6052 §2.1) and those of RFC 8215.
    if high == 0x0064_FF9B_0000_0000 && low >> 32 == 0 || high >> 16 == 0x0064_FF9B_0001 {
      return scope(v4: inner)
    }
    // 6to4 (RFC 3056).
    if high >> 48 == 0x2002 { return scope(v4: UInt32(truncatingIfNeeded: high >> 16)) }
    return nil
  }

  /// The widest scope of the addresses in a record's RDATA: A, AAAA, and the hints of SVCB and HTTPS.
  ///
  /// - Parameter data: RDATA that was found to be well formed, uncompressed.
  public static func scope(of data: Span<UInt8>, type: RecordType) -> Scope? {
    switch type {
    case .a: return data.count == 4 ? scope(v4: data.load32(0)) : nil
    case .aaaa: return data.count == 16 ? scope(v6: data, at: 0) : nil
    case .svcb, .https: return scope(ofHints: data)
    default: return nil
    }
  }

  private static func scope(v6 data: Span<UInt8>, at offset: Int) -> Scope? {
    scope(
      v6High: UInt64(data.load32(offset)) << 32 | UInt64(data.load32(offset + 4)),
      low: UInt64(data.load32(offset + 8)) << 32 | UInt64(data.load32(offset + 12)))
  }

  /// The addresses among service parameters (RFC 9460 §7.3).
  private static func scope(ofHints data: Span<UInt8>) -> Scope? {
    guard data.count > 2, var position = try? WireName.skip(data, at: 2) else { return nil }
    var widest: Scope?
    while position + 4 <= data.count {
      let key = ServiceParameterKey(rawValue: data.load16(position))
      let end = position + 4 + Int(data.load16(position + 2))
      guard end <= data.count else { return widest }
      position += 4
      let size = key == .ipv4Hint ? 4 : 16
      while (key == .ipv4Hint || key == .ipv6Hint) && position + size <= end {
        let found = size == 4 ? scope(v4: data.load32(position)) : scope(v6: data, at: position)
        if found == .network { return .network }
        widest = found ?? widest
        position += size
      }
      position = end
    }
    return widest
  }
}
