import DNSWire
import Memory

/// Keyed hashes of names, each made from that of its parent: one pass from the right end gives those of all suffixes.
///
/// A polynomial in a secret point, modulo 2⁶¹ − 1: two names have the same hash for at most one in 2⁵⁵ of the points,
/// whatever names somebody chooses who does not know it (Carter and Wegman, "Universal classes of hash functions",
/// 1979). So the hash stands for the name, and the name need not be kept.
public struct NameHasher: Sendable, Equatable {
  private let point: UInt64
  private let pad: UInt64

  /// Octets of a key.
  public static let keyOctets = 16
  /// Bits at the low end of a hash that are always zero: whoever keeps hashes has room there.
  public static let freeBits = 4

  /// Makes a hash function from two random words, which have to stay secret.
  public init(_ first: UInt64, _ second: UInt64) {
    // Neither 0 nor 1, with which order or all of a name would not count.
    point = first % (Self.modulus - 2) + 2
    pad = second
  }

  /// Makes a hash function from the octets of a key; nil for another count.
  public init?(key: Span<UInt8>) {
    guard key.count == Self.keyOctets else { return nil }
    self.init(key.load64(0), key.load64(8))
  }

  private static var modulus: UInt64 { 1 << 61 - 1 }

  /// Tells the key from others, and nothing more of it.
  public var keyNumber: UInt64 {
    // "key", a name of one label.
    let name: InlineArray<5, UInt8> = [3, 0x6B, 0x65, 0x79, 0]
    return hash(name.span)
  }

  /// The hash of a whole name.
  ///
  /// - Parameter name: wire form, uncompressed, lower-cased.
  public func hash(_ name: Span<UInt8>) -> UInt64 {
    var last = finish(0)
    visitSuffixes(of: name) { hash, _, _ in
      last = hash
      return true
    }
    return last
  }

  /// Visits the name's last label, then the last two, and so on; the root is left out.
  ///
  /// - Parameter body: gets the hash, how many labels it is of, and where in the name it begins; says whether to go on.
  @inlinable
  @inline(__always)
  public func visitSuffixes(
    of name: Span<UInt8>, _ body: (_ hash: UInt64, _ labels: Int, _ start: Int) -> Bool
  ) {
    let starts = LabelStarts(name)
    var state: UInt64 = 0
    var labels = 0
    while labels < starts.count {
      let start = starts.start(labels, of: name)
      state = take(name, labelAt: start, after: state)
      labels &+= 1
      if !body(finish(state), labels, start) { return }
    }
  }

  /// Takes one more label to the left, seven octets at a time: its length, which says how many there are, comes first.
  @usableFromInline
  func take(_ name: Span<UInt8>, labelAt start: Int, after state: UInt64) -> UInt64 {
    var state = state
    var position = start
    // In bounds: the label was walked over.
    let end = min(start &+ Int(name[start]) &+ 1, name.count)
    while position < end {
      let next = min(position &+ 7, end)
      state = multiply(state &+ NameHasher.chunk(name, position, next))
      position = next
    }
    return state
  }

  /// One to seven octets as a number.
  @inline(__always)
  private static func chunk(_ name: Span<UInt8>, _ begin: Int, _ end: Int) -> UInt64 {
    let unused = UInt64(truncatingIfNeeded: (8 &- (end &- begin)) &* 8)
    // One read of eight octets that are there, of which the others are shifted out.
    if begin &+ 8 <= name.count { return (name.load64(begin) &<< unused) &>> unused }
    if end >= 8 { return name.load64(end &- 8) &>> unused }
    var chunk: UInt64 = 0
    for index in stride(from: end &- 1, through: begin, by: -1) {
      chunk = chunk &<< 8 | UInt64(name[index])
    }
    return chunk
  }

  /// The product with the secret point; of numbers below 2⁶² one below 2⁶¹.
  private func multiply(_ number: UInt64) -> UInt64 {
    let product = number.multipliedFullWidth(by: point)
    let low = product.low & Self.modulus
    let high = product.high << 3 | product.low >> 61
    let sum = low &+ high
    let once = sum >= Self.modulus ? sum &- Self.modulus : sum
    return once >= Self.modulus ? once &- Self.modulus : once
  }

  /// Spreads what a hash tells over all of its bits, by a map that loses nothing, and frees the low ones.
  @usableFromInline
  func finish(_ state: UInt64) -> UInt64 {
    // The finaliser of MurmurHash3 (A. Appleby, public domain).
    var word = state ^ pad
    word = (word ^ word >> 33) &* 0xFF51_AFD7_ED55_8CCD
    word = (word ^ word >> 33) &* 0xC4CE_B9FE_1A85_EC53
    return (word ^ word >> 33) & ~(1 << UInt64(Self.freeBits) &- 1)
  }
}

/// Where the labels of a name begin, counted from the right.
@usableFromInline
struct LabelStarts {
  /// The last sixteen, eight bits each, the rightmost lowest: more are hardly ever wanted.
  private var packed: UInt128 = 0
  @usableFromInline private(set) var count = 0

  private static let packed = 16

  @usableFromInline
  init(_ name: Span<UInt8>) {
    var position = 0
    // A name of 255 octets has 127 labels at most (RFC 1035 §2.3.4).
    while position < name.count, name[position] != 0, count < 127 {
      packed = packed << 8 | UInt128(UInt8(truncatingIfNeeded: position))
      count &+= 1
      position &+= Int(name[position]) &+ 1
    }
  }

  /// The start of a label; 0 is the rightmost.
  @usableFromInline
  func start(_ label: Int, of name: Span<UInt8>) -> Int {
    if label < LabelStarts.packed {
      return Int(UInt8(truncatingIfNeeded: packed >> UInt128(label &* 8)))
    }
    var position = 0
    for _ in 0..<count &- 1 &- label { position &+= Int(name[position]) &+ 1 }
    return position
  }
}
