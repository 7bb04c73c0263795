import DNSWire
import Memory

/// What a reply's OPT record says that bears on whether the reply is believed.
///
/// One pass up to that record, bounded by the packet; whether the rest is well formed is for `Reply`
/// to find out.
struct ReplyOptions {
  /// Whether there is an OPT record.
  private(set) var hasOPT = false
  /// The response code's upper bits.
  private(set) var extendedRcode: UInt8 = 0
  /// The first COOKIE option; one whose length is none of a cookie counts as missing, as does one behind
  /// a malformed option.
  private(set) var cookie: CookieView?

  /// Looks for the record.
  ///
  /// - Parameter position: where the message's records begin.
  init(_ message: Span<UInt8>, _ header: MessageHeader, at position: Int) {
    guard header.additionalCount > 0 else { return }
    var records = RecordCursor(header, at: position)
    while let record = try? records.next(message) {
      guard record.type == .opt, record.section == .additional, message[record.owner] == 0
      else { continue }
      hasOPT = true
      extendedRcode = UInt8(record.ttl >> 24)
      var options = OptionCursor(at: record.data, count: record.dataCount)
      while let option = try? options.next(message) {
        guard option.code == .cookie else { continue }
        cookie = CookieView(option, of: message)
        return
      }
      return
    }
  }
}
