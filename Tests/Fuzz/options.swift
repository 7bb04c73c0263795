import DNSWire

/// Any octets as the options of an OPT record: both readers, and cookies made and found good.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzOptions(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer gives the count of the octets at start.
  let options = unsafe Array(UnsafeBufferPointer(start: start, count: min(count, 65_000)))
  let packet = query(options)
  var key = NameKey(seed: HashSeed(1, 2))
  let read = try? Query(packet.span, key: &key)
  let message = try? Message(parsing: packet)

  guard let message else {
    // Whoever takes less than the whole reader takes nothing that it refuses.
    precondition(read == nil, "options that don't fill their record were taken")
    return 0
  }
  let cookie = message.edns?[.cookie]
  let isCookie = cookie.map { $0.count == 8 || (16...40).contains($0.count) } ?? true
  precondition((read != nil) == isCookie, "a cookie's length decides")
  // Written again, they are the same octets.
  precondition(message.encoded(compress: false) == packet, "options differ when written again")

  guard let view = read?.edns?.cookie, let cookie else {
    precondition(read?.edns?.cookie == nil, "a cookie that isn't there")
    return 0
  }
  precondition(view.serverCount == cookie.count - 8)
  check(view, packet)
  return 0
}

/// A query with these options.
func query(_ options: [UInt8]) -> [UInt8] {
  let head: [UInt8] = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1]
  let opt: [UInt8] = [0, 0, 41, 4, 208, 0, 0, 0, 0]
  return head + opt + [UInt8(options.count >> 8), UInt8(options.count & 0xFF)] + options
}

/// A cookie is found good for the address and secret that it was made for, and for no other.
func check(_ view: CookieView, _ packet: [UInt8]) {
  let address = IPAddress(v4: UInt32(truncatingIfNeeded: view.client))
  let secret = SipHash(view.client, 3)
  precondition(
    ServerCookie(view, of: packet.span, address: address, secret: secret) == nil,
    "a cookie was guessed")
  let made = ServerCookie(client: view.client, address: address, secret: secret, now: 7)
  var buffer = [UInt8](repeating: 0, count: 64)
  var space = buffer.mutableSpan
  var writer = MessageWriter(&space, limit: 64)
  writer.option(cookie: view.client, made)
  let count = writer.position
  let again = query(Array(buffer.prefix(count)))
  var key = NameKey(seed: HashSeed(1, 2))
  guard let own = try? Query(again.span, key: &key).edns?.cookie else {
    preconditionFailure("a cookie of ours cannot be read")
  }
  let found = ServerCookie(own, of: again.span, address: address, secret: secret)
  precondition(found == made && own.client == view.client)
  let other = ServerCookie(
    own, of: again.span, address: address, secret: SipHash(view.client, 4))
  precondition(other == nil)
}
