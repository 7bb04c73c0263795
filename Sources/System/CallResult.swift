import Glibc

/// What a system call came to, once interruptions by signals are out of the way.
public enum CallResult {
  case done(Int)
  /// EAGAIN: nothing to do now, ask again when the descriptor is ready.
  case wouldBlock
  case failed(Int32)

  /// Makes the call again for as long as a signal interrupts it.
  @inlinable @inline(__always)
  public init(retrying call: () -> Int) {
    while true {
      let value = call()
      if value >= 0 {
        self = .done(value)
        return
      }
      switch errno {
      case EINTR: continue
      case EAGAIN: self = .wouldBlock
      case let code: self = .failed(code)
      }
      return
    }
  }

  /// The value of a call that has no business to block.
  ///
  /// Throws for every outcome but success, EAGAIN included.
  @inlinable @inline(__always)
  public func value(
    call: StaticString, purpose: @autoclosure () -> String
  ) throws(SystemError) -> Int {
    switch self {
    case .done(let value): return value
    case .wouldBlock: throw SystemError(call: call, purpose: purpose(), code: EAGAIN)
    case .failed(let code): throw SystemError(call: call, purpose: purpose(), code: code)
    }
  }
}
