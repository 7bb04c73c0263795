// IANA "Resource Record (RR) TYPEs". Computed, so that each use is a constant in every module.
extension RecordType {
  /// IPv4 address (RFC 1035 §3.4.1).
  @inlinable public static var a: RecordType { RecordType(1) }
  /// Authoritative name server (RFC 1035 §3.3.11).
  @inlinable public static var ns: RecordType { RecordType(2) }
  /// Mail destination, obsolete (RFC 1035 §3.3.4).
  @inlinable public static var md: RecordType { RecordType(3) }
  /// Mail forwarder, obsolete (RFC 1035 §3.3.5).
  @inlinable public static var mf: RecordType { RecordType(4) }
  /// Canonical name of an alias (RFC 1035 §3.3.1).
  @inlinable public static var cname: RecordType { RecordType(5) }
  /// Start of a zone of authority (RFC 1035 §3.3.13).
  @inlinable public static var soa: RecordType { RecordType(6) }
  /// Mailbox, experimental (RFC 1035 §3.3.3).
  @inlinable public static var mb: RecordType { RecordType(7) }
  /// Mail group member, experimental (RFC 1035 §3.3.6).
  @inlinable public static var mg: RecordType { RecordType(8) }
  /// Mail rename, experimental (RFC 1035 §3.3.8).
  @inlinable public static var mr: RecordType { RecordType(9) }
  /// Anything, experimental (RFC 1035 §3.3.10).
  @inlinable public static var null: RecordType { RecordType(10) }
  /// Well-known services (RFC 1035 §3.4.2).
  @inlinable public static var wks: RecordType { RecordType(11) }
  /// Pointer to a name (RFC 1035 §3.3.12).
  @inlinable public static var ptr: RecordType { RecordType(12) }
  /// Host information (RFC 1035 §3.3.2), and the answer to ANY (RFC 8482).
  @inlinable public static var hinfo: RecordType { RecordType(13) }
  /// Mailbox information (RFC 1035 §3.3.7).
  @inlinable public static var minfo: RecordType { RecordType(14) }
  /// Mail exchange (RFC 1035 §3.3.9).
  @inlinable public static var mx: RecordType { RecordType(15) }
  /// Text (RFC 1035 §3.3.14).
  @inlinable public static var txt: RecordType { RecordType(16) }
  /// Responsible person (RFC 1183 §2.2).
  @inlinable public static var rp: RecordType { RecordType(17) }
  /// AFS database location (RFC 1183 §1).
  @inlinable public static var afsdb: RecordType { RecordType(18) }
  /// X.25 address (RFC 1183 §3.1).
  @inlinable public static var x25: RecordType { RecordType(19) }
  /// ISDN address (RFC 1183 §3.2).
  @inlinable public static var isdn: RecordType { RecordType(20) }
  /// Route through (RFC 1183 §3.3).
  @inlinable public static var rt: RecordType { RecordType(21) }
  /// NSAP address (RFC 1706).
  @inlinable public static var nsap: RecordType { RecordType(22) }
  /// NSAP pointer (RFC 1348).
  @inlinable public static var nsapPTR: RecordType { RecordType(23) }
  /// Security signature (RFC 2535).
  @inlinable public static var sig: RecordType { RecordType(24) }
  /// Security key (RFC 2535).
  @inlinable public static var key: RecordType { RecordType(25) }
  /// X.400 mail mapping (RFC 2163).
  @inlinable public static var px: RecordType { RecordType(26) }
  /// Geographical position (RFC 1712).
  @inlinable public static var gpos: RecordType { RecordType(27) }
  /// IPv6 address (RFC 3596 §2.1).
  @inlinable public static var aaaa: RecordType { RecordType(28) }
  /// Location (RFC 1876).
  @inlinable public static var loc: RecordType { RecordType(29) }
  /// Next domain, obsolete (RFC 2535).
  @inlinable public static var nxt: RecordType { RecordType(30) }
  /// Endpoint identifier.
  @inlinable public static var eid: RecordType { RecordType(31) }
  /// Nimrod locator.
  @inlinable public static var nimloc: RecordType { RecordType(32) }
  /// Server selection (RFC 2782).
  @inlinable public static var srv: RecordType { RecordType(33) }
  /// ATM address.
  @inlinable public static var atma: RecordType { RecordType(34) }
  /// Naming authority pointer (RFC 3403).
  @inlinable public static var naptr: RecordType { RecordType(35) }
  /// Key exchanger (RFC 2230).
  @inlinable public static var kx: RecordType { RecordType(36) }
  /// Certificate (RFC 4398).
  @inlinable public static var cert: RecordType { RecordType(37) }
  /// IPv6 address with indirection, obsolete (RFC 2874).
  @inlinable public static var a6: RecordType { RecordType(38) }
  /// Redirection of a subtree (RFC 6672).
  @inlinable public static var dname: RecordType { RecordType(39) }
  /// Kitchen sink.
  @inlinable public static var sink: RecordType { RecordType(40) }
  /// EDNS pseudo-record (RFC 6891).
  @inlinable public static var opt: RecordType { RecordType(41) }
  /// Address prefix list (RFC 3123).
  @inlinable public static var apl: RecordType { RecordType(42) }
  /// Delegation signer (RFC 4034 §5).
  @inlinable public static var ds: RecordType { RecordType(43) }
  /// SSH key fingerprint (RFC 4255).
  @inlinable public static var sshfp: RecordType { RecordType(44) }
  /// IPsec key (RFC 4025).
  @inlinable public static var ipseckey: RecordType { RecordType(45) }
  /// Signature over an RRset (RFC 4034 §3).
  @inlinable public static var rrsig: RecordType { RecordType(46) }
  /// Next secure name (RFC 4034 §4).
  @inlinable public static var nsec: RecordType { RecordType(47) }
  /// Zone key (RFC 4034 §2).
  @inlinable public static var dnskey: RecordType { RecordType(48) }
  /// DHCP client identifier (RFC 4701).
  @inlinable public static var dhcid: RecordType { RecordType(49) }
  /// Hashed next secure name (RFC 5155 §3).
  @inlinable public static var nsec3: RecordType { RecordType(50) }
  /// NSEC3 parameters (RFC 5155 §4).
  @inlinable public static var nsec3param: RecordType { RecordType(51) }
  /// TLS certificate association (RFC 6698).
  @inlinable public static var tlsa: RecordType { RecordType(52) }
  /// S/MIME certificate association (RFC 8162).
  @inlinable public static var smimea: RecordType { RecordType(53) }
  /// Host identity (RFC 8005).
  @inlinable public static var hip: RecordType { RecordType(55) }
  /// Zone status.
  @inlinable public static var ninfo: RecordType { RecordType(56) }
  /// Record encryption key.
  @inlinable public static var rkey: RecordType { RecordType(57) }
  /// Trust anchor link.
  @inlinable public static var talink: RecordType { RecordType(58) }
  /// Child's copy of DS (RFC 7344).
  @inlinable public static var cds: RecordType { RecordType(59) }
  /// Child's copy of DNSKEY (RFC 7344).
  @inlinable public static var cdnskey: RecordType { RecordType(60) }
  /// OpenPGP key (RFC 7929).
  @inlinable public static var openpgpkey: RecordType { RecordType(61) }
  /// Child-to-parent synchronisation (RFC 7477).
  @inlinable public static var csync: RecordType { RecordType(62) }
  /// Digest of a zone (RFC 8976).
  @inlinable public static var zonemd: RecordType { RecordType(63) }
  /// Service binding (RFC 9460).
  @inlinable public static var svcb: RecordType { RecordType(64) }
  /// Service binding for HTTPS (RFC 9460 §9).
  @inlinable public static var https: RecordType { RecordType(65) }
  /// Endpoint for generalised notification (RFC 9859).
  @inlinable public static var dsync: RecordType { RecordType(66) }
  /// Sender policy, obsolete (RFC 7208 §3.1).
  @inlinable public static var spf: RecordType { RecordType(99) }
  /// Node identifier (RFC 6742).
  @inlinable public static var nid: RecordType { RecordType(104) }
  /// 32-bit locator (RFC 6742).
  @inlinable public static var l32: RecordType { RecordType(105) }
  /// 64-bit locator (RFC 6742).
  @inlinable public static var l64: RecordType { RecordType(106) }
  /// Locator pointer (RFC 6742).
  @inlinable public static var lp: RecordType { RecordType(107) }
  /// 48-bit hardware address (RFC 7043).
  @inlinable public static var eui48: RecordType { RecordType(108) }
  /// 64-bit hardware address (RFC 7043).
  @inlinable public static var eui64: RecordType { RecordType(109) }
  /// Marks a name as absent in NSEC (RFC 9824).
  @inlinable public static var nxname: RecordType { RecordType(128) }
  /// Transaction key (RFC 2930).
  @inlinable public static var tkey: RecordType { RecordType(249) }
  /// Transaction signature (RFC 8945).
  @inlinable public static var tsig: RecordType { RecordType(250) }
  /// Incremental zone transfer (RFC 1995).
  @inlinable public static var ixfr: RecordType { RecordType(251) }
  /// Zone transfer (RFC 5936).
  @inlinable public static var axfr: RecordType { RecordType(252) }
  /// Mailbox records, asked for together (RFC 1035 §3.2.3).
  @inlinable public static var mailb: RecordType { RecordType(253) }
  /// Mail agent records, obsolete (RFC 1035 §3.2.3).
  @inlinable public static var maila: RecordType { RecordType(254) }
  /// Any type, as a question (RFC 1035 §3.2.3, RFC 8482).
  @inlinable public static var any: RecordType { RecordType(255) }
  /// Resource identifier (RFC 7553).
  @inlinable public static var uri: RecordType { RecordType(256) }
  /// Certification authority authorisation (RFC 8659).
  @inlinable public static var caa: RecordType { RecordType(257) }
  /// Application visibility and control.
  @inlinable public static var avc: RecordType { RecordType(258) }
  /// Digital object architecture.
  @inlinable public static var doa: RecordType { RecordType(259) }
  /// Automatic multicast tunnelling relay (RFC 8777).
  @inlinable public static var amtrelay: RecordType { RecordType(260) }
  /// Resolver information (RFC 9606).
  @inlinable public static var resinfo: RecordType { RecordType(261) }
  /// Wallet address.
  @inlinable public static var wallet: RecordType { RecordType(262) }
  /// DNSSEC trust authority.
  @inlinable public static var ta: RecordType { RecordType(32768) }
  /// DNSSEC look-aside validation, obsolete (RFC 8749).
  @inlinable public static var dlv: RecordType { RecordType(32769) }
}
