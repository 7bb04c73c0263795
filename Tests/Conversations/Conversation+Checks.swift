import DNSWire

// What clients are told has to be right.

extension Conversation {
  func expect(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { failed(message()) }
  }

  func count(_ what: String) { tally[what, default: 0] += 1 }

  func check(_ octets: [UInt8], to asked: Asked, isProven: Bool = false) {
    guard let answer = try? Message(parsing: octets) else {
      failed("answers are well formed")
      return
    }
    count("\(answer.rcode)")
    checkChain(answer)
    if let cookie = asked.cookie {
      let cookies = answer.edns?[.cookie] ?? []
      expect(
        cookies.count == 24 && Array(cookies.prefix(8)) == cookie.octets, "a cookie gets a cookie")
      expect(!isProven || answer.rcode != .badCookie, "a good cookie is good")
    }
    guard let query = asked.query, answer.rcode != .formErr else { return }
    let end = questionEnd(asked.octets)
    expect(octets.prefix(2) == asked.octets.prefix(2), "an answer has its query's ID")
    expect(octets[12..<end] == asked.octets[12..<end], "a question comes back as it was")
    expect((answer.edns == nil) == (query.edns == nil), "EDNS is for who speaks it")
    if answer.tc { count("cut answer") }
    if isTruthful, !answer.tc, answer.rcode == .noError || answer.rcode == .nxDomain {
      checkTruth(answer, octets.count, query)
    }
  }

  /// Each record of an answer belongs to the name that the aliases before it lead to.
  private func checkChain(_ message: Message) {
    guard let question = message.questions.first else { return }
    var name = question.name
    var last = name
    for record in message.answers where record.type != .dname {
      if record.type == .rrsig {
        // Signatures may be what was asked for.
        let isAsked = question.type == .rrsig && record.name == name
        let isOfDNAME = record.rdata.starts(with: number16(RecordType.dname.rawValue))
        expect(
          isAsked || isOfDNAME || record.name == last, "a signature's owner is its RRset's")
        continue
      }
      expect(record.name == name, "a record's owner is the question's or an alias's target")
      last = name
      guard record.type == .cname, question.type != .cname,
        let target = try? Name(wire: record.rdata)
      else { continue }
      name = target
    }
  }

  /// What is answered is the world's truth: the chain, then the records or their absence.
  private func checkTruth(_ answer: Message, _ size: Int, _ query: Message) {
    let type = query.questions[0].type
    var name = query.questions[0].name
    var expected: [Record] = []
    while expected.count < 20, let target = World.alias(name) {
      expected.append(Record(name: name, type: .cname, ttl: 0, rdata: target.wire))
      name = target
    }
    expected += World.records(name, type)
    // Stale data has a TTL of its own; without EDNS, or room for an extended error, nothing tells that it is.
    let hasRoom = size + 6 <= max(512, Int(query.edns?.udpSize ?? 0))
    let mayBeStale = answer.edns == nil || answer.edns?[.extendedError] != nil || !hasRoom
    let most: UInt32 = mayBeStale ? 30 : 0
    for record in answer.answers {
      expect(record.ttl <= max(World.ttl(record.name), most), "the TTL of \(record)")
    }
    let records = answer.answers.filter { $0.type != .rrsig }
    if records.contains(where: World.isUnchecked) {
      count("unchecked")
      expect(query.cd, "only who wants it is given what nobody checked")
    } else {
      expect(
        records.map(comparable) == expected.map(comparable), "\(query.questions[0]): \(records)")
    }
    expect((answer.rcode == .nxDomain) == !World.exists(name), "\(answer.rcode) for \(name)")
    checkEvidence(
      answer, query, owners: [query.questions[0].name, name] + expected.map(\.name))
  }

  /// Signatures are there when they are wanted and were to be had; AD is what upstream said of all of it.
  private func checkEvidence(_ reply: Message, _ query: Message, owners: [Name]) {
    let all = reply.answers + reply.authority
    let signed = all.filter { $0.type != .rrsig }
    let signatures = all.filter { $0.type == .rrsig }
    guard query.edns?.dnssecOK == true else {
      expect(signatures.isEmpty, "nobody else wants signatures")
      if reply.ad { expect(query.ad, "AD is for who knows it") }
      return
    }
    expect(reply.edns?.dnssecOK == true, "DO comes back")
    if reply.ad {
      count("AD")
      for owner in owners { expect(World.isAuthentic(owner), "AD of \(owner)") }
    }
    // While upstream fails, what is known without will do, and that is said.
    guard reply.edns?[.extendedError] == nil else { return }
    // An upstream that is asked without EDNS gives none, and what it gave may be stale for an hour.
    let since = now - min(now, 2 * Conversation.hour)
    guard owners.allSatisfy({ plain[$0.lowercased] ?? 0 <= since }) else { return }
    if !signed.isEmpty { count("signed") }
    for record in signed {
      let isSigned = signatures.contains {
        $0.name == record.name && $0.ttl == record.ttl && World.covers($0, record.type)
      }
      expect(isSigned, "\(record) has no signature")
    }
  }

  /// A record without its TTL and the letter case of the alias's target, which compression may change.
  private func comparable(_ record: Record) -> Record {
    var copy = record
    copy.ttl = 0
    if record.type == .cname, let target = try? Name(wire: record.rdata) {
      copy.rdata = target.lowercased.wire
    }
    return copy
  }
}
