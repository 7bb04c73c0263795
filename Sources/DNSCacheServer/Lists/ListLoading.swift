import DNSPolicy
import DNSWire
import EventLoop
import Memory
import System

/// Compiled lists that are put together into one set, in small steps.
final class ListLoading {
  /// What a step came to.
  enum Step {
    case progress
    /// A compiled list can't be used.
    case failed(BlockList)
    case done
  }

  /// Words of the set that are cleared in a step.
  private static let wordsPerStep = 32_768
  /// Octets of a file that are read in a step.
  private static let octetsPerStep = 65_536

  /// What has been put together so far.
  var names: NameSet
  private(set) var details: [UInt64: [NameFilter.ListedDetails]] = [:]
  /// Entries that found no room.
  private(set) var noRoom: UInt64 = 0

  private var waiting: [BlockList]
  private var isPrepared = false
  private var open: Open?
  private let piece = Pinned(FixedArray<UInt8>(repeating: 0, count: ListLoading.octetsPerStep))

  /// The file that is being read.
  private struct Open {
    let list: BlockList
    let file: FileReader
    let header: CompiledList
    var entriesLeft: UInt64
    var detailOctetsLeft: UInt64
    var sum = CompiledList.Checksum()
    var details: [UInt8] = []
  }

  /// Parts of the lists before that have been given back.
  private var released = 0

  /// Gives back a part of the lists before, once ``names`` has them; false when all is given back.
  func release() -> Bool {
    let hasMore = names.release(part: released)
    released += 1
    return hasMore
  }

  /// Begins to put lists together.
  init(_ lists: [BlockList], hasher: NameHasher) {
    waiting = lists.reversed()
    let entries = lists.reduce(0) { $0 + Int(clamping: $1.compiled?.entries ?? 0) }
    names = NameSet(capacity: entries, hasher: hasher)
  }

  deinit { piece.destroy() }

  /// Does the next small part.
  func step() -> Step {
    if !isPrepared {
      isPrepared = names.prepare(words: ListLoading.wordsPerStep)
      return .progress
    }
    guard let reading = open else {
      guard let next = waiting.popLast() else { return .done }
      guard let begun = begin(next) else { return .failed(next) }
      open = begun
      return .progress
    }
    guard go(on: reading) else { return .failed(reading.list) }
    return .progress
  }

  private func begin(_ list: BlockList) -> Open? {
    guard let wanted = list.compiled,
      let file = try? FileReader(path: list.compiledPath),
      let header = ListLoading.header(of: file),
      header == wanted,
      file.size == CompiledList.encodedOctets + Int(header.entries * 8 + header.detailOctets)
    else { return nil }
    names.note(mostLabels: Int(clamping: header.mostLabels))
    return Open(
      list: list, file: file, header: header, entriesLeft: header.entries,
      detailOctetsLeft: header.detailOctets)
  }

  /// Reads what a compiled list begins with; nothing when it is none.
  static func header(of file: FileReader) -> CompiledList? {
    var octets = [UInt8](repeating: 0, count: CompiledList.encodedOctets)
    var space = octets.mutableSpan
    guard let count = try? file.read(into: &space), count == octets.count else { return nil }
    return CompiledList(octets.span)
  }

  private func go(on reading: Open) -> Bool {
    var reading = reading
    let wanted = min(
      ListLoading.octetsPerStep, Int(clamping: reading.entriesLeft * 8 + reading.detailOctetsLeft))
    guard wanted > 0 else {
      open = nil
      return finish(reading)
    }
    var space = piece.value.mutableSpan
    var part = space._mutatingExtracting(0..<wanted)
    guard let count = try? reading.file.read(into: &part), count == wanted else { return false }
    let octets = piece.value.span.extracting(0..<wanted)
    let entries = min(Int(clamping: reading.entriesLeft), wanted / 8)
    for index in 0..<entries {
      let entry = octets.load64(index * 8)
      reading.sum.add(entry)
      if !names.insert(entry, list: reading.list.number) { noRoom += 1 }
    }
    reading.entriesLeft -= UInt64(entries)
    if reading.entriesLeft == 0 {
      for index in entries * 8..<wanted { reading.details.append(octets[index]) }
      reading.detailOctetsLeft -= UInt64(wanted - entries * 8)
    }
    open = reading
    return true
  }

  /// Takes up what a list says beside its entries, if all of it is as it was written.
  private func finish(_ reading: Open) -> Bool {
    var sum = reading.sum
    for octet in reading.details { sum.add(UInt64(octet)) }
    guard sum.value == reading.header.checksum else { return false }
    var position = 0
    while position < reading.details.count {
      guard let next = ListDetails(from: reading.details.span, at: &position) else { return false }
      details[next.hash, default: []].append(
        NameFilter.ListedDetails(list: reading.list.number, next))
    }
    return true
  }
}
