import DNSCache
import DNSWire
import Memory

// Reads the input as a snapshot into a small cache that has newer data, twice: as it is, and with the
// checksums made right, or hardly an input would get past them. Then the cache must be sound, and what
// it took in must be good for a snapshot of its own.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var file = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  read(file)
  seal(&file)
  read(file)
  return 0
}

private let wallClock: Int64 = 1_800_000_000
private let now: UInt32 = 1_000

private func limits(octets: Int) -> CacheLimits {
  var limits = CacheLimits(octets: octets)
  limits.staleAge = 86_400
  return limits
}

private func read(_ file: [UInt8]) {
  var cache = Cache(limits: limits(octets: 1 << 20), seed: HashSeed(1, 2))
  var key = NameKey(seed: cache.seed)
  let name: [UInt8] = [
    1, 0x61, 7, 0x65, 0x78, 0x61, 0x6D, 0x70, 0x6C, 0x65, 3, 0x6E, 0x65, 0x74, 0,
  ]
  key.load(trusted: name.span)
  let data: [UInt8] = [0, 4, 192, 0, 2, 1]
  _ = cache.insert(
    owner: key, type: .a, ttl: 300, records: data.span,
    from: Origin(rank: .answer, section: .answer), now: now)
  _ = restore(file, into: &cache)
  cache._checkInvariants()
  let again = snapshot(of: &cache)
  var other = Cache(limits: limits(octets: 1 << 21), seed: HashSeed(1, 2))
  precondition(restore(again, into: &other).isComplete, "what was taken in can be written and read")
  precondition(other.setCount == cache.setCount && other.recordCount == cache.recordCount)
}

private func restore(_ file: [UInt8], into cache: inout Cache) -> SnapshotReader.Result {
  var reader = SnapshotReader(seed: cache.seed)
  var position = 0
  while true {
    let end = min(position + SnapshotReader.blockSize, file.count)
    let progress = reader.read(
      file.span.extracting(position..<end), isEnd: end == file.count, into: &cache,
      wallClock: wallClock, now: now
    ) { name, domain in domain.isEmpty || name.count & 1 == 0 }
    position += progress.consumed
    if progress.isFinished { return reader.result }
    precondition(progress.consumed > 0, "each call makes progress")
  }
}

private func snapshot(of cache: inout Cache) -> [UInt8] {
  guard let cursor = cache.openCursor() else { return [] }
  var writer = SnapshotWriter(wallClock: wallClock, now: now)
  var buffer = [UInt8](repeating: 0, count: SnapshotWriter.blockSize)
  var file: [UInt8] = []
  while true {
    var span = buffer.mutableSpan
    let octets = writer.nextBlock(from: &cache, cursor: cursor, into: &span) { _, _ in true }
    if octets == 0 { return file }
    file += buffer[..<octets]
  }
}

/// Makes the frame of each block right, from the start on; see docs/snapshot.md.
private func seal(_ file: inout [UInt8]) {
  let magic: [UInt8] = [0x89, 0x44, 0x4E, 0x53, 0x43, 0x0D, 0x0A, 0x1A, 3, 0xFC]
  var start = 0
  while start + 32 <= file.count {
    file.replaceSubrange(start..<start + 10, with: magic)
    file[start + 11] = 0
    let said = Int(file[start + 14]) << 8 | Int(file[start + 15])
    let payload = min(said, 65_504, file.count - start - 32)
    file.replaceSubrange(
      start + 12..<start + 16, with: [0, 0, UInt8(payload >> 8), UInt8(payload & 0xFF)])
    var octets = Array(file[start..<start + 24] + file[start + 32..<start + 32 + payload])
    repeat { octets.append(0) } while octets.count % 8 != 0
    var sum: UInt64 = 0x6A09_E667_F3BC_C908
    for at in stride(from: 0, to: octets.count, by: 8) {
      let product = (sum ^ octets.span.load64(at)) &* 0x9E37_79B9_7F4A_7C15
      sum = product ^ product >> 32
    }
    for index in 0..<8 {
      file[start + 24 + index] = UInt8(truncatingIfNeeded: sum >> UInt64(index * 8))
    }
    start += 32 + payload
  }
}
