/// Cuts a file into lines, whatever pieces it comes in.
///
/// A line ends at a line feed, before which may be a carriage return; a byte order mark at the very beginning is no part
/// of the first. A longer line than may be is passed over, and counted as one.
public struct LineReader {
  /// Octets of a line at most.
  public static let longestLine = 16_384

  private var octets: [UInt8] = []
  private var position = 0
  private var isAtStart = true
  /// Whether the rest of a line that is too long is passed over.
  private var isSkipping = false
  private var isFinished = false
  /// The number of the last line that was given out, from 1 on.
  public private(set) var number = 0

  /// Begins a file.
  public init() {}

  /// A line.
  public enum Line: Equatable {
    /// Its octets without its end; `isEnded` unless the file stops in it.
    case whole([UInt8], isEnded: Bool)
    case tooLong
  }

  /// Takes the next piece of the file.
  public mutating func append(_ piece: some Sequence<UInt8>) {
    if position > 0 {
      octets.removeFirst(position)
      position = 0
      isAtStart = false
    }
    octets.append(contentsOf: piece)
    guard isAtStart, octets.count >= 3 else { return }
    isAtStart = false
    if octets.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  /// Says that the file has no more octets.
  public mutating func finish() { isFinished = true }

  /// The next line; nothing when the octets so far have no whole line more.
  public mutating func next() -> Line? {
    while true {
      let rest = octets[position...]
      guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
        if isSkipping || rest.count > LineReader.longestLine {
          defer { isSkipping = !isFinished }
          position = octets.count
          guard !isSkipping else { return nil }
          number += 1
          return .tooLong
        }
        guard isFinished, !rest.isEmpty else { return nil }
        position = octets.count
        number += 1
        return .whole(LineReader.line(rest), isEnded: false)
      }
      position = end + 1
      if isSkipping {
        isSkipping = false
        continue
      }
      number += 1
      guard rest.startIndex + LineReader.longestLine >= end else { return .tooLong }
      return .whole(LineReader.line(octets[rest.startIndex..<end]), isEnded: true)
    }
  }

  private static func line(_ octets: ArraySlice<UInt8>) -> [UInt8] {
    Array(octets.last == UInt8(ascii: "\r") ? octets.dropLast() : octets)
  }
}
