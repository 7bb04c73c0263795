import Memory

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
