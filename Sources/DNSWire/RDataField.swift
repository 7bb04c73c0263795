/// One part of RDATA, as the type's RFC orders them; text and octets follow the same list.
enum RDataField {
  case number8, number16, number32
  /// Seconds that may be written with units, `1h30m`.
  case period
  /// Seconds since 1970, written as a date (RFC 4034 §3.2).
  case time
  case address4, address6
  /// This many octets of a hardware address, `00-00-5e-00-53-2a` (RFC 7043 §3.2).
  case hardwareAddress(Int)
  /// An uncompressed domain name.
  case name
  /// A character-string: a length octet and that many more (RFC 1035 §3.3).
  case string
  /// One character-string or more, to the end.
  case strings
  /// All remaining octets, in quotes.
  case quoted
  /// A property tag of letters and digits, with a length octet (RFC 8659 §4.1).
  case tag
  /// The number of a type, by its mnemonic.
  case type
  /// All remaining octets, at least one, in hexadecimal.
  case hex
  /// All remaining octets, at least one, in base64.
  case base64
  /// A length octet and that many more in hexadecimal, `-` for none (RFC 5155 §3.3).
  case salt
  /// A length octet and that many more, at least one, in base32hex (RFC 5155 §3.3).
  case hash
  /// The types at a name, to the end (RFC 4034 §4.1.2).
  case typeBitmap
  /// Service parameters, to the end (RFC 9460 §2.2).
  case serviceParameters
  /// A place on Earth (RFC 1876 §2).
  case location

  /// The fields of a type, or nil when it has only the form of RFC 3597.
  static func fields(of type: RecordType) -> [RDataField]? {
    switch type {
    case .a: [.address4]
    case .aaaa: [.address6]
    case .ns, .md, .mf, .cname, .mb, .mg, .mr, .ptr, .dname, .nsapPTR: [.name]
    case .soa: [.name, .name, .number32, .period, .period, .period, .period]
    case .minfo, .rp, .talink: [.name, .name]
    case .mx, .afsdb, .rt, .kx, .lp: [.number16, .name]
    case .px: [.number16, .name, .name]
    case .txt, .spf, .ninfo, .avc, .resinfo, .wallet: [.strings]
    case .hinfo: [.string, .string]
    case .x25: [.string]
    case .gpos: [.string, .string, .string]
    case .srv: [.number16, .number16, .number16, .name]
    case .naptr: [.number16, .number16, .string, .string, .string, .name]
    case .loc: [.location]
    case .cert: [.number16, .number16, .number8, .base64]
    case .ds, .cds, .dlv, .ta: [.number16, .number8, .number8, .hex]
    case .key, .dnskey, .cdnskey, .rkey: [.number16, .number8, .number8, .base64]
    case .sig, .rrsig:
      [.type, .number8, .number8, .number32, .time, .time, .number16, .name, .base64]
    case .nsec: [.name, .typeBitmap]
    case .nsec3: [.number8, .number8, .number16, .salt, .hash, .typeBitmap]
    case .nsec3param: [.number8, .number8, .number16, .salt]
    case .csync: [.number32, .number16, .typeBitmap]
    case .sshfp: [.number8, .number8, .hex]
    case .tlsa, .smimea: [.number8, .number8, .number8, .hex]
    case .zonemd: [.number32, .number8, .number8, .hex]
    case .openpgpkey, .dhcid: [.base64]
    case .svcb, .https: [.number16, .name, .serviceParameters]
    case .l32: [.number16, .address4]
    case .eui48: [.hardwareAddress(6)]
    case .eui64: [.hardwareAddress(8)]
    case .uri: [.number16, .number16, .quoted]
    case .caa: [.number8, .tag, .quoted]
    default: nil
    }
  }
}
