import DNSCache
import DNSWire
import Memory

/// The zones that are answered here, whatever upstream would say.
struct SpecialNames: ~Copyable {
  private let zones: ZoneSet
  private let kinds: FixedArray<SpecialZone.Kind>

  init(_ list: [SpecialZone]) {
    zones = ZoneSet(list.map(\.name))
    kinds = FixedArray(list.map(\.kind))
  }

  /// Where a name is.
  struct Place {
    /// The zone's number.
    var zone: Int
    /// What is answered in that zone.
    var kind: SpecialZone.Kind
    /// Whether the name is the zone's own.
    var isApex: Bool
  }

  /// Looks up a name in wire form, lower-cased.
  func place(of name: Span<UInt8>) -> Place? {
    guard let zone = zones.zone(of: name) else { return nil }
    return Place(zone: zone, kind: kinds[zone], isApex: zones.name(zone).count == name.count)
  }

  /// Looks up a name that is asked for; nothing when the question is for upstream all the same.
  func place(of name: Span<UInt8>, asked type: RecordType) -> Place? {
    guard let place = place(of: name) else { return nil }
    // The parent zone's data: signed proof that the zone is not (RFC 6303 §4, RFC 8375 §4).
    if type == .ds && place.isApex && place.kind.isDelegated { return nil }
    return place
  }

  /// A zone's name.
  @_lifetime(borrow self)
  func name(_ zone: Int) -> Span<UInt8> { zones.name(zone) }
}

extension Frontend {
  /// Writes what is answered here for the key's name, behind the aliases that lead to it.
  ///
  /// - Returns: the message's octets, or nothing when it is for upstream to know.
  @inline(never)
  mutating func composeSpecial(
    _ header: Header, behind cache: borrowing Cache, into writer: inout MessageWriter
  ) -> Int? {
    guard let place = special.place(of: key.octets, asked: header.type) else { return nil }
    if writer.counts.answer > 0 && cache.isAliasFiltered
      && Frontend.isLocal(place, header.type, cache)
    {
      writer.rewindToQuestion()
      counters.rebindBlocked &+= 1
      return Frontend.finishBlocked(header, &writer)
    }
    writer.limit = header.limit - header.optOctets
    let mark = writer.mark
    var flags = Frontend.responseFlags(header.flags)
    // The zone's own data, unless an alias of another's leads here.
    if writer.counts.answer == 0 { flags |= MessageHeader.Flag.authoritative }
    if !writeSpecialData(header.type, place, into: &writer) {
      flags |= rcode(place).rawValue
      writeSpecialSOA(
        place.zone, owner: special.name(place.zone), in: .authority, into: &writer)
    }
    if writer.overflowed {
      writer.rewind(to: mark)
      flags |= MessageHeader.Flag.truncated
    }
    writer.limit = header.limit
    if header.hasEDNS { Frontend.writeOPT(extendedRcode: 0, for: header, into: &writer) }
    return writer.finish(flags: flags)
  }

  /// Whether a local address is answered that counts for rebind protection.
  static func isLocal(
    _ place: SpecialNames.Place, _ type: RecordType, _ cache: borrowing Cache
  ) -> Bool {
    place.kind == .loopback && (type == .a || type == .aaaa) && cache.rebindFilter.coversLoopback
  }

  /// What a name without data of the type asked for is: there, or not there at all.
  private func rcode(_ place: SpecialNames.Place) -> ResponseCode {
    switch place.kind {
    case .absent: .nxDomain
    case .loopback, .noData: .noError
    case .empty: place.isApex ? .noError : .nxDomain
    case .loopbackReverse:
      // The names between the zone and that of 127.0.0.1 are there, and empty (RFC 8020).
      place.isApex || SpecialNames.isOnWayToLoopback(key.octets) ? .noError : .nxDomain
    }
  }

  /// Writes the records that the key's name has.
  ///
  /// - Returns: whether there are any.
  private func writeSpecialData(
    _ type: RecordType, _ place: SpecialNames.Place, into writer: inout MessageWriter
  ) -> Bool {
    switch (place.kind, type) {
    case (.absent, _): return false
    case (.loopback, .a):
      let begin = beginSpecial(.a, into: &writer)
      writer.number32(0x7F00_0001)
      writer.endRecord(begin, in: .answer)
      return true
    case (.loopback, .aaaa):
      let begin = beginSpecial(.aaaa, into: &writer)
      for part in [0, 0, 0, 1] as [UInt32] { writer.number32(part) }
      writer.endRecord(begin, in: .answer)
      return true
    case (.loopbackReverse, .ptr) where SpecialNames.isLoopback(key.octets):
      let begin = beginSpecial(.ptr, into: &writer)
      writer.name(SpecialNames.localhost.span, compress: true)
      writer.endRecord(begin, in: .answer)
      return true
    case (_, .soa) where place.isApex:
      writeSpecialSOA(place.zone, owner: key.octets, in: .answer, into: &writer)
      return true
    case (_, .ns) where place.isApex:
      let begin = beginSpecial(.ns, into: &writer)
      writer.name(special.name(place.zone), compress: true)
      writer.endRecord(begin, in: .answer)
      return true
    default: return false
    }
  }

  private func beginSpecial(_ type: RecordType, into writer: inout MessageWriter) -> Int {
    writer.beginRecord(ownerName: key.octets, type: type, ttl: SpecialNames.ttl)
  }

  /// Writes the SOA of RFC 6303 §3.
  private func writeSpecialSOA(
    _ zone: Int, owner: Span<UInt8>, in section: RecordView.Section,
    into writer: inout MessageWriter
  ) {
    let begin = writer.beginRecord(ownerName: owner, type: .soa, ttl: SpecialNames.ttl)
    writer.name(special.name(zone), compress: true)
    writer.name(SpecialNames.nobody.span, compress: true)
    for number in [1, 3_600, 1_200, 604_800, SpecialNames.ttl] as [UInt32] {
      writer.number32(number)
    }
    writer.endRecord(begin, in: section)
  }
}

extension SpecialNames {
  /// Seconds for which what is answered here may be kept (RFC 6303 §3).
  fileprivate static let ttl: UInt32 = 10_800

  /// Who is responsible for a zone of RFC 6303.
  fileprivate static var nobody: [UInt8] { Array("\u{6}nobody\u{7}invalid\0".utf8) }
  fileprivate static var localhost: [UInt8] { Array("\u{9}localhost\0".utf8) }
  private static var loopbackName: [UInt8] {
    Array("\u{1}1\u{1}0\u{1}0\u{3}127\u{7}in-addr\u{4}arpa\0".utf8)
  }
  /// Octets of the zone of ::1, which is that address's name.
  private static let loopbackZoneIPv6 = 32 * 2 + 10

  /// Whether a name in one of the two zones is that of a loopback address.
  fileprivate static func isLoopback(_ name: Span<UInt8>) -> Bool {
    let isIPv4 = name.count == loopbackName.count && isOnWayToLoopback(name)
    return isIPv4 || name.count == loopbackZoneIPv6
  }

  /// Whether a name ends that of 127.0.0.1.
  fileprivate static func isOnWayToLoopback(_ name: Span<UInt8>) -> Bool {
    let whole = loopbackName
    guard name.count <= whole.count else { return false }
    let skipped = whole.count - name.count
    for index in 0..<name.count where whole[skipped + index] != name[index] { return false }
    return true
  }
}

extension SpecialZone.Kind {
  /// Whether the public DNS has a delegation for the zone, and so something to say of its DS.
  fileprivate var isDelegated: Bool { self == .empty || self == .loopbackReverse }
}
