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
    var count = 0
    while true {
      guard position >= 0 && position < message.count else { throw .truncated }
      let length = Int(message[position])
      if length >= 0xC0 {
        guard position + 1 < message.count else { throw .truncated }
        let pointer = (length & 0x3F) << 8 | Int(message[position + 1])
        pointers &+= 1
        guard pointer < limit, pointers <= pointerLimit else { throw .badPointer }
        if end == nil { end = position + 2 }
        limit = pointer
        position = pointer
        continue
      }
      guard length <= longestLabel else { throw .badLabel }
      guard position + length < message.count else { throw .truncated }
      guard count + length + 1 <= longest - (length == 0 ? 0 : 1) else { throw .nameTooLong }
      guard start + count + length + 1 <= target.count else { throw .tooLarge }
      target.store(message.extracting(position..<position + length + 1), start + count)
      if position < folded {
        for index in start + count...start + count + length {
          target[index] = target[index].asciiLowercased
        }
      }
      count += length + 1
      position += length + 1
      if length == 0 { return (end ?? position, count) }
    }
  }
}
