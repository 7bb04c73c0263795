import Memory

extension WireName {
  /// Finds the end of an uncompressed name and checks that it is well formed (RFC 1035 §3.1).
  ///
  /// For names that come from a file: in a message ``copy(_:at:into:at:)`` follows pointers, too.
  ///
  /// - Returns: the offset behind the name.
  /// - Throws: ``WireError/badLabel`` also for a compression pointer.
  public static func endOfPlain(_ bytes: Span<UInt8>, at offset: Int) throws(WireError) -> Int {
    var position = offset
    while true {
      guard position >= 0 && position < bytes.count else { throw .truncated }
      let length = Int(bytes[position])
      guard length <= longestLabel else { throw .badLabel }
      position += length + 1
      guard position - offset <= longest else { throw .nameTooLong }
      if length == 0 { return position }
    }
  }

  /// Finds the end of an uncompressed name in lower case; nothing when it isn't one.
  public static func endOfLowercased(_ bytes: Span<UInt8>, at offset: Int) -> Int? {
    guard let end = try? endOfPlain(bytes, at: offset) else { return nil }
    // Length octets are below "A".
    for index in offset..<end where bytes[index] &- 0x41 < 26 { return nil }
    return end
  }
}

extension RData {
  /// Checks that uncompressed RDATA has its type's form, exactly to its last octet.
  ///
  /// What passes is what ``copy(_:of:into:at:)`` could have written.
  ///
  /// - Parameter data: one record's RDATA; at most 65,535 octets (RFC 1035 §3.2.1).
  public static func check(_ data: Span<UInt8>, of type: RecordType) throws(WireError) {
    let layout = RDataLayout.of(type)
    var position = 0
    var index = 0
    while true {
      switch layout.field(index) {
      case .end:
        guard position == data.count else { throw .badRData }
        return
      case .compressibleName, .name:
        position = try WireName.endOfPlain(data, at: position)
      case .string:
        guard position < data.count else { throw .badRData }
        position += 1 + Int(data[position])
      case .two: position += 2
      case .four: position += 4
      case .sixteen: position += 16
      case .eighteen: position += 18
      case .twenty: position += 20
      case .rest: position = max(position, data.count)
      }
      guard position <= data.count else { throw .badRData }
      index += 1
    }
  }
}
