/// The hardware address of a network interface: 48 bits (IEEE 802).
public struct MACAddress: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
  /// The six octets, in the low bits of a number.
  public let number: UInt64

  /// Takes six octets; nil for any other count.
  public init?(octets: some Collection<UInt8>) {
    guard octets.count == 6 else { return nil }
    number = octets.reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Reads `52:54:00:12:34:56`, with hyphens in place of the colons, too.
  public init?(_ text: String) {
    let parts = text.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
    let octets = parts.compactMap { $0.utf8.count == 2 ? UInt8($0, radix: 16) : nil }
    guard parts.count == 6 else { return nil }
    self.init(octets: octets)
  }

  public var description: String {
    stride(from: UInt64(40), through: 0, by: -8).map { shift in
      let octet = UInt8(truncatingIfNeeded: number >> shift)
      return String(octet >> 4, radix: 16) + String(octet & 15, radix: 16)
    }.joined(separator: ":")
  }
}
