/// What a message asks to be done (RFC 1035 §4.1.1).
public struct Opcode: CodePoint {
  /// The four-bit number in the header.
  public let rawValue: UInt8

  /// Wraps a number.
  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The registry's mnemonics, with `OPCODE3` for the rest.
  public static let mnemonics = Mnemonics<UInt8>(
    prefix: "OPCODE",
    [
      0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE", 6: "DSO",
    ])
}

extension Opcode {
  /// A question.
  @inlinable public static var query: Opcode { Opcode(0) }
  /// An inverse question, obsolete (RFC 3425).
  @inlinable public static var inverseQuery: Opcode { Opcode(1) }
  /// A server status request, never specified.
  @inlinable public static var status: Opcode { Opcode(2) }
  /// A zone has changed (RFC 1996).
  @inlinable public static var notify: Opcode { Opcode(4) }
  /// A zone is to be changed (RFC 2136).
  @inlinable public static var update: Opcode { Opcode(5) }
  /// Stateful operations (RFC 8490).
  @inlinable public static var dso: Opcode { Opcode(6) }
}
