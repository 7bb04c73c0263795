import DNSWire

/// What a row of a lease file says.
public struct Lease: Equatable, Sendable {
  /// The client's address.
  public var address: IPAddress
  /// What the client calls itself, as a label that a host may have; nothing when it says nothing of use.
  public var label: [UInt8]?
  /// Who it is, as the file has it; empty when it doesn't say.
  public var client: [UInt8] = []
  /// When it ends, in seconds since 1970; nothing for never.
  public var expiry: Int64?
  /// Whether the address is the client's; else the row says that it isn't any more.
  public var isActive = true
  /// The line that it stands in, or begins at.
  public var line: Int

  func isInForce(at now: Int64) -> Bool { isActive && expiry ?? .max > now }

  /// Whether a lease is of the same client, of which IPv6 has several.
  func isSameHost(as other: Lease) -> Bool {
    !address.isIPv4 && !client.isEmpty && client == other.client
  }
}

/// The leases of a server: for each address the last row of its files counts.
///
/// At the end of the files it hands out their names, a lease at a time, for there may be many.
public struct LeaseTable: Sendable {
  /// Addresses that are kept at most; a file with more is no home's and no office's.
  public static let mostLeases = 65_536

  /// The last row of each address, in the order of the first.
  private var leases: [(lease: Lease, row: Int)] = []
  private var places: [IPAddress: Int] = [:]
  private var rows = 0
  /// Whether rows found no room.
  public private(set) var isFull = false

  /// The lease that has a name, by kind of address.
  private var owners: [Key: Int] = [:]
  /// How far the names are handed out: each lease is seen twice.
  private var cursor = 0
  /// When the first lease ends, in seconds since 1970, of those that have been handed out.
  public private(set) var nextEnd: Int64?

  private struct Key: Hashable {
    var label: [UInt8]
    var isIPv4: Bool
  }

  /// Begins without leases.
  public init() {}

  /// Takes the next row.
  public mutating func take(_ lease: Lease) {
    rows += 1
    if let place = places[lease.address] {
      leases[place] = (lease, rows)
    } else if lease.isActive {
      guard leases.count < LeaseTable.mostLeases else {
        isFull = true
        return
      }
      places[lease.address] = leases.count
      leases.append((lease, rows))
    }
  }

  /// A name that a client may not have.
  public struct Refusal: Equatable, Sendable {
    /// What the client calls itself.
    public var label: String
    /// Why not, to follow "it".
    public var why: String

    /// Names a name and why it is refused.
    public init(label: String, why: String) {
      self.label = label
      self.why = why
    }
  }

  /// What a lease comes to.
  public enum Outcome: Equatable, Sendable {
    case records([LocalFileEvent])
    case refused(Refusal)
    /// It is over, has no name, or has its turn later.
    case nothing
  }

  /// Hands out the next of what is in force at a time; nothing at the end.
  ///
  /// Of two leases with the same name and kind of address the newer counts: the one that ends later, and of those the
  /// later row. All IPv6 addresses of one client count: it has one of each prefix.
  public mutating func next(domain: Name?, now: Int64) -> Outcome? {
    defer { cursor += 1 }
    if cursor < leases.count { return choose(cursor, now: now) }
    let place = cursor - leases.count
    guard place < leases.count else { return nil }
    let lease = leases[place].lease
    guard lease.isInForce(at: now), let label = lease.label,
      let owner = owners[Key(label: label, isIPv4: lease.address.isIPv4)],
      owner == place || leases[owner].lease.isSameHost(as: lease)
    else { return .nothing }
    return .records(
      HostNames(domain: domain).records(
        [[UInt8(label.count)] + label + [0]], lease.address, line: lease.line, isReversed: true))
  }

  /// Gives a lease its name, unless a newer one has it.
  private mutating func choose(_ place: Int, now: Int64) -> Outcome {
    let (lease, row) = leases[place]
    guard lease.isInForce(at: now) else { return .nothing }
    if let expiry = lease.expiry { nextEnd = min(nextEnd ?? expiry, expiry) }
    guard let label = lease.label else { return .nothing }
    let text = String(decoding: label, as: UTF8.self)
    guard !HostName.reserved.contains(text) else {
      return .refused(Refusal(label: text, why: "is a name that programs rely on"))
    }
    let key = Key(label: label, isIPv4: lease.address.isIPv4)
    guard let owner = owners[key] else {
      owners[key] = place
      return .nothing
    }
    let (other, otherRow) = leases[owner]
    if (lease.expiry ?? .max, row) >= (other.expiry ?? .max, otherRow) { owners[key] = place }
    if other.isSameHost(as: lease) { return .nothing }
    return .refused(Refusal(label: text, why: "is the name of a newer lease, too"))
  }
}
