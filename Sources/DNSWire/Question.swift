/// One entry of the Question section (RFC 1035 §4.1.2).
public struct Question: Hashable, Sendable, CustomStringConvertible {
  /// The name asked about.
  public var name: Name
  /// The type asked for.
  public var type: RecordType
  /// The class asked for.
  public var recordClass: RecordClass

  /// Makes a question.
  public init(name: Name, type: RecordType, recordClass: RecordClass = .internet) {
    self.name = name
    self.type = type
    self.recordClass = recordClass
  }

  /// Name, class and type.
  public var description: String { "\(name) \(recordClass) \(type)" }

  /// The uncompressed wire form.
  var wire: [UInt8] { name.wire + type.rawValue.octets + recordClass.rawValue.octets }
}
