import DNSWire

/// An RRset's rank, its section, and how often it was asked for again in vain, in one octet.
///
/// The rank is on top, so that octets compare as ranks do.
struct RankAndSection: RawRepresentable {
  var rawValue: UInt8

  /// What has at least a rank is not below this.
  @inline(__always)
  static func least(_ rank: Rank) -> UInt8 { rank.rawValue << 5 }
  /// The least of what answers a question of its own.
  @inline(__always)
  static var leastAnswer: UInt8 { least(.aliasedAnswer) }

  /// Renewals that are counted at most.
  static let mostRenewals: UInt8 = 7

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init(_ rank: Rank, _ section: RecordView.Section) {
    rawValue = RankAndSection.least(rank) | section.rawValue << 3
  }

  var rank: Rank { Rank(rawValue: rawValue >> 5) ?? .additional }

  var section: RecordView.Section {
    RecordView.Section(rawValue: rawValue >> 3 & 3) ?? .additional
  }

  /// How often the RRset was asked for again before its time was over, without its being replaced.
  var renewals: UInt8 {
    get { rawValue & RankAndSection.mostRenewals }
    set {
      rawValue =
        rawValue & ~RankAndSection.mostRenewals | min(newValue, RankAndSection.mostRenewals)
    }
  }
}
