import HTTP

/// Any bytes as requests: what comes of them doesn't depend on the pieces they come in, and stays within
/// the limits.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzHTTP(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer gives the count of the bytes at start.
  let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  let whole = events(of: bytes, pieces: .max)
  precondition(whole == events(of: bytes, pieces: 1 + count % 7), "the pieces matter")
  return 0
}

/// What a parser makes of bytes in pieces, each event as text.
func events(of bytes: [UInt8], pieces: Int) -> [String] {
  let headLimit = 512
  let bodyLimit = 128
  var parser = HTTPRequestParser(headLimit: headLimit, bodyLimit: bodyLimit)
  var events: [String] = []
  var rest = bytes[...]
  while !rest.isEmpty {
    let piece = Array(rest.prefix(pieces))
    let (taken, event) = parser.take(piece.span)
    rest = rest.dropFirst(taken)
    switch event {
    case .more: precondition(taken == piece.count, "bytes are left")
    case .awaitsContinue: events.append("continue")
    case .request(let request):
      precondition(request.body.count <= bodyLimit && request.headerCount("Host") <= 1)
      precondition(request.path.utf8.count <= 3 * headLimit)
      let query = request.query.map { "\($0.name)=\($0.value)" }
      events.append(
        "\(request.method) \(request.authority ?? "-") \(request.path) \(query) \(request.body)")
    case .refused(let refusal):
      events.append("\(refusal)")
      return events
    }
  }
  return events
}
