import Configuration
import DNSPolicy
import DNSWire
import EventLoop
import LocalFiles

/// Where some of the LAN's own names come from, and what became of it.
final class LocalFileSource {
  /// Where names come from.
  enum Place: Equatable, CustomStringConvertible {
    /// This server's own name and addresses.
    case ownName
    /// `local.records`.
    case records
    case file(String, Content)

    /// What a file holds.
    enum Content: Equatable {
      case hosts
      case leases
      case zone(Name)
    }

    var path: String? { if case .file(let path, _) = self { path } else { nil } }

    var kind: LocalSource.Kind {
      switch self {
      case .ownName, .records: .records
      case .file(_, .hosts): .hosts
      case .file(_, .leases): .leases
      case .file(_, .zone): .zone
      }
    }

    var description: String {
      switch self {
      case .ownName: "local.name"
      case .records: "local.records"
      case .file(let path, _): path
      }
    }

    /// All that the settings name.
    static func all(_ rules: LocalRules) -> [Place] {
      var all: [Place] = [.ownName]
      if !rules.records.isEmpty { all.append(.records) }
      all += rules.zones.compactMap { zone in zone.file.map { .file($0, .zone(zone.zone.name)) } }
      all += rules.hosts.map { .file($0, .hosts) } + rules.leases.map { .file($0, .leases) }
      return all
    }

    /// What it holds, in a word.
    var word: String {
      switch self {
      case .ownName: "name"
      case .records: "records"
      case .file(_, .hosts): "hosts"
      case .file(_, .leases): "leases"
      case .file(_, .zone): "zone"
      }
    }
  }

  /// What became of it when it was last read.
  enum State: Equatable {
    case unread
    case read
    /// Why it can't be read; what was known of it stays.
    case failed(String)
  }

  let place: Place
  let id: LocalSource.ID
  var watch: FileWatch?
  var state = State.unread
  /// Whether it was read once, so that something may be known of it.
  var hasBeenRead = false
  /// Whether it is named no more, so that its names are to go.
  var isGone = false
  /// Records that it has.
  var records = 0
  /// Lines that couldn't be used.
  var mistakes = 0
  /// The leases that were read last, if it has such.
  var leases: LeaseTable?
  /// When the first of its leases ends, in seconds since 1970.
  var leaseEnd: Int64?

  init(_ place: Place, _ id: LocalSource.ID) {
    self.place = place
    self.id = id
  }
}

/// What was done to keep the LAN's own names.
struct LocalCounters {
  /// Sources that were read to their end.
  var readings: UInt64 = 0
  /// Lines that couldn't be used.
  var mistakes: UInt64 = 0
  /// Lines left out on purpose: loopback addresses in hosts files.
  var ignored: UInt64 = 0
  /// Names that a lease couldn't have, and records beyond those that a name may have.
  var refused: UInt64 = 0
  /// Records that found no room (`local.memory`).
  var noRoom: UInt64 = 0
}
