import Memory

/// Names as they stand in messages: walking, skipping and uncompressing them.
public enum WireName {
  /// Most octets of a name, length octets and root included (RFC 1035 §2.3.4).
  public static let longest = 255
  /// Most octets of a label (RFC 1035 §2.3.4).
  public static let longestLabel = 63

  /// Most pointers that are followed for a name: as many as it can have labels.
  ///
  /// A pointer that leads to a label is worth one; an encoder has no use for more (RFC 1035 §4.1.4). Without
  /// a bound a message of 64 KiB has 4,000 names behind 8,000 pointers each.
  public static let pointerLimit = 127

  /// Finds the end of a name without following its pointer.
  ///
  /// - Returns: the offset behind the name's last octet in the message. The pointer's target is not
  ///   looked at.
  @inlinable
  @inline(__always)
  public static func skip(_ message: Span<UInt8>, at offset: Int) throws(WireError) -> Int {
    var position = offset
    while true {
      guard position >= 0 && position < message.count else { throw .truncated }
      let length = Int(message[position])
      if length == 0 { return position &+ 1 }
      if length >= 0xC0 {
        guard position &+ 1 < message.count else { throw .truncated }
        return position &+ 2
      }
      guard length <= longestLabel else { throw .badLabel }
      position &+= length &+ 1
    }
  }

  /// Whether two names in lower case are the same.
  @inlinable
  public static func isSame(_ name: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
    let count = name.count
    guard other.count == count else { return false }
    guard count >= 8 else {
      for offset in 0..<count where name[offset] != other[offset] { return false }
      return true
    }
    var offset = 0
    while offset &+ 8 < count {
      if name.load64(offset) != other.load64(offset) { return false }
      offset &+= 8
    }
    // The last eight octets; some of them may have been compared already.
    return name.load64(count &- 8) == other.load64(count &- 8)
  }

  /// Whether a name in lower case is `zone`, or lies below it; both are well formed.
  public static func isAtOrBelow(_ name: Span<UInt8>, _ zone: Span<UInt8>) -> Bool {
    var start = 0
    while name.count - start > zone.count { start += Int(name[start]) + 1 }
    return isSame(name.extracting(min(start, name.count)..<name.count), zone)
  }

  /// How many labels a name that is well formed has; 0 for the root.
  public static func labelCount(_ name: Span<UInt8>) -> Int {
    var labels = 0
    var position = 0
    while name[position] != 0 {
      labels += 1
      position += Int(name[position]) + 1
    }
    return labels
  }

  /// Copies a name out of a message, following its pointers, letter case kept.
  ///
  /// - Parameters:
  ///   - offset: where the name begins.
  ///   - target: where to write; at most ``longest`` octets are written.
  ///   - start: where in `target` to begin.
  ///   - folded: labels that stand before this offset are lower-cased. A query's random letter case comes
  ///     back in the question; what points there is not to spread it.
  /// - Returns: the offset behind the name in the message, and how many octets were written.
  /// - Throws: ``WireError/tooLarge`` when `target` ends first.
  public static func copy(
    _ message: Span<UInt8>, at offset: Int, into target: inout MutableSpan<UInt8>, at start: Int,
    foldingBefore folded: Int = 0
  ) throws(WireError) -> (end: Int, count: Int) {
    var position = offset
    var end: Int?
    // RFC 1035 §4.1.4: a pointer names "a prior occurrence"; strictly backwards, so this ends.
    var limit = offset
    var pointers = 0
    var written = start
    while true {
      // Labels that stand together are copied together.
      let run = position
      var length = 0
      repeat {
        guard position >= 0 && position < message.count else { throw .truncated }
        length = Int(message[position])
        if length > longestLabel { break }
        position &+= length &+ 1
        guard position <= message.count else { throw .truncated }
        guard written &- start &+ position &- run <= longest &- (length == 0 ? 0 : 1) else {
          throw .nameTooLong
        }
      } while length != 0
      let count = position &- run
      guard written &+ count <= target.count else { throw .tooLarge }
      target.store(message.extracting(run..<position), written)
      if run < folded { fold(&target, written..<written &+ min(count, folded &- run)) }
      written &+= count
      if length == 0 { return (end ?? position, written &- start) }
      guard length >= 0xC0 else { throw .badLabel }
      guard position &+ 1 < message.count else { throw .truncated }
      let pointer = (length & 0x3F) << 8 | Int(message[position &+ 1])
      pointers &+= 1
      guard pointer < limit, pointers <= pointerLimit else { throw .badPointer }
      if end == nil { end = position &+ 2 }
      limit = pointer
      position = pointer
    }
  }

  /// Lower-cases octets, eight a step.
  private static func fold(_ octets: inout MutableSpan<UInt8>, _ range: Range<Int>) {
    guard range.count >= 8 else {
      for index in range { octets[index] = octets[index].asciiLowercased }
      return
    }
    var index = range.lowerBound
    while index &+ 8 < range.upperBound {
      octets.store64(NameKey.lowercased(octets.load64(index)), index)
      index &+= 8
    }
    // The last eight octets; some of them may be in lower case already.
    let last = range.upperBound &- 8
    octets.store64(NameKey.lowercased(octets.load64(last)), last)
  }
}
