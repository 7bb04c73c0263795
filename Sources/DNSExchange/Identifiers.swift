import Memory

/// Names an exchange, and the lookup that it is made for, until the exchange is removed.
public struct ExchangeID: Hashable, Sendable, BitwiseCopyable {
  @usableFromInline let rawValue: UInt32

  /// Names that in a slot.
  @inlinable init(_ slot: Int) { rawValue = UInt32(truncatingIfNeeded: slot) }

  @inlinable init(rawValue: UInt32) { self.rawValue = rawValue }

  /// What stands where no exchange is meant.
  @inlinable public static var none: ExchangeID { ExchangeID(rawValue: .max) }

  /// A number for those who keep something for each exchange: below ``ExchangeSettings/inFlightLimit``.
  @inlinable public var slot: Int { Int(rawValue) }
}

/// Names a packet that was sent, until its reply is no longer waited for.
struct TransmissionID: Hashable, BitwiseCopyable {
  private let rawValue: UInt32

  init(_ slot: Int) { rawValue = UInt32(truncatingIfNeeded: slot) }

  /// What stands where no packet is meant.
  static var none: TransmissionID { TransmissionID(Int(UInt32.max)) }

  var slot: Int { Int(rawValue) }
}

extension Slab<Exchange> {
  @inline(__always)
  subscript(_ exchange: ExchangeID) -> Exchange {
    _read { yield self[exchange.slot] }
    _modify { yield &self[exchange.slot] }
  }
}

extension Slab<Transmission> {
  @inline(__always)
  subscript(_ transmission: TransmissionID) -> Transmission {
    _read { yield self[transmission.slot] }
    _modify { yield &self[transmission.slot] }
  }
}

/// Names a server of the ``ServerTable``.
public struct ServerID: Hashable, Sendable, BitwiseCopyable {
  /// Its slot in the table; no server's is ``none``.
  let rawValue: UInt16

  init(_ slot: Int) { rawValue = UInt16(truncatingIfNeeded: slot) }

  /// What stands where no server is meant.
  static var none: ServerID { ServerID(Int(UInt16.max)) }

  /// A number for those who keep something for each server: below ``limit``, and another server's only after
  /// this one was retired.
  public var slot: Int { Int(rawValue) }

  /// Every ``slot`` is below.
  public static var limit: Int { ServerTable.capacity }
}

/// Names a socket that queries leave from: one of those that a server has.
public struct SocketID: Hashable, Sendable, BitwiseCopyable {
  /// Whose socket it is.
  public let server: ServerID
  /// Which of the server's.
  let memberValue: UInt16

  /// Names a server's socket.
  public init(_ server: ServerID, member: Int) {
    self.server = server
    memberValue = UInt16(truncatingIfNeeded: member)
  }

  /// Which of the server's sockets it is, counted from zero.
  public var member: Int { Int(memberValue) }

  /// The name as a number, for an owner of sockets that knows nothing of servers.
  public var rawValue: UInt32 { UInt32(server.rawValue) << 16 | UInt32(memberValue) }

  /// Reads the number.
  public init(rawValue: UInt32) {
    server = ServerID(Int(rawValue >> 16))
    memberValue = UInt16(truncatingIfNeeded: rawValue)
  }
}
