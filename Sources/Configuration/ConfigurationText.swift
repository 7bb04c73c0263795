import System
import YAML

/// The text of a configuration file, as it was when it was read.
package struct ConfigurationText: Equatable, Sendable {
  package let path: String
  let bytes: [UInt8]
  /// Tells this state of the file from others; nil for a pipe or a device.
  package let stamp: FileStamp?

  /// Milliseconds to wait for what comes out of a pipe; a running server has no time to wait.
  package static let pipeTimeout: Int32 = 5_000
  /// Named by people who want no configuration.
  private static let noFile = "/dev/null"

  /// Reads a file, a pipe or a device.
  package init(reading path: String, pipeTimeout: Int32 = Self.pipeTimeout)
    throws(ConfigurationErrors)
  {
    do throws(SystemError) {
      if FileReader.isSpecial(path) {
        bytes = try FileReader.octets(
          ofSpecial: path, limit: Document.longest, patience: pipeTimeout)
        stamp = nil
      } else {
        let file = try FileReader(path: path)
        bytes = try FileReader.octets(of: path, limit: Document.longest)
        stamp = file.stamp
      }
    } catch {
      throw ConfigurationErrors(all: [
        ConfigurationError(
          origin: .nowhere, message: "the configuration \(path) can't be read: \(error)")
      ])
    }
    self.path = path
  }

  init(_ bytes: [UInt8], path: String) {
    self.bytes = bytes
    self.path = path
    stamp = nil
  }

  /// Whether there is nothing in it.
  ///
  /// A program may have emptied the file and not yet written to it; a pipe is empty when it is read again.
  package var isEmptied: Bool {
    path != ConfigurationText.noFile
      && bytes.allSatisfy { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
  }

  /// What a reload does with it that a person may not expect.
  package var warnings: [ConfigurationError] {
    let message: String
    if isEmptied {
      message = "it is empty, and a reload refuses that; write {} if nothing is to be set"
    } else if !bytes.isEmpty, !hasEnd {
      message =
        "its last line has no end; a reload waits a moment, for the file may be still being written"
    } else {
      return []
    }
    return [ConfigurationError(origin: .nowhere, message: "\(path): \(message)")]
  }

  /// Whether its last line has an end; without one, somebody may still be writing it.
  package var hasEnd: Bool { bytes.last == UInt8(ascii: "\n") }
}
