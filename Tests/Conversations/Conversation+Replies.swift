import DNSExchange
import DNSWire

// What upstreams say: anything, or the truth about a small world.

extension Conversation {
  /// A reply to something that was asked, with records that the input makes.
  func reply() {
    guard let target = target() else { return }
    let shape = input.octet()
    var reply = Array(target.octets[..<questionEnd(target.octets)])
    reply[2] = 0x81 | (shape & 1 << 2) | (shape & 2 != 0 && shape & 0x80 != 0 ? 0x02 : 0)
    reply[3] = 0x80 | (shape & 0x0C == 0x0C ? input.octet() & 0x3F : 0)
    for index in 6..<12 { reply[index] = 0 }
    if shape & 0x70 == 0x70 {
      // Whatever the input has.
      for index in 0..<3 { reply[7 + 2 * index] = input.octet() & 7 }
      reply += input.octets()
    } else {
      for section in 0..<3 {
        let count = input.number(below: section == 0 ? 5 : 3)
        reply[7 + 2 * section] = UInt8(count)
        for _ in 0..<count { reply += record() }
      }
    }
    addOPT(to: &reply, target.octets)
    // The mark of forged replies is theirs alone.
    for index in reply.indices.dropLast(3) where reply[index...].starts(with: Conversation.mark) {
      reply[index] ^= 1
    }
    deliver(reply, to: target.query)
  }

  /// A reply with aliases, DNSSEC records and RRsets of any size, up to what a message can hold.
  func replyAtLength() {
    guard let target = target() else { return }
    let question = Array(target.octets[..<questionEnd(target.octets)])
    deliver(LongReply(to: question, &input).octets, to: target.query)
  }

  /// A reply that says nothing but that its name is an alias, perhaps for this once.
  func replyWithAlias() {
    guard let target = target() else { return }
    let choice = input.octet()
    // Few names, so that aliases lead to what is in flight, to each other and to themselves.
    let data = name(3 + choice & 7)
    var reply = Array(target.octets[..<questionEnd(target.octets)])
    reply[2] = 0x81
    reply[3] = 0x80
    for index in 6..<12 { reply[index] = 0 }
    reply[7] = 1
    reply += [0xC0, 12] + number16(5) + number16(1) + [0, 0, 0, choice >> 3 & 3]
    reply += number16(UInt16(data.count)) + data
    addOPT(to: &reply, target.octets)
    deliver(reply, to: target.query)
  }

  /// Adds what EDNS a reply has: none, with a cookie, with a wrong one, with an error.
  func addOPT(to reply: inout [UInt8], _ query: [UInt8]) {
    var choice = input.octet()
    // Mostly as one is that speaks cookies.
    if isTruthful, choice & 0xF0 != 0 { choice = choice & 0xF8 | 2 }
    let cookie = sentCookie(query).map { Array(query[$0]) } ?? []
    let rest = choice >> 3
    let server = [UInt8](repeating: rest, count: 8 + Int(rest) % 25)
    var rcode: UInt16?
    var option: [UInt8]?
    switch choice & 7 {
    case 0: return
    case 1: break
    case 2...3: option = cookie + server
    case 4: (rcode, option) = (23, cookie + server)
    case 5: option = rest & 1 == 0 ? cookie : cookie + [UInt8](repeating: 1, count: Int(rest))
    case 6: rcode = [1, 4, 16][Int(rest) % 3]
    default: option = input.octets()
    }
    if let rcode { reply[3] = reply[3] & 0xF0 | UInt8(rcode & 0xF) }
    reply[11] &+= 1
    reply += opt(cookie: option, extendedRcode: UInt8((rcode ?? 0) >> 4))
  }

  func opt(cookie: [UInt8]?, extendedRcode: UInt8 = 0) -> [UInt8] {
    let options = cookie.map { number16(10) + number16(UInt16($0.count)) + $0 } ?? []
    return [0] + number16(41) + number16(1232) + [extendedRcode, 0, 0, 0]
      + number16(UInt16(options.count)) + options
  }

  /// Where the client cookie of a query of ours is: in the one option of its OPT record.
  func sentCookie(_ query: [UInt8]) -> Range<Int>? {
    let option = questionEnd(query) + 11
    guard query.count > option + 4 else { return nil }
    return option + 4..<option + 12
  }

  private func record() -> [UInt8] {
    let shape = input.octet()
    var record = shape & 1 == 0 ? [0xC0, 12] : name(shape >> 1)
    var type = type(input.octet())
    let data: [UInt8]
    switch shape >> 5 {
    case 0: (type, data) = (1, [192, 0, 2, input.octet()])
    case 1: (type, data) = (1, [10, 0, 0, input.octet()])
    case 2: (type, data) = (5, name(input.octet()))
    case 3: (type, data) = (6, name(input.octet()) + name(0) + [UInt8](repeating: 1, count: 20))
    case 4:
      (type, data) = (
        46, number16(type) + [13, 3] + [UInt8](repeating: 1, count: 14) + name(0) + [7]
      )
    case 5: (type, data) = (47, name(input.octet()) + [0, 1, 0x40])
    default: data = input.octets()
    }
    let ttl: [UInt8] = shape & 8 == 0 ? [0, 0, 0, input.octet()] : [input.octet(), 0, 1, 0]
    record += number16(type) + number16(1) + ttl + number16(UInt16(data.count)) + data
    return record
  }

  // MARK: The truth

  /// A reply of an upstream that knows the world, or that says nothing of it.
  func replyTruly() {
    guard let target = target(), let query = try? Message(parsing: target.octets) else { return }
    var reply = Message(respondingTo: query)
    var cut = 0
    switch input.octet() & 15 {
    case 0...1:
      count("truncated")
      reply.tc = true
      reply.answers = [World.forgery(query)]
    case 2:
      count("error")
      let rcodes: [ResponseCode] = [.servFail, .refused, .notAuth, .badMode]
      reply.rcode = rcodes[input.number(below: rcodes.count)]
      reply.answers = [World.forgery(query)]
    case 3:
      count("referral")
      reply.authority = World.servers
      reply.additional = World.glue
    case 4:
      count("malformed")
      reply.answers = [World.forgery(query)]
      cut = 1 + input.number(below: 9)
    default:
      count("honest")
      reply = honest(query)
    }
    var octets = reply.encoded()
    addOPT(to: &octets, target.octets)
    deliver(octets.dropLast(cut), to: target.query)
  }

  /// What an honest upstream says, more or less completely.
  private func honest(_ query: Message) -> Message {
    var reply = truth(query)
    // What nobody checks may be anything.
    if query.cd { reply.answers = reply.answers.map(World.unchecked) }
    reply.ad =
      query.ad && !query.cd && World.isAuthentic(query.questions[0].name)
      && reply.answers.allSatisfy { World.isAuthentic($0.name) }
    if query.edns?.dnssecOK == true {
      reply.answers = World.signed(reply.answers)
      reply.authority = World.signed(reply.authority)
    }
    return reply
  }

  private func truth(_ query: Message) -> Message {
    var reply = Message(respondingTo: query)
    let shape = input.octet()
    reply.aa = shape & 3 == 0
    let type = query.questions[0].type
    var name = query.questions[0].name
    for link in 0..<4 {
      guard let target = World.alias(name) else { break }
      reply.answers.append(
        Record(name: name, type: .cname, ttl: World.ttl(name), rdata: target.wire))
      name = target
      // Some give only the alias.
      if shape >> (4 + link) & 1 == 1 {
        count("alias alone")
        return reply
      }
    }
    let records = World.records(name, type)
    reply.answers += records
    if World.alias(name) == nil, records.isEmpty {
      if !World.exists(name) { reply.rcode = .nxDomain }
      if shape & 12 != 0 { reply.authority = World.soa }
    } else if shape & 4 == 0 {
      reply.authority = World.servers
      reply.additional = World.glue
    }
    return reply
  }
}
