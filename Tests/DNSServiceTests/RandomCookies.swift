import DNSWire
import Randomness
import Testing

/// What an upstream of a random conversation does with cookies (RFC 7873), and whether it talks TCP.
struct UpstreamWays {
  private(set) var cookies: Cookies
  let talksTCP: Bool
  /// What its server cookie is made of.
  private var secret: UInt8 = 1

  enum Cookies: CaseIterable {
    /// It doesn't know them.
    case unknown
    /// It gives one with each reply, whatever came.
    case given
    /// Over UDP it answers BADCOOKIE to any but its own.
    case demanded
    /// It sends back what options it got.
    case echoed
    /// It takes them for an error of form.
    case rejected
  }

  init(_ random: inout SplitMix64) {
    cookies = random.oneOf(Cookies.allCases)
    talksTCP = random.number(0...3) != 0
  }

  /// Gives a reply what belongs to it; now and then the upstream is another one afterwards.
  mutating func apply(to reply: inout Message, _ query: Message, _ random: inout SplitMix64) {
    switch random.number(0...999) {
    // A restart, with another secret.
    case 0...9: secret &+= 1
    // Another program.
    case 10: cookies = random.oneOf(Cookies.allCases)
    default: break
    }
    guard let sent = query.edns?[.cookie] else { return }
    let server = [UInt8](repeating: secret, count: 8 + Int(secret) % 25)
    switch cookies {
    case .unknown: return
    case .given, .demanded:
      // Now and then it leaves them out: with errors some do.
      guard random.number(0...39) != 0 else { return }
      if cookies == .demanded, Array(sent.dropFirst(8)) != server {
        reply = Message(respondingTo: query, rcode: .badCookie)
      }
      reply.edns = reply.edns ?? EDNS()
      reply.edns?.options = [EDNS.Option(.cookie, sent.prefix(8) + server)]
    case .echoed:
      reply.edns = reply.edns ?? EDNS()
      reply.edns?.options = [EDNS.Option(.cookie, sent)]
    case .rejected:
      reply = Message(respondingTo: query, rcode: .formErr)
      reply.edns = EDNS()
    }
  }
}

/// The cookies of two clients, and what has to come back for each (RFC 7873 §5.2, RFC 9018).
struct RandomClients {
  static let addresses = [Host.client, IPAddress(v4: 0xC000_0209)]
  /// How often the server's secret was changed.
  var secrets = 0
  /// The cookies that each was given last.
  private var given: [IPAddress: (octets: [UInt8], secrets: Int)] = [:]

  /// Cookies that a client sent.
  struct Sent {
    var kind: Kind
    var octets: [UInt8]
    var address: IPAddress
    /// Seconds on the server's clock.
    var time: UInt32
    /// How often the secret had been changed.
    var secrets: Int
  }

  enum Kind {
    /// Only the client's own.
    case bare
    /// The server's, less than half an hour old: it comes back.
    case good
    /// The server's, but older, or made with another secret.
    case old
    /// One that another address was given.
    case stolen
    /// The server's with a bit changed.
    case forged
    /// Of a length that none has.
    case malformed
  }

  /// Cookies that a client may send now.
  func cookie(
    from address: IPAddress, now: UInt64, _ random: inout SplitMix64
  ) -> Sent {
    let time = UInt32(truncatingIfNeeded: now / 1_000)
    func sent(_ kind: Kind, _ octets: [UInt8]) -> Sent {
      Sent(kind: kind, octets: octets, address: address, time: time, secrets: secrets)
    }
    let own = [UInt8](repeating: UInt8(truncatingIfNeeded: address.low), count: 8)
    let other = RandomClients.addresses.first { $0 != address } ?? address
    switch random.number(0...9) {
    case 0: return sent(.bare, own)
    case 1:
      return sent(.malformed, random.octets(random.oneOf([0...7, 9...15, 41...60])))
    case 2:
      guard let stolen = given[other] else { break }
      return sent(.stolen, stolen.octets)
    case 3...4:
      guard var octets = given[address]?.octets else { break }
      // The version and all that is hashed.
      octets[random.number(8...23)] ^= 1 << UInt8(random.number(0...7))
      return sent(.forged, octets)
    default:
      guard let last = given[address] else { break }
      let isGood = last.secrets == secrets && time - RandomClients.timestamp(last.octets) < 1_800
      return sent(isGood ? .good : .old, last.octets)
    }
    return sent(.bare, own)
  }

  /// Takes the cookies that came back, and checks them.
  mutating func take(_ octets: [UInt8], for sent: Sent) {
    #expect(octets.count == 24 && octets.prefix(8) == sent.octets.prefix(8))
    if sent.kind == .good {
      #expect(octets == sent.octets)
    } else {
      #expect(octets != sent.octets && RandomClients.timestamp(octets) == sent.time)
    }
    // Whoever used another's cookie has still its own.
    guard sent.kind != .stolen else { return }
    given[sent.address] = (octets, sent.secrets)
  }

  /// When a server cookie was made (RFC 9018 §4.3).
  private static func timestamp(_ octets: [UInt8]) -> UInt32 {
    octets[12..<16].reduce(0) { $0 << 8 | UInt32($1) }
  }
}
