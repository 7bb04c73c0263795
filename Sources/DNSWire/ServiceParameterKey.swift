/// The key of a service parameter (RFC 9460 §14.3).
struct ServiceParameterKey: CodePoint {
  let rawValue: UInt16

  init(rawValue: UInt16) { self.rawValue = rawValue }

  static let mandatory = ServiceParameterKey(0)
  static let alpn = ServiceParameterKey(1)
  static let noDefaultALPN = ServiceParameterKey(2)
  static let port = ServiceParameterKey(3)
  static let ipv4Hint = ServiceParameterKey(4)
  static let ech = ServiceParameterKey(5)
  static let ipv6Hint = ServiceParameterKey(6)
  /// A URI template (RFC 9461 §5).
  static let dohPath = ServiceParameterKey(7)
  /// No value (RFC 9540 §4).
  static let obliviousHTTP = ServiceParameterKey(8)

  static let mnemonics = Mnemonics<UInt16>(
    prefix: "key",
    [
      0: "mandatory", 1: "alpn", 2: "no-default-alpn", 3: "port", 4: "ipv4hint", 5: "ech",
      6: "ipv6hint", 7: "dohpath", 8: "ohttp",
    ])
}
