import DNSPolicy
import DNSWire
import Memory

// Names that this server answers itself.

extension Service {
  /// Writes what is answered here for the key's name, behind the aliases that lead to it.
  ///
  /// - Parameter hidesLoopback: whether aliases may not lead to a loopback address.
  /// - Returns: the message's octets, or nothing when it is for upstream to know.
  @inline(never)
  mutating func composeSpecial(
    _ header: Header, hidesLoopback: Bool, into writer: inout MessageWriter
  ) -> Int? {
    guard case .local(let match) = policy.value.decide(key.octets, asked: header.type) else {
      return nil
    }
    if writer.counts.answer > 0 && hidesLoopback && Service.isLoopback(match, header.type) {
      writer.rewindToQuestion()
      counters.rebindBlocked &+= 1
      return Service.finishBlocked(header, &writer)
    }
    writer.limit = header.limit - header.optOctets
    let mark = writer.mark
    var flags = Service.responseFlags(header.flags)
    // The zone's own data, unless an alias of another's leads here.
    if writer.counts.answer == 0 { flags |= MessageHeader.Flag.authoritative }
    if !writeSpecialData(header.type, match, into: &writer) {
      flags |= rcode(match).rawValue
      writeSpecialSOA(
        match.zone, owner: policy.value.name(match.zone), in: .authority, into: &writer)
    }
    if writer.overflowed {
      writer.rewind(to: mark)
      flags |= MessageHeader.Flag.truncated
    }
    writer.limit = header.limit
    if header.hasEDNS { Service.writeOPT(extendedRcode: 0, for: header, into: &writer) }
    return writer.finish(flags: flags)
  }

  /// Whether a loopback address is answered.
  static func isLoopback(_ match: Policy.LocalMatch, _ type: RecordType) -> Bool {
    match.kind == .loopback && (type == .a || type == .aaaa)
  }

  /// What a name without data of the type asked for is: there, or not there at all.
  private func rcode(_ match: Policy.LocalMatch) -> ResponseCode {
    switch match.kind {
    case .absent: .nxDomain
    case .loopback, .noData: .noError
    case .empty: match.isApex ? .noError : .nxDomain
    case .loopbackReverse:
      // The names between the zone and that of 127.0.0.1 are there, and empty (RFC 8020).
      match.isApex || LocalData.isOnWayToLoopback(key.octets) ? .noError : .nxDomain
    }
  }

  /// Writes the records that the key's name has.
  ///
  /// - Returns: whether there are any.
  private func writeSpecialData(
    _ type: RecordType, _ match: Policy.LocalMatch, into writer: inout MessageWriter
  ) -> Bool {
    switch (match.kind, type) {
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
    case (.loopbackReverse, .ptr) where LocalData.isLoopback(key.octets):
      let begin = beginSpecial(.ptr, into: &writer)
      writer.name(LocalData.localhost.span, compress: true)
      writer.endRecord(begin, in: .answer)
      return true
    case (_, .soa) where match.isApex:
      writeSpecialSOA(match.zone, owner: key.octets, in: .answer, into: &writer)
      return true
    case (_, .ns) where match.isApex:
      let begin = beginSpecial(.ns, into: &writer)
      writer.name(policy.value.name(match.zone), compress: true)
      writer.endRecord(begin, in: .answer)
      return true
    default: return false
    }
  }

  private func beginSpecial(_ type: RecordType, into writer: inout MessageWriter) -> Int {
    writer.beginRecord(ownerName: key.octets, type: type, ttl: LocalData.ttl)
  }

  /// Writes the SOA of RFC 6303 §3.
  private func writeSpecialSOA(
    _ zone: Int, owner: Span<UInt8>, in section: RecordView.Section,
    into writer: inout MessageWriter
  ) {
    let begin = writer.beginRecord(ownerName: owner, type: .soa, ttl: LocalData.ttl)
    writer.name(policy.value.name(zone), compress: true)
    writer.name(LocalData.nobody.span, compress: true)
    for number in [1, 3_600, 1_200, 604_800, LocalData.ttl] as [UInt32] {
      writer.number32(number)
    }
    writer.endRecord(begin, in: section)
  }
}

/// What the records of such names hold.
private enum LocalData {
  /// Seconds for which what is answered here may be kept (RFC 6303 §3).
  static let ttl: UInt32 = 10_800

  /// Who is responsible for a zone of RFC 6303.
  static var nobody: [UInt8] { Array("\u{6}nobody\u{7}invalid\0".utf8) }
  static var localhost: [UInt8] { Array("\u{9}localhost\0".utf8) }
  private static var loopbackName: [UInt8] {
    Array("\u{1}1\u{1}0\u{1}0\u{3}127\u{7}in-addr\u{4}arpa\0".utf8)
  }
  /// Octets of the zone of ::1, which is that address's name.
  private static let loopbackZoneIPv6 = 32 * 2 + 10

  /// Whether a name in one of the two zones is that of a loopback address.
  static func isLoopback(_ name: Span<UInt8>) -> Bool {
    let isIPv4 = name.count == loopbackName.count && isOnWayToLoopback(name)
    return isIPv4 || name.count == loopbackZoneIPv6
  }

  /// Whether a name ends that of 127.0.0.1.
  static func isOnWayToLoopback(_ name: Span<UInt8>) -> Bool {
    let whole = loopbackName
    guard name.count <= whole.count else { return false }
    let skipped = whole.count - name.count
    for index in 0..<name.count where whole[skipped + index] != name[index] { return false }
    return true
  }
}
