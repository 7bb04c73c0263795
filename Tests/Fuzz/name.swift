import DNSWire

/// Any octets as a name: in wire form, inside a message, and as text.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzName(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer gives the count of the octets at start.
  let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  guard let first = bytes.first else { return 0 }

  // Somewhere in a message, with pointers; three readers agree.
  let offset = Int(first) % bytes.count
  var target = [UInt8](repeating: 0, count: WireName.longest)
  var space = target.mutableSpan
  let copied = try? WireName.copy(bytes.span, at: offset, into: &space, at: 0)
  var key = NameKey(seed: HashSeed(1, 2))
  let loaded = try? key.load(from: bytes.span, at: offset)
  precondition((copied == nil) == (loaded == nil), "one reader takes the name, the other doesn't")
  if let copied, let loaded {
    precondition(copied.end == loaded && copied.count == key.count)
    precondition((try? WireName.skip(bytes.span, at: offset)) == loaded)
    guard let name = try? Name(wire: Array(target.prefix(copied.count))) else {
      preconditionFailure("a name that was copied is none")
    }
    precondition(key.matches(name.lowercased.wire.span))
    check(name)
  }

  // As wire form, and as text.
  if let name = try? Name(wire: bytes) { check(name) }
  if let name = try? Name(String(decoding: bytes, as: UTF8.self)) { check(name) }
  return 0
}

/// A name's text is read as the same octets.
func check(_ name: Name) {
  guard let again = try? Name(name.description) else {
    preconditionFailure("cannot read: \(name.description)")
  }
  precondition(again.wire == name.wire, "differs: \(name.description)")
}
