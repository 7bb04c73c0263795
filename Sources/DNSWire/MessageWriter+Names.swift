import Memory

// Nearly all names of an answer end like the question's name, which stands whole at a known place: that is
// looked at first, eight octets a step. What a name has before the end that is known already, its head, is
// remembered, label by label, each by a hash and its offset, but only when another name comes. A name's
// head is looked up from its right end, and the search stops at the first label that isn't there. The work
// for a message is bounded three times: names, labels of a name, labels remembered (CVE-2024-8508).

/// Ends of names that stand in a message, for compression: memory for a ``MessageWriter`` to work with,
/// lent again and again, as making it anew would cost each message more than most get from it.
public struct SuffixTable: ~Copyable {
  /// Ends that are remembered, those of the question's name aside.
  public static let limit = 64

  /// The upper half of a hash, and the offset in the message.
  fileprivate var entries = FixedArray<UInt32>(repeating: 0, count: limit)

  /// Makes a table.
  public init() {}
}

extension MessageWriter {
  /// Writes an uncompressed, well-formed name, with a pointer for an end that stands earlier.
  ///
  /// Letter case is not looked at when ends are compared, so the earlier spelling is what a reader
  /// sees.
  @_lifetime(self: copy self)
  public mutating func name(_ name: Span<UInt8>, compress: Bool) {
    guard !overflowed else { return }
    guard compress, name.count > 1, compressedNames < MessageWriter.compressedNamesLimit else {
      octets(name)
      return
    }
    compressedNames &+= 1
    var end = KnownEnd(of: name, in: written, questionName: questionName)
    if let suffixes, lastHead.count > 0 || suffixCount > 0 { extend(&end, of: name, by: suffixes) }
    let begin = position
    if end.target == MessageWriter.root {
      octets(name)
    } else {
      if end.start > 0 { octets(name.extracting(0..<end.start)) }
      number16(0xC000 | UInt16(truncatingIfNeeded: end.target))
    }
    guard !overflowed, end.start > 0 else { return }
    lastHead = Head(begin: begin, count: end.start, target: end.target)
  }

  /// Most names of a message that are compressed; further ones are written in full.
  ///
  /// Unbound allows 120, too.
  public static let compressedNamesLimit = 120

  /// Offsets that a compression pointer reaches (RFC 1035 §4.1.4).
  static let pointerReach = 0x4000

  /// Where the suffix of no label stands: nowhere, it is the octet 0 behind any name.
  private static var root: Int { 0 }

  /// The end of a name that stands in the message already.
  private struct KnownEnd {
    /// Where it begins in the name; at its root when nothing is known.
    var start: Int
    /// Where it stands in the message.
    var target: Int

    /// Looks for a name's end at the end of the question's name.
    ///
    /// Equal octets mean the same to a reader whether or not they were labels of their own.
    @inline(__always)
    init(of name: Span<UInt8>, in message: Span<UInt8>, questionName count: Int) {
      start = name.count &- 1
      target = MessageWriter.root
      guard count > 1 else { return }
      let end = MessageHeader.size &+ count
      let least =
        name.count
        &- MessageWriter.sharedEnd(name, message, to: end, atMost: min(name.count, count))
      var label = 0
      while label < least { label &+= Int(name[label]) &+ 1 }
      guard label < start else { return }
      start = label
      target = end &- (name.count &- label)
    }
  }

  /// How many of a name's last octets stand before an offset of the message, letter case aside.
  @inline(__always)
  private static func sharedEnd(
    _ name: Span<UInt8>, _ message: Span<UInt8>, to end: Int, atMost most: Int
  ) -> Int {
    var shared = 0
    guard most >= 8 else {
      while shared < most,
        NameKey.lowercased(UInt64(name[name.count &- 1 &- shared]))
          == NameKey.lowercased(UInt64(message[end &- 1 &- shared]))
      { shared &+= 1 }
      return shared
    }
    while shared < most {
      // The last step looks at some octets again.
      let behind = min(shared &+ 8, most)
      let difference =
        NameKey.lowercased(name.load64(name.count &- behind))
        ^ NameKey.lowercased(message.load64(end &- behind))
      shared = behind
      if difference != 0 { return behind &- 8 &+ difference.leadingZeroBitCount / 8 }
    }
    return shared
  }

  /// What a name has in the message before its known end.
  struct Head {
    /// Where it begins.
    var begin: Int
    /// Its octets; 0 for none.
    var count: Int
    /// Where the known end stands that follows it.
    var target: Int
  }

  /// Where the last labels of a name's head begin.
  private struct Labels {
    /// Most labels of a name, counted from its right end, that are looked at; a power of two.
    private static var limit: Int { 16 }

    // A ring, in which the last labels take the places of the first.
    private var starts: InlineArray<16, UInt16> = InlineArray(repeating: 0)
    private var total = 0

    /// Takes well-formed labels, without pointers.
    init(_ octets: Span<UInt8>, from begin: Int, to end: Int) {
      var position = begin
      while position < end && octets[position] != 0 {
        starts[total & (Labels.limit - 1)] = UInt16(truncatingIfNeeded: position)
        total &+= 1
        position &+= Int(octets[position]) &+ 1
      }
    }

    /// Labels that are looked at.
    var count: Int { min(total, Labels.limit) }

    /// Where a label begins, the rightmost one being 0.
    subscript(_ label: Int) -> Int {
      // Through a span: a subscript of the array itself would copy all of it.
      Int(starts.span[(total &- 1 &- label) & (Labels.limit - 1)])
    }
  }

  /// The hash of a suffix: its first label and where the rest of it stands.
  ///
  /// Whoever chooses names to collide gains nothing: see the bounds above.
  @inline(__always)
  private static func hash(_ name: Span<UInt8>, at start: Int, before rest: Int) -> UInt64 {
    let end = start &+ 1 &+ Int(name[start])
    var hash = UInt64(truncatingIfNeeded: rest) ^ 0xCBF2_9CE4_8422_2325
    var position = start
    while position &+ 8 <= end {
      hash = mix(hash, NameKey.lowercased(name.load64(position)))
      position &+= 8
    }
    if position < end {
      hash = mix(hash, NameKey.lowercased(NameKey.word(name, from: position, to: end)))
    }
    return hash
  }

  @inline(__always)
  private static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
    let product = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
    return product ^ product &>> 32
  }

  /// Makes a name's known end longer by what is remembered of other names than the question's.
  @inline(never)
  @_lifetime(self: copy self)
  private mutating func extend(
    _ end: inout KnownEnd, of name: Span<UInt8>, by suffixes: Pinned<SuffixTable>
  ) {
    rememberLastHead(in: suffixes)
    let labels = Labels(name, from: 0, to: end.start)
    for label in 0..<labels.count {
      guard let found = find(name, at: labels[label], before: end.target, in: suffixes)
      else { return }
      end.start = labels[label]
      end.target = found
    }
  }

  /// Remembers the suffixes that begin in the last name's head, if there is room.
  @_lifetime(self: copy self)
  private mutating func rememberLastHead(in suffixes: Pinned<SuffixTable>) {
    let labels = Labels(written, from: lastHead.begin, to: lastHead.begin &+ lastHead.count)
    var rest = lastHead.target
    for label in 0..<labels.count {
      let start = labels[label]
      guard suffixCount < SuffixTable.limit, start < MessageWriter.pointerReach else { break }
      let hash = MessageWriter.hash(written, at: start, before: rest)
      suffixes.value.entries[suffixCount] =
        UInt32(truncatingIfNeeded: hash) & 0xFFFF_0000 | UInt32(truncatingIfNeeded: start)
      suffixCount &+= 1
      rest = start
    }
    lastHead.count = 0
  }

  /// Forgets the names that stand no more, after a step back.
  @_lifetime(self: copy self)
  mutating func forgetNames() {
    if position <= MessageHeader.size { questionName = 0 }
    if lastHead.begin >= position { lastHead.count = 0 }
    guard let suffixes else { return }
    while suffixCount > 0
      && Int(suffixes.value.entries[suffixCount &- 1] & 0xFFFF) >= position
    { suffixCount &-= 1 }
  }

  /// Where a suffix stands already: a name's label and what follows it.
  ///
  /// - Parameter rest: where the suffix one label shorter stands.
  private func find(
    _ name: Span<UInt8>, at start: Int, before rest: Int, in suffixes: Pinned<SuffixTable>
  ) -> Int? {
    let check = UInt32(truncatingIfNeeded: MessageWriter.hash(name, at: start, before: rest))
    for index in 0..<suffixCount {
      let entry = suffixes.value.entries[index]
      guard (entry ^ check) & 0xFFFF_0000 == 0 else { continue }
      let offset = Int(entry & 0xFFFF)
      // One look: another suffix with the same hash costs a few octets, not more time.
      return MessageWriter.stands(name, at: start, in: written, at: offset, before: rest)
        ? offset : nil
    }
    return nil
  }

  /// Whether a name's label stands at an offset of the message, with a suffix behind it.
  ///
  /// Each suffix is remembered where it stood first, and those written later point there. So it is
  /// enough to look where the message goes on behind the label.
  @inline(__always)
  private static func stands(
    _ name: Span<UInt8>, at start: Int, in message: Span<UInt8>, at offset: Int, before rest: Int
  ) -> Bool {
    let length = Int(name[start])
    let next = offset &+ length &+ 1
    guard next < message.count, message[offset] == name[start] else { return false }
    var step = 0
    while step &+ 8 <= length &+ 1 {
      guard
        NameKey.lowercased(message.load64(offset &+ step))
          == NameKey.lowercased(name.load64(start &+ step))
      else { return false }
      step &+= 8
    }
    if step <= length {
      let known = NameKey.word(message, from: offset &+ step, to: next)
      let own = NameKey.word(name, from: start &+ step, to: start &+ length &+ 1)
      guard NameKey.lowercased(known) == NameKey.lowercased(own) else { return false }
    }
    if rest == MessageWriter.root { return message[next] == 0 }
    return next == rest
      || next &+ 1 < message.count && Int(message.load16(next)) == 0xC000 | rest
  }

  /// The offset behind a name that is known to be well formed and uncompressed.
  static func endOfName(_ data: Span<UInt8>, from start: Int) -> Int {
    var position = start
    while data[position] != 0 { position &+= Int(data[position]) &+ 1 }
    return position &+ 1
  }
}
