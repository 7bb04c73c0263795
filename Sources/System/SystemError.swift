import Glibc

/// A system call that failed, and what it was for.
///
/// Reads as "bind for UDP on 127.0.0.1:53: Permission denied".
public struct SystemError: Error, Sendable, CustomStringConvertible {
  /// The name of the call.
  public let call: StaticString
  /// What the call was meant to achieve, for the person who reads the message.
  public let purpose: String
  /// The `errno` that the call left.
  public let code: Int32

  /// Describes a failed call; `code` is an `errno` value.
  public init(call: StaticString, purpose: String, code: Int32) {
    self.call = call
    self.purpose = purpose
    self.code = code
  }

  /// Whether the call failed because there is no such file, or no folder where it could be.
  public var isMissingFile: Bool { code == ENOENT || code == ENOTDIR }

  /// Whether a file could not be read because it is a folder, a device or the like.
  public var isNotAFile: Bool { code == EINVAL }

  /// Whether a file can't be made: its folder is missing, full, read-only or somebody else's.
  public var isNoPlaceToWrite: Bool {
    isMissingFile || [EACCES, EPERM, EROFS, ENOSPC, EDQUOT].contains(code)
  }

  /// Whether nothing can be written there by anybody.
  public var isReadOnly: Bool { code == EROFS }

  /// Whether this address or port is not to be had; with another one the call may succeed.
  public var isAddressRefused: Bool { code == EADDRINUSE || code == EACCES }

  /// Whether a connection failed because nobody listens there.
  public var isNobodyThere: Bool { code == ENOENT || code == ECONNREFUSED }

  /// Whether this program may not do that.
  public var isForbidden: Bool { code == EACCES || code == EPERM }

  /// Whether nothing came within the time that there was.
  public var isTimeout: Bool { code == EAGAIN || code == ETIMEDOUT }

  /// Whether another program has what was wanted.
  public var isInUse: Bool { code == EADDRINUSE }

  /// The call, its purpose and the reason, in words.
  public var description: String { "\(call) for \(purpose): \(reason)" }

  /// The reason in words.
  public var reason: String {
    // SAFETY: strerror returns a terminated string that stays valid until this thread's next call.
    unsafe String(cString: strerror(code))
  }
}
