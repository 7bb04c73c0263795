import DNSWire

/// What a row of a lease file says.
public struct Lease: Equatable, Sendable {
  /// The client's address.
  public var address: IPAddress
  /// What the client calls itself, as a label that a host may have; nothing when it says nothing of use.
  public var label: [UInt8]?
  /// When it ends, in seconds since 1970; nothing for never.
  public var expiry: Int64?
  /// Whether the address is the client's; else the row says that it isn't any more.
  public var isActive = true
  /// The line that it stands in, or begins at.
  public var line: Int
}

/// The leases of a server: for each address the last row of its files counts.
public struct LeaseTable: Sendable {
  private var leases: [IPAddress: (lease: Lease, order: Int)] = [:]
  private var rows = 0

  /// Leases that are kept at most; a file with more is no home's and no office's.
  public static let mostLeases = 65_536
  /// Rows that found no room.
  public private(set) var isFull = false

  /// Begins with no lease.
  public init() {}

  /// Takes the next row.
  public mutating func take(_ lease: Lease) {
    rows += 1
    guard lease.isActive else {
      leases[lease.address] = nil
      return
    }
    guard leases.count < LeaseTable.mostLeases || leases[lease.address] != nil else {
      isFull = true
      return
    }
    leases[lease.address] = (lease, rows)
  }

  /// A name that a client may not have.
  public struct Refusal: Equatable, Sendable {
    /// The name.
    public var label: String
    /// Why, as the rest of a sentence that begins with "it".
    public var why: String

    /// Names a name and why it is refused.
    public init(label: String, why: String) {
      self.label = label
      self.why = why
    }
  }

  /// The names that are in force at a time, and what was refused.
  ///
  /// Of two leases with the same name and kind of address the newer counts: the one that ends later, and of those the
  /// later row.
  ///
  /// - Returns: the records, in the order of the rows; when the first lease ends.
  public func records(
    domain: Name?, now: Int64
  ) -> (records: [LocalFileRecord], refusals: [Refusal], nextEnd: Int64?) {
    struct Key: Hashable {
      var label: [UInt8]
      var isIPv4: Bool
    }
    var refusals: [Refusal] = []
    var best: [Key: (lease: Lease, order: Int)] = [:]
    var nextEnd: Int64?
    for (lease, order) in leases.values.sorted(by: { $0.order < $1.order }) {
      if let expiry = lease.expiry {
        guard expiry > now else { continue }
        nextEnd = min(nextEnd ?? expiry, expiry)
      }
      guard let label = lease.label else { continue }
      let text = String(decoding: label, as: UTF8.self)
      guard !HostName.reserved.contains(text) else {
        refusals.append(Refusal(label: text, why: "is a name that programs rely on"))
        continue
      }
      let key = Key(label: label, isIPv4: lease.address.isIPv4)
      guard let other = best[key] else {
        best[key] = (lease, order)
        continue
      }
      refusals.append(Refusal(label: text, why: "is the name of a newer lease, too"))
      if (lease.expiry ?? .max, order) >= (other.lease.expiry ?? .max, other.order) {
        best[key] = (lease, order)
      }
    }
    let names = HostNames(domain: domain)
    let records = best.values.sorted { $0.order < $1.order }.flatMap { lease, _ in
      guard let label = lease.label, let name = try? Name(labels: [label]) else {
        return [LocalFileRecord]()
      }
      return names.records([name], lease.address, line: lease.line, isReversed: true)
    }
    return (records, refusals, nextEnd)
  }
}
