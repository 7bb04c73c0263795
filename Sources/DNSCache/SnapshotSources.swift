import DNSWire
import Memory

/// The servers that the data of a block came from, numbered anew in each block so that none depends on
/// another.
struct SnapshotSources: ~Copyable {
  /// For a number on one side, that on the other; 0 for none.
  private var numbers = FixedArray<UInt8>(repeating: 0, count: 256)
  /// For a number in the block, less one, that in the cache.
  private var known = FixedArray<UInt8>(repeating: 0, count: 256)
  /// Servers of the block.
  private(set) var count = 0

  /// Bytes of a server in a block: 4 or 6 for the address's family, 16 of the address, of which IPv4 has
  /// the last four, two of the port.
  static let size = 19
  /// Bytes that a block's servers take at most.
  static let most = SourceTable.limit * size

  // MARK: Writing

  /// Forgets the block before.
  mutating func removeAll() {
    for index in 0..<count { numbers[Int(known[index])] = 0 }
    count = 0
  }

  /// The number in the block of a server that has one in the cache.
  mutating func number(of source: UInt8) -> UInt8 {
    guard source > 0, source <= SourceTable.limit else { return 0 }
    if numbers[Int(source)] == 0 {
      known[count] = source
      count += 1
      numbers[Int(source)] = UInt8(count)
    }
    return numbers[Int(source)]
  }

  /// Writes the servers behind the entries of a block.
  ///
  /// - Returns: the offset behind them.
  func write(_ sources: borrowing SourceTable, to buffer: inout MutableSpan<UInt8>, at start: Int)
    -> Int
  {
    var position = start
    for index in 0..<count {
      // UNREACHABLE: number(of:) notes only numbers that the table has given out.
      guard let source = sources[known[index]] else { preconditionFailure("it was given out") }
      buffer[position] = source.address.isIPv4 ? 4 : 6
      buffer.store32(UInt32(truncatingIfNeeded: source.address.high >> 32), position + 1)
      buffer.store32(UInt32(truncatingIfNeeded: source.address.high), position + 5)
      buffer.store32(UInt32(truncatingIfNeeded: source.address.low >> 32), position + 9)
      buffer.store32(UInt32(truncatingIfNeeded: source.address.low), position + 13)
      buffer.store16(source.port, position + 17)
      position += SnapshotSources.size
    }
    return position
  }

  // MARK: Reading

  /// Takes the servers of a block.
  ///
  /// - Returns: whether they are well formed.
  mutating func read(_ octets: Span<UInt8>, into cache: inout Cache) -> Bool {
    count = 0
    var position = 0
    while position < octets.count {
      guard let source = SnapshotSources.source(octets, at: position) else { return false }
      known[count] = cache.number(of: source)
      count += 1
      position += SnapshotSources.size
    }
    return true
  }

  /// The number in the cache of a server with a number in the block; nothing when the block has none.
  func source(_ number: UInt8) -> UInt8? {
    if number == 0 { return 0 }
    return Int(number) <= count ? known[Int(number) - 1] : nil
  }

  private static func source(_ octets: Span<UInt8>, at position: Int) -> Endpoint? {
    let words = [1, 5, 9, 13].map { UInt64(octets.load32(position + $0)) }
    let port = octets.load16(position + 17)
    let high = words[0] << 32 | words[1]
    let low = words[2] << 32 | words[3]
    switch octets[position] {
    case 4 where high == 0 && words[2] == 0:
      return Endpoint(IPAddress(v4: UInt32(truncatingIfNeeded: low)), port: port)
    case 6: return Endpoint(IPAddress(v6High: high, low: low), port: port)
    default: return nil
    }
  }
}
