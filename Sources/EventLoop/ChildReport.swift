import CEvent
import Glibc
import System

/// Has this program work beside the loop, and tells what became of it.
@safe
public final class ChildReport {
  private let event: LoopEvent
  private let child: ChildProcess
  private var deadline: Timer?
  private var ending: Timer?
  private var said: [UInt8] = []
  private var whenDone: ((Result<[UInt8], Failure>) -> Void)?

  /// Why there is no report.
  public struct Failure: Error, CustomStringConvertible {
    /// The reason in words.
    public let description: String
  }

  /// Octets of a report at most.
  private static let mostOctets = 1 << 20
  /// Milliseconds between two looks at whether it has ended that has nothing more to say.
  private static let endTick: UInt64 = 5

  /// Starts it.
  ///
  /// - Parameters:
  ///   - patience: milliseconds that it may take.
  ///   - whenDone: gets what it said, once it has ended well.
  public init(
    on loop: EventLoop, arguments: [String], request: [UInt8], patience: UInt64,
    whenDone: @escaping (Result<[UInt8], Failure>) -> Void
  ) throws(SystemError) {
    child = try ChildProcess(arguments: arguments, request: request)
    event = LoopEvent(on: loop)
    self.whenDone = whenDone
    unsafe event.assign(EV_READ | EV_PERSIST, of: child.output, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (report: ChildReport) in report.read() }
    }
    try event.add(for: "a process beside this one")
    deadline = Timer(on: loop) { [unowned self] in
      finish(.failure(Failure(description: "it took more than \(patience / 1_000) s")))
    }
    deadline?.schedule(after: patience)
    ending = Timer(on: loop) { [unowned self] in end() }
  }

  private func read() {
    do {
      while let count = try child.read(into: &said, most: 65_536) {
        guard count > 0 else {
          event.remove()
          end()
          return
        }
        guard said.count <= Self.mostOctets else {
          finish(.failure(Failure(description: "it says too much")))
          return
        }
      }
    } catch {
      finish(.failure(Failure(description: "\(error)")))
    }
  }

  /// Everything is said: it ends, or has ended.
  private func end() {
    switch child.reap() {
    case nil: ending?.schedule(after: Self.endTick)
    case .exited(0): finish(.success(said))
    case .exited(let status):
      finish(.failure(Failure(description: "it ended with status \(status)")))
    case .killed(let signal):
      finish(.failure(Failure(description: "it was ended by signal \(signal)")))
    }
  }

  private func finish(_ result: Result<[UInt8], Failure>) {
    event.remove()
    deadline?.cancel()
    ending?.cancel()
    guard let whenDone else { return }
    self.whenDone = nil
    whenDone(result)
  }
}
