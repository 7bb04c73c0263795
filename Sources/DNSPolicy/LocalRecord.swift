import DNSWire
import Memory

/// A record for ``LocalData``, with the line that it stands in.
public struct LocalRecord: ~Escapable {
  /// The owner in wire form, uncompressed, lower-cased.
  public let name: Span<UInt8>
  /// What it is.
  public let type: RecordType
  /// Seconds for which it may be kept; nothing for the usual time.
  public let ttl: UInt32?
  /// Its RDATA, uncompressed and well formed for the type.
  public let data: Span<UInt8>
  /// The line that it was read from, from 1 on.
  public let line: Int
  /// Whether it follows from an address and so gives way to whatever was written: the PTR record of a host.
  public let isDerived: Bool

  /// Puts a record together.
  @_lifetime(copy name, copy data)
  public init(
    _ name: Span<UInt8>, _ type: RecordType, ttl: UInt32? = nil, data: Span<UInt8>, line: Int,
    isDerived: Bool = false
  ) {
    self.name = name
    self.type = type
    self.ttl = ttl
    self.data = data
    self.line = line
    self.isDerived = isDerived
  }
}

/// A name that has records in ``LocalData``; good until that changes.
public struct LocalName: Equatable, Sendable, BitwiseCopyable {
  let node: Reference

  init(node: Reference) { self.node = node }
}

/// Records of a name and type, one after the other; good until ``LocalData`` changes.
public struct LocalRecords: Sendable, BitwiseCopyable {
  let type: RecordType
  /// How good their source is.
  let standing: UInt8
  var current = Reference.none
  /// The one record that is given.
  var only = Reference.none

  init(type: RecordType, standing: UInt8) {
    self.type = type
    self.standing = standing
  }

  /// Whether there is none, or none any more.
  public var isEmpty: Bool { current.isNone }
}

/// Where local records come from.
public enum LocalSource {
  /// What a source is.
  ///
  /// Of two that have the same name the first of these answers for it.
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// The configuration's `local.records`, and this server's own name.
    case records = 0
    /// A zone file.
    case zone = 1
    /// A hosts file.
    case hosts = 2
    /// A DHCP server's leases: their clients chose the names.
    case leases = 3
  }

  /// The number of a source.
  public struct ID: Hashable, Sendable, BitwiseCopyable {
    let number: UInt8

    init(number: UInt8) { self.number = number }

    /// Names a source by its place in a list; nothing beyond ``LocalSource/most``.
    public init?(index: Int) {
      guard index >= 0, index < LocalSource.most else { return nil }
      number = UInt8(index)
    }

    /// Its place in the list.
    public var index: Int { Int(number) }
  }

  /// Sources at most: this server's own name, the configuration's records, and files.
  public static let most = 64
}
