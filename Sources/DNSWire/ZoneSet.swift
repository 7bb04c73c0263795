import Memory

/// Zones, to be found by the names inside them.
///
/// A name is looked up in one pass over its octets from its right end, however many zones there are.
/// Nothing is allocated after it is made.
public struct ZoneSet: ~Copyable {
  /// The zones' names, lower-cased, one behind the other.
  private let names: FixedArray<UInt8>
  private let zones: FixedArray<Zone>
  /// Numbers of zones by the hash of their names; open addressing, at most half full.
  private let table: FixedArray<UInt32>
  /// Labels of the longest name.
  private let mostLabels: Int
  /// A bit for each last label that zones have, chosen by its hash.
  ///
  /// Nearly every name that is in none of the zones is told by its own last label.
  private let lastLabels: UInt64

  // Not private: the compiler cannot lay out a generic over it from another module then.
  struct Zone: BitwiseCopyable {
    var offset: Int
    var count: Int
    var hash: UInt32
  }

  private static let empty = UInt32.max

  /// Takes zones, numbered in their order; of equal ones the first counts.
  public init(_ list: [Name]) {
    var octets: [UInt8] = []
    var zones: [Zone] = []
    var size = 2
    while size < 2 * list.count { size *= 2 }
    var table = [UInt32](repeating: ZoneSet.empty, count: size)
    var mostLabels = 0
    var lastLabels: UInt64 = 0
    for name in list {
      let wire = name.lowercased.wire
      let starts = Starts(wire.span)
      var hash = ZoneSet.rootHash
      for label in stride(from: starts.count - 1, through: 0, by: -1) {
        hash = ZoneSet.hash(hash, wire.span, labelAt: Int(starts.offsets[label]))
        if label == starts.count - 1 { lastLabels |= ZoneSet.bit(hash) }
      }
      // Every name is in the root.
      if starts.count == 0 { lastLabels = .max }
      mostLabels = max(mostLabels, starts.count)
      var place = Int(hash) & (size - 1)
      while table[place] != ZoneSet.empty { place = (place + 1) & (size - 1) }
      table[place] = UInt32(zones.count)
      zones.append(Zone(offset: octets.count, count: wire.count, hash: hash))
      octets += wire
    }
    names = FixedArray(octets)
    self.zones = FixedArray(zones)
    self.table = FixedArray(table)
    self.mostLabels = mostLabels
    self.lastLabels = lastLabels
  }

  /// How many zones there are.
  public var count: Int { zones.count }

  /// A zone's name in wire form, lower-cased.
  @_lifetime(borrow self)
  public func name(_ number: Int) -> Span<UInt8> {
    names.span.extracting(zones[number].offset..<zones[number].offset + zones[number].count)
  }

  /// The deepest zone that a name is in, its own included.
  ///
  /// - Parameter name: wire form, uncompressed, lower-cased.
  /// - Returns: the zone's number.
  public func zone(of name: Span<UInt8>) -> Int? {
    guard mayHold(name) else { return nil }
    return deepest(name)
  }

  /// Whether some zone may end in the last label of a name; the root's name has none.
  private func mayHold(_ name: Span<UInt8>) -> Bool {
    if lastLabels == .max { return true }
    var last = 0
    var next = 0
    while name[next] != 0 {
      last = next
      next = last + Int(name[last]) + 1
    }
    guard next > 0 else { return false }
    return lastLabels & ZoneSet.bit(ZoneSet.hash(ZoneSet.rootHash, name, labelAt: last)) != 0
  }

  @inline(never)
  private func deepest(_ name: Span<UInt8>) -> Int? {
    var found = find(ZoneSet.rootHash, name.extracting(name.count - 1..<name.count))
    let starts = Starts(name)
    var hash = ZoneSet.rootHash
    var label = starts.count
    while label > 0 && starts.count - label < mostLabels {
      label -= 1
      let start = Int(starts.offsets[label])
      hash = ZoneSet.hash(hash, name, labelAt: start)
      if let deeper = find(hash, name.extracting(start..<name.count)) { found = deeper }
    }
    return found
  }

  private func find(_ hash: UInt32, _ name: Span<UInt8>) -> Int? {
    var place = Int(hash) & (table.count - 1)
    while table[place] != ZoneSet.empty {
      let number = Int(table[place])
      if zones[number].hash == hash && isSame(number, name) { return number }
      place = (place + 1) & (table.count - 1)
    }
    return nil
  }

  private func isSame(_ number: Int, _ name: Span<UInt8>) -> Bool {
    let zone = zones[number]
    guard zone.count == name.count else { return false }
    for index in 0..<name.count where names[zone.offset + index] != name[index] { return false }
    return true
  }

  private static func bit(_ hash: UInt32) -> UInt64 { 1 << UInt64(hash & 63) }

  // MARK: Hashes
  //
  // FNV-1a, from the right end. The zones are the operator's, so nobody chooses names that collide with
  // each other; what a client sends can at most be compared with one of them for each label.

  private static var rootHash: UInt32 { 0x811C_9DC5 }

  private static func hash(
    _ rest: UInt32, _ name: Span<UInt8>, labelAt start: Int
  ) -> UInt32 {
    var hash = rest
    for index in start...start + Int(name[start]) {
      hash = (hash ^ UInt32(name[index])) &* 0x0100_0193
    }
    return hash
  }

  /// Where the labels of a name begin.
  private struct Starts {
    /// A name of 255 octets has 127 labels at most (RFC 1035 §2.3.4).
    var offsets: InlineArray<128, UInt8> = InlineArray(repeating: 0)
    var count = 0

    init(_ name: Span<UInt8>) {
      var position = 0
      while name[position] != 0 {
        offsets[count] = UInt8(truncatingIfNeeded: position)
        count += 1
        position += Int(name[position]) + 1
      }
    }
  }
}
