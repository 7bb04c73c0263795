import DNSPolicy
import DNSWire
import ListFiles

/// Reads a block list; the first octet says how it is cut into pieces and what it may do.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzListLines(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer gives the count of the octets at start.
  let octets = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  guard let first = octets.first else { return 0 }
  var reader = ListReader(
    match: first & 1 == 0 ? nil : .exact, trust: first & 2 == 0 ? .block : .full)
  let hasher = NameHasher(UInt64(first), 7)
  let piece = Int(first >> 2) + 1
  var position = 1
  var sum: UInt64 = 0
  while true {
    let part = Array(octets[position..<min(position + piece, octets.count)])
    position += part.count
    if part.isEmpty { reader.finish() } else { reader.append(part.span) }
    while let event = reader.next() {
      guard case .rule(let rule) = event else { continue }
      // What a rule is about is a name, and what it says more can be kept.
      precondition((try? Name(wire: reader.name)) != nil, "no name")
      sum ^= hasher.hash(reader.name)
      precondition(reader.details.types.count <= RuleDetails.mostEntries || !rule.hasDetails)
      _ = reader.lineText
    }
    if part.isEmpty { break }
  }
  // Compiled lists are read from a file, too.
  _ = CompiledList(octets.span)
  var place = 1
  while let details = ListDetails(from: octets.span, at: &place) {
    var again: [UInt8] = []
    details.encode(into: &again)
    sum ^= details.hash
  }
  return sum == 1 ? 1 : 0
}
