import System
import YAML

/// What a configuration file held at a moment.
package struct ConfigurationText: Equatable, Sendable {
  package let path: String
  let octets: [UInt8]
  /// Tells this state of the file from others; nothing for a pipe or a device.
  package let stamp: FileStamp?

  /// Milliseconds to wait for what comes out of a pipe.
  private static let patience: Int32 = 5_000
  /// What people name for a file that sets nothing.
  private static let nothing = "/dev/null"

  /// Reads a file, a pipe or a device.
  ///
  /// - Parameter waits: whether there is time to wait for a pipe; a running server has none.
  package init(reading path: String, waits: Bool) throws(Mistakes) {
    do throws(SystemError) {
      if FileReader.isSpecial(path) {
        octets = try FileReader.octets(
          ofSpecial: path, limit: Document.longest, patience: waits ? Self.patience : 0)
        stamp = nil
      } else {
        let file = try FileReader(path: path)
        octets = try FileReader.octets(of: path, limit: Document.longest)
        stamp = file.stamp
      }
    } catch {
      throw Mistakes(list: [
        Mistake(origin: .usual, message: "the configuration \(path) can't be read: \(error)")
      ])
    }
    self.path = path
  }

  init(_ octets: [UInt8], path: String) {
    self.octets = octets
    self.path = path
    stamp = nil
  }

  /// Whether there is nothing in it: a program has emptied it and not yet written to it, or it is a pipe that
  /// was read before.
  package var isEmptied: Bool {
    path != ConfigurationText.nothing
      && octets.allSatisfy { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
  }

  /// What a reload would make of it that a person perhaps doesn't expect.
  package var warnings: [Mistake] {
    let message: String
    if isEmptied {
      message = "it is empty, and a reload refuses that; write {} if nothing is to be set"
    } else if !octets.isEmpty, !hasEnd {
      message =
        "its last line has no end; a reload waits a moment, for the file may be still being written"
    } else {
      return []
    }
    return [Mistake(origin: .usual, message: "\(path): \(message)")]
  }

  /// Whether its last line has an end; without one it may be still being written.
  package var hasEnd: Bool { octets.last == UInt8(ascii: "\n") }
}
