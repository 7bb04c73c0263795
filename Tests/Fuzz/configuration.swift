import YAML

/// Any octets as a configuration file: a tree that is bounded, with places inside the text, or an error
/// with a place.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzConfiguration(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer gives the count of the octets at start.
  let octets = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  // libyaml knows three ways to end a line (YAML 1.1 §4.1.4): by fewer octets than there are.
  let lines = octets.count + 2
  do {
    let root = try Document(octets).root
    var left = octets.count + 2
    if let root { check(root, depth: 1, lines: lines, nodesLeft: &left) }
  } catch {
    precondition((1...lines).contains(error.mark.line) && error.mark.column >= 1, "\(error)")
    precondition(!error.message.isEmpty)
  }
  return 0
}

/// A value lies in the text, is not nested too deeply, and costs at least an octet.
func check(_ node: Node, depth: Int, lines: Int, nodesLeft: inout Int) {
  precondition(depth <= Document.deepest)
  precondition((1...lines).contains(node.mark.line) && node.mark.column >= 1)
  nodesLeft -= 1
  precondition(nodesLeft >= 0, "more values than octets")
  switch node.content {
  case .scalar: break
  case .sequence(let items):
    for item in items { check(item, depth: depth + 1, lines: lines, nodesLeft: &nodesLeft) }
  case .mapping(let entries):
    var seen: Set<String> = []
    for entry in entries {
      precondition(seen.insert(entry.key).inserted, "a key stands twice")
      check(entry.value, depth: depth + 1, lines: lines, nodesLeft: &nodesLeft)
    }
  }
}
