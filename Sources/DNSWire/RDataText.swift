/// RDATA as the text of zone files, and back.
///
/// `parse` gives back exactly the octets that `text` was made from, whatever they are.
public enum RDataText {
  /// Largest RDATA, the limit of its length field (RFC 1035 §3.2.1).
  public static let maximumLength = 65_535

  /// Writes RDATA, whose names must be uncompressed, in the form of its type.
  ///
  /// Types without a form of their own, and octets that their type does not allow, become
  /// `\# 4 C0000201` (RFC 3597 §5). Never fails.
  public static func text(type: RecordType, rdata: [UInt8]) -> String {
    RDataWriter.text(type: type, rdata: rdata) ?? genericText(rdata)
  }

  /// Writes RDATA, whose names must be uncompressed, in the form of its type.
  ///
  /// Types without a form of their own, and octets that their type does not allow, become
  /// `\# 4 C0000201` (RFC 3597 §5). Never fails.
  public static func text(type: RecordType, rdata: Span<UInt8>) -> String {
    text(type: type, rdata: Array(copying: rdata))
  }

  /// Reads RDATA in the form of its type or, for any type, as `\# 4 C0000201` (RFC 3597 §5).
  ///
  /// Octets given in the generic form are taken as they are. Parentheses, line ends and comments
  /// are allowed as in a zone file.
  public static func parse(type: RecordType, text: String) throws(RDataTextError) -> [UInt8] {
    try parse(type: type, tokens: PresentationToken.tokens(of: text)[...])
  }

  /// - Parameter origin: what names without a final dot are relative to, or that they are a mistake; without it all
  ///   names are absolute.
  static func parse(
    type: RecordType, tokens: ArraySlice<PresentationToken>, origin: Name?? = nil
  ) throws(RDataTextError) -> [UInt8] {
    if let first = tokens.first, !first.isQuoted, first.text.elementsEqual("\\#".utf8) {
      return try parseGeneric(tokens.dropFirst())
    }
    guard let fields = RDataField.fields(of: type) else { throw .noTextForm }
    var parser = RDataParser(tokens: tokens, origin: origin)
    for field in fields { try parser.parse(field) }
    guard parser.tokens.isEmpty else { throw .extraField }
    guard parser.rdata.count <= maximumLength else { throw .tooLong }
    return parser.rdata
  }

  /// Writes `\#`, the length and the octets (RFC 3597 §5).
  static func genericText(_ rdata: [UInt8]) -> String {
    rdata.isEmpty ? "\\# 0" : "\\# \(rdata.count) \(BaseEncoding.hex.text(rdata))"
  }

  private static func parseGeneric(
    _ tokens: ArraySlice<PresentationToken>
  ) throws(RDataTextError) -> [UInt8] {
    guard let first = tokens.first else { throw .missingField }
    guard let length = first.text.decimal(UInt16.self) else { throw .badNumber }
    guard let rdata = BaseEncoding.hex.octets(tokens.dropFirst().flatMap(\.text)) else {
      throw .badDigits
    }
    guard rdata.count == length else { throw .badLength }
    return rdata
  }
}
