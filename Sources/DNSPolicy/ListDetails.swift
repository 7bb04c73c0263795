import DNSWire
import Memory

/// A rule of a list that says more than which names it is about.
public struct ListDetails: Sendable, Equatable {
  /// The hash of its name.
  public var hash: UInt64
  /// Which names it is about, and whether it excepts them.
  public var kind: NameSet.Kind
  /// Whether it goes before all that are not.
  public var isImportant = false
  /// Types that it is about; all when there is none.
  public var types: [RecordType] = []
  /// Whether it is about all types but those.
  public var exceptsTypes = false
  /// Clients that it is about; all when there is none.
  public var clients: [IPNetwork] = []
  /// Hashes of names that it is not about, each with all below it.
  public var exempt: [UInt64] = []
  /// What is answered, if the list may say so.
  public var answer: BlockAnswer?

  /// Entries of each list in it at most.
  public static let mostEntries = 32
  /// Rules of all lists together at most.
  public static let most = 65_536

  /// Makes a rule about names.
  public init(hash: UInt64, kind: NameSet.Kind) {
    self.hash = hash
    self.kind = kind
  }

  /// Whether it is about a question.
  func isAbout(_ type: RecordType, _ client: IPAddress, isExempt: (UInt64) -> Bool) -> Bool {
    if !types.isEmpty && types.contains(type) == exceptsTypes { return false }
    if !clients.isEmpty && !clients.contains(where: { $0.contains(client) }) { return false }
    return !exempt.contains(where: isExempt)
  }
}

// MARK: In a compiled list

extension ListDetails {
  private enum Flag {
    static let important: UInt8 = 1
    static let exceptsTypes: UInt8 = 2
  }

  private enum AnswerCode {
    static let none: UInt8 = 0
    static let zero: UInt8 = 1
    static let nxDomain: UInt8 = 2
    static let noData: UInt8 = 3
    static let refused: UInt8 = 4
    static let addresses: UInt8 = 5
    static let alias: UInt8 = 6
    static let drop: UInt8 = 7
    static let truncated: UInt8 = 8
  }

  /// Writes it behind other octets.
  public func encode(into octets: inout [UInt8]) {
    octets.append(word: hash | kind.rawValue)
    octets.append((isImportant ? Flag.important : 0) | (exceptsTypes ? Flag.exceptsTypes : 0))
    octets.append(UInt8(clamping: min(types.count, ListDetails.mostEntries)))
    for type in types.prefix(ListDetails.mostEntries) {
      octets.append(UInt8(type.rawValue >> 8))
      octets.append(UInt8(type.rawValue & 0xFF))
    }
    octets.append(UInt8(clamping: min(clients.count, ListDetails.mostEntries)))
    for client in clients.prefix(ListDetails.mostEntries) { octets.append(text: "\(client)") }
    octets.append(UInt8(clamping: min(exempt.count, ListDetails.mostEntries)))
    for hash in exempt.prefix(ListDetails.mostEntries) { octets.append(word: hash) }
    switch answer {
    case nil: octets.append(AnswerCode.none)
    case .zero: octets.append(AnswerCode.zero)
    case .nxDomain: octets.append(AnswerCode.nxDomain)
    case .noData: octets.append(AnswerCode.noData)
    case .refused: octets.append(AnswerCode.refused)
    case .drop: octets.append(AnswerCode.drop)
    case .truncated: octets.append(AnswerCode.truncated)
    case .addresses(let v4, let v6):
      octets.append(AnswerCode.addresses)
      octets.append(text: v4.map { "\($0)" } ?? "")
      octets.append(text: v6.map { "\($0)" } ?? "")
    case .alias(let name):
      octets.append(AnswerCode.alias)
      octets.append(text: "\(name)")
    }
  }

  /// Reads the next from octets; nothing when they are not what ``encode(into:)`` writes.
  ///
  /// - Parameter position: where it begins, afterwards behind it.
  public init?(from octets: Span<UInt8>, at position: inout Int) {
    var reader = OctetReader(position: position)
    guard let word = reader.word(octets), let flags = reader.octet(octets) else { return nil }
    self.init(
      hash: word & ~NameSet.Kind.all.rawValue,
      kind: NameSet.Kind(rawValue: word & NameSet.Kind.all.rawValue))
    isImportant = flags & Flag.important != 0
    exceptsTypes = flags & Flag.exceptsTypes != 0
    guard let typeCount = reader.octet(octets) else { return nil }
    for _ in 0..<typeCount {
      guard let high = reader.octet(octets), let low = reader.octet(octets) else { return nil }
      types.append(RecordType(rawValue: UInt16(high) << 8 | UInt16(low)))
    }
    guard let clientCount = reader.octet(octets) else { return nil }
    for _ in 0..<clientCount {
      guard let client = reader.text(octets).flatMap({ IPNetwork($0) }) else { return nil }
      clients.append(client)
    }
    guard let exemptCount = reader.octet(octets) else { return nil }
    for _ in 0..<exemptCount {
      guard let hash = reader.word(octets) else { return nil }
      exempt.append(hash)
    }
    switch reader.octet(octets) {
    case AnswerCode.none: break
    case AnswerCode.zero: answer = .zero
    case AnswerCode.nxDomain: answer = .nxDomain
    case AnswerCode.noData: answer = .noData
    case AnswerCode.refused: answer = .refused
    case AnswerCode.drop: answer = .drop
    case AnswerCode.truncated: answer = .truncated
    case AnswerCode.addresses:
      guard let v4 = reader.text(octets), let v6 = reader.text(octets) else { return nil }
      answer = .addresses(v4: IPAddress(v4), v6: IPAddress(v6))
    case AnswerCode.alias:
      guard let name = reader.text(octets).flatMap({ try? Name($0) }) else { return nil }
      answer = .alias(name)
    default: return nil
    }
    position = reader.position
  }
}

/// Reads numbers and text from octets, none of which need be there.
struct OctetReader {
  var position: Int

  mutating func octet(_ octets: Span<UInt8>) -> UInt8? {
    guard position >= 0, position < octets.count else { return nil }
    position += 1
    return octets[position - 1]
  }

  mutating func word(_ octets: Span<UInt8>) -> UInt64? {
    guard position >= 0, position <= octets.count - 8 else { return nil }
    position += 8
    return octets.load64(position - 8)
  }

  mutating func text(_ octets: Span<UInt8>) -> String? {
    guard let high = octet(octets), let low = octet(octets) else { return nil }
    let count = Int(high) << 8 | Int(low)
    guard count <= octets.count - position else { return nil }
    let start = position
    position += count
    return String(decoding: (start..<position).map { octets[$0] }, as: UTF8.self)
  }
}

extension [UInt8] {
  /// Writes a number as ``OctetReader/word(_:)`` reads it.
  mutating func append(word: UInt64) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      append(UInt8(truncatingIfNeeded: word >> shift))
    }
  }

  /// Writes text of 65,535 octets at most.
  mutating func append(text: String) {
    let text = Array(text.utf8.prefix(Int(UInt16.max)))
    append(UInt8(truncatingIfNeeded: text.count >> 8))
    append(UInt8(truncatingIfNeeded: text.count))
    append(contentsOf: text)
  }
}
