import Memory

// Compression remembers the ends of names (suffixes) that stand in the message already, each by a hash
// and its offset. A name is looked up from its right end, label by label, and the search stops at the
// first suffix that isn't there. The work for a message is bounded three times: names, labels of a
// name, suffixes remembered (CVE-2024-8508).

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
    if !isQuestionRemembered { rememberQuestion() }
    let labels = Labels(name, at: 0)
    var known = 0
    var target = MessageWriter.root
    var hash = MessageWriter.emptyHash
    while known < labels.count {
      let next = MessageWriter.hash(hash, name, at: labels[known])
      guard let found = find(next, name, at: labels[known], before: target) else { break }
      known &+= 1
      hash = next
      target = found
    }
    let begin = position
    if known == 0 {
      octets(name)
    } else {
      octets(name.extracting(0..<labels[known &- 1]))
      number16(0xC000 | UInt16(truncatingIfNeeded: target))
    }
    guard !overflowed else { return }
    while known < labels.count {
      hash = MessageWriter.hash(hash, name, at: labels[known])
      remember(hash, begin &+ labels[known])
      known &+= 1
    }
  }

  /// Most names of a message that are compressed; further ones are written in full.
  ///
  /// Unbound allows 120, too.
  public static let compressedNamesLimit = 120

  /// Offsets that a compression pointer reaches (RFC 1035 §4.1.4).
  static let pointerReach = 0x4000

  /// Suffixes of names that are remembered for compression.
  private static let suffixesLimit = 64

  /// Where the suffix of no label stands: nowhere, it is the octet 0 behind any name.
  private static var root: Int { 0 }

  /// Where the last labels of a name begin.
  private struct Labels {
    /// Most labels of a name, counted from its right end, that are looked at; a power of two.
    private static var limit: Int { 16 }

    // A ring, in which the last labels take the places of the first.
    private var starts: InlineArray<16, UInt16> = InlineArray(repeating: 0)
    private var total = 0

    /// Takes a well-formed name that begins at an offset and has no pointers.
    @inline(__always)
    init(_ octets: Span<UInt8>, at offset: Int) {
      var position = offset
      while true {
        let length = Int(octets[position])
        if length == 0 { return }
        starts[total & (Labels.limit - 1)] = UInt16(truncatingIfNeeded: position)
        total &+= 1
        position &+= length &+ 1
      }
    }

    /// Labels that are looked at.
    @inline(__always)
    var count: Int { min(total, Labels.limit) }

    /// Where a label begins, the rightmost one being 0.
    @inline(__always)
    subscript(_ label: Int) -> Int {
      // Through a span: a subscript of the array itself would copy all of it.
      Int(starts.span[(total &- 1 &- label) & (Labels.limit - 1)])
    }
  }

  private static var emptyHash: UInt64 { 0xCBF2_9CE4_8422_2325 }

  /// The hash of a suffix, made from that of the suffix one label shorter.
  ///
  /// Whoever chooses names to collide gains nothing: see the bounds above.
  @inline(__always)
  private static func hash(_ rest: UInt64, _ name: Span<UInt8>, at start: Int) -> UInt64 {
    let end = start &+ 1 &+ Int(name[start])
    var hash = rest
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

  /// Remembers a suffix that stands in the message, if there is room.
  @_lifetime(self: copy self)
  private mutating func remember(_ hash: UInt64, _ offset: Int) {
    guard suffixCount < MessageWriter.suffixesLimit, offset < MessageWriter.pointerReach
    else { return }
    suffixes[suffixCount] =
      UInt32(truncatingIfNeeded: hash) & 0xFFFF_0000 | UInt32(truncatingIfNeeded: offset)
    suffixCount &+= 1
  }

  /// Remembers the suffixes of the question's name.
  @_lifetime(self: copy self)
  private mutating func rememberQuestion() {
    isQuestionRemembered = true
    let labels = Labels(written, at: MessageHeader.size)
    var hash = MessageWriter.emptyHash
    for label in 0..<labels.count {
      hash = MessageWriter.hash(hash, written, at: labels[label])
      remember(hash, labels[label])
    }
  }

  /// Where a suffix stands already: a name's label and what follows it.
  ///
  /// - Parameter rest: where the suffix one label shorter stands.
  // Mutating though it changes nothing, and through a span: otherwise the table would be copied.
  @_lifetime(self: copy self)
  private mutating func find(
    _ hash: UInt64, _ name: Span<UInt8>, at start: Int, before rest: Int
  ) -> Int? {
    let check = UInt32(truncatingIfNeeded: hash)
    let suffixes = suffixes.span
    for index in 0..<suffixCount where (suffixes[index] ^ check) & 0xFFFF_0000 == 0 {
      let offset = Int(suffixes[index] & 0xFFFF)
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
