/// A reply of any length up to a message's most, as a signed zone could have it: aliases, some of them made
/// from a DNAME, then an RRset or why there is none, with signatures and proofs.
struct LongReply {
  /// The message.
  private(set) var octets: [UInt8]
  private var section = Section.answer
  /// Whether the chain of aliases has an RRset that was made from a wildcard, or ends without one.
  private var wantsProof = false

  private enum Section: Int {
    case answer = 6
    case authority = 8
  }

  /// Octets of a message at most.
  private static let most = 65_535
  private static let zone = name(0)
  private enum Number {
    static let cname: UInt16 = 5
    static let soa: UInt16 = 6
    static let dname: UInt16 = 39
    static let rrsig: UInt16 = 46
    static let nsec: UInt16 = 47
  }

  /// An owner: its name, and where it stands if a pointer reaches it.
  private struct Owner {
    var name: [UInt8]
    var offset: Int?

    var octets: [UInt8] { offset.map { number16(0xC000 | UInt16($0)) } ?? name }
    var labels: UInt8 {
      var labels: UInt8 = 0
      var position = 0
      while name[position] != 0 {
        position += 1 + Int(name[position])
        labels += 1
      }
      return labels
    }
  }

  /// Makes a reply.
  ///
  /// - Parameters:
  ///   - query: header and question.
  ///   - input: decides on all else.
  init(to query: [UInt8], _ input: inout Input) {
    octets = query
    let shape = input.octet()
    octets[2] = 0x81
    octets[3] = 0x80 | (shape & 0x80 == 0 ? 0 : 0x20) | (shape & 0x70 == 0x70 ? 3 : 0)
    for index in 6..<12 { octets[index] = 0 }
    let asked = UInt16(query[query.count - 4]) << 8 | UInt16(query[query.count - 3])
    var owner = Owner(name: Array(query[12..<query.count - 4]), offset: 12)
    for _ in 0..<Int(shape & 15) % 13 { owner = addAlias(of: owner, &input) }
    switch shape >> 4 & 7 {
    case 0: break
    case 1...5:
      addSet(asked, of: owner, &input)
      addSignatures(of: asked, owner, &input)
      section = .authority
    default:
      section = .authority
      let soa = LongReply.zone + name(input.octet()) + [UInt8](repeating: 1, count: 20)
      let zone = Owner(name: LongReply.zone)
      add(Number.soa, of: zone, soa, &input)
      addSignatures(of: Number.soa, zone, &input)
      wantsProof = true
    }
    if wantsProof { addProof(&input) }
  }

  /// Adds a record and its TTL, if there is room.
  @discardableResult
  private mutating func add(
    _ type: UInt16, of owner: Owner, _ data: [UInt8], _ input: inout Input
  ) -> Bool {
    let shape = input.octet()
    let ttl: [UInt8] = shape & 3 == 3 ? [0, 1, 0, 0] : [0, 0, 0, shape]
    let record = owner.octets + number16(type) + number16(1) + ttl + number16(UInt16(data.count))
    guard octets.count + record.count + data.count <= LongReply.most else { return false }
    octets += record + data
    let place = section.rawValue
    if octets[place + 1] == 255 { octets[place] += 1 }
    octets[place + 1] &+= 1
    return true
  }

  // MARK: Answer

  private mutating func addAlias(of owner: Owner, _ input: inout Input) -> Owner {
    let shape = input.octet()
    var target = name(input.octet())
    if shape & 3 == 3, owner.name.count > 2 {
      let label = 1 + Int(owner.name[0])
      let parent = Owner(
        name: Array(owner.name[label...]), offset: owner.offset.map { $0 + label })
      add(Number.dname, of: parent, target, &input)
      addSignatures(of: Number.dname, parent, &input)
      target = owner.name[..<label] + target
    }
    // Behind the owner stand ten octets of fields.
    let offset = octets.count + owner.octets.count + 10
    let isAdded = add(Number.cname, of: owner, target, &input)
    addSignatures(of: Number.cname, owner, &input)
    return Owner(name: target, offset: isAdded && offset < 0x4000 ? offset : nil)
  }

  private mutating func addSet(_ type: UInt16, of owner: Owner, _ input: inout Input) {
    let count = 1 + input.number(below: 16) * input.number(below: 256)
    let size = input.number(below: 256)
    for index in 0..<count {
      let number = number16(UInt16(truncatingIfNeeded: index))
      let data: [UInt8]
      switch type {
      case 1: data = [192, 0] + number
      case 28: data = [0x20, 1] + [UInt8](repeating: 0, count: 12) + number
      case 2, 12: data = [2] + number + LongReply.zone
      case 15: data = number + name(UInt8(truncatingIfNeeded: index))
      case 33: data = [0, 0, 0, 0] + number + name(UInt8(truncatingIfNeeded: index))
      case 16: data = [UInt8(size)] + [UInt8](repeating: number[1], count: size)
      default: return
      }
      guard add(type, of: owner, data, &input) else { return }
    }
  }

  // MARK: DNSSEC

  /// Adds RRSIG records of any length, and as many as there are in a roll-over of keys, or more.
  private mutating func addSignatures(of type: UInt16, _ owner: Owner, _ input: inout Input) {
    let size = input.number(below: 256)
    guard size > 0 else { return }
    let shape = input.octet()
    let isExpanded = shape & 0xC0 == 0xC0 && owner.labels > 0
    if isExpanded { wantsProof = true }
    for _ in 0...Int(shape & 7) {
      let data =
        number16(type) + [13, owner.labels - (isExpanded ? 1 : 0)]
        + [UInt8](repeating: 1, count: 14) + LongReply.zone
        + [UInt8](repeating: shape, count: size << Int(shape >> 3 & 7))
      add(Number.rrsig, of: owner, data, &input)
    }
  }

  /// Adds NSEC records with type bitmaps of any length, and their signatures.
  private mutating func addProof(_ input: inout Input) {
    for _ in 0..<input.number(below: 8) {
      let owner = Owner(name: name(input.octet()))
      var data = name(input.octet())
      for window in 0...input.octet() { data += [window, 32] + [UInt8](repeating: 1, count: 32) }
      add(Number.nsec, of: owner, data, &input)
      addSignatures(of: Number.nsec, owner, &input)
    }
  }
}
