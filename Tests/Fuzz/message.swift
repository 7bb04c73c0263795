import DNSWire

/// Any octets as a message: reading never traps, and what was read is read again after writing.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzMessage(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer gives the count of the octets at start.
  let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))

  // As a client's query, on the server's own path.
  var key = NameKey(seed: HashSeed(1, 2))
  _ = try? Query(bytes.span, key: &key)

  guard let message = try? Message(parsing: bytes) else { return 0 }
  for compress in [true, false] {
    let written = message.encoded(compress: compress)
    precondition(written.count <= 65_535)
    guard let again = try? Message(parsing: written) else {
      preconditionFailure("what was written cannot be read")
    }
    // Records that no longer fit were left out.
    let isWhole =
      again.answers.count == message.answers.count
      && again.authority.count == message.authority.count
      && again.additional.count == message.additional.count
    if isWhole {
      if compress {
        // A pointer may lead to the same name in other letters.
        precondition(lowercased(again) == lowercased(message), "what was read again differs")
      } else {
        precondition(again == message, "what was read again differs")
      }
    }
  }
  for limit in [12, 512, 1232] {
    let small = message.encoded(limit: limit)
    precondition((try? Message(parsing: small)) != nil, "what was cut cannot be read")
  }

  // The zone file's text of each record is read as the same record.
  for record in message.answers + message.authority + message.additional {
    let text = record.description
    guard let again = try? Record(text) else { preconditionFailure("cannot read: \(text)") }
    precondition(again.rdata == record.rdata, "differs: \(text)")
  }
  return 0
}

/// The message in octets, each that could be an upper-case letter as the lower-case one.
func lowercased(_ message: Message) -> [UInt8] {
  message.encoded(compress: false).map { (65...90).contains($0) ? $0 + 32 : $0 }
}
