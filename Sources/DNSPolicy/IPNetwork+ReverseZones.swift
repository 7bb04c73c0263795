import DNSWire

extension IPNetwork {
  /// The zones with the names of this network's addresses (RFC 1035 §3.5, RFC 3596 §2.5).
  ///
  /// A prefix that ends inside a label needs several: 172.16.0.0/12 has those of 172.16.0.0/16 to 172.31.0.0/16.
  /// 128 at most, or 8 for IPv6.
  public var reverseZones: [Name] {
    let bitsPerLabel = address.isIPv4 ? 8 : 4
    let length = Int(prefixLength)
    let labels = (length + bitsPerLabel - 1) / bitsPerLabel
    let missing = labels * bitsPerLabel - length
    return (0..<1 << missing).map { part in
      var octets = address.octets
      if missing > 0 {
        // The label that the prefix ends in is the low or the high half of an octet, or all of it.
        let shift = address.isIPv4 || labels.isMultiple(of: 2) ? 0 : 4
        octets[(labels * bitsPerLabel - 1) / 8] |= UInt8(truncatingIfNeeded: part << shift)
      }
      var name = IPAddress(octets: octets)?.reverseName ?? address.reverseName
      for _ in 0..<address.bitWidth / bitsPerLabel - labels { name = name.parent ?? name }
      return name
    }
  }
}
