import Memory

/// Writes a message into a buffer of fixed size, front to back.
///
/// The writer remembers its first overflow: later calls do nothing, ``overflowed`` says so, and
/// ``rewind(to:)`` returns to a state that fitted. Nothing is allocated.
public struct MessageWriter: ~Copyable, ~Escapable {
  private var buffer: MutableSpan<UInt8>
  /// Octets that the message may take.
  public var limit: Int
  /// Octets written.
  public private(set) var position: Int
  /// Whether something did not fit.
  public private(set) var overflowed: Bool
  /// Records of each section, as the header will say.
  public private(set) var counts: (answer: UInt16, authority: UInt16, additional: UInt16)
  private var suffixes: InlineArray<64, UInt32>
  private var suffixCount: Int
  private var isQuestionRemembered: Bool
  private var compressedNames: Int

  /// A state to come back to.
  public struct Mark {
    fileprivate let position: Int
    fileprivate let counts: (answer: UInt16, authority: UInt16, additional: UInt16)
    fileprivate let suffixCount: Int
    fileprivate let isQuestionRemembered: Bool
  }

  /// Suffixes of names that are remembered for compression.
  private static let suffixes = 64

  /// Begins a message.
  ///
  /// - Parameters:
  ///   - buffer: where to write.
  ///   - limit: octets that the message may take; never more than `buffer` holds.
  @_lifetime(&buffer)
  public init(_ buffer: inout MutableSpan<UInt8>, limit: Int) {
    self.limit = min(limit, buffer.count)
    self.buffer = buffer._mutatingExtracting(0..<buffer.count)
    position = 0
    overflowed = false
    counts = (0, 0, 0)
    suffixes = InlineArray(repeating: 0)
    suffixCount = 0
    // A message without a question has nothing there to remember.
    isQuestionRemembered = true
    compressedNames = 0
  }

  // MARK: States

  /// Remembers where the message stands.
  public var mark: Mark {
    Mark(
      position: position, counts: counts, suffixCount: suffixCount,
      isQuestionRemembered: isQuestionRemembered)
  }

  /// Takes back all that was written since a mark, an overflow with it.
  @_lifetime(self: copy self)
  public mutating func rewind(to mark: Mark) {
    position = mark.position
    counts = mark.counts
    suffixCount = mark.suffixCount
    isQuestionRemembered = mark.isQuestionRemembered
    overflowed = false
  }

  /// Makes sure of room; the one place where overflow is noticed.
  @_lifetime(self: copy self)
  private mutating func reserve(_ octets: Int) -> Bool {
    if overflowed || position &+ octets > limit {
      overflowed = true
      return false
    }
    return true
  }

  // MARK: Header and question

  /// Writes the header's place; the counts are filled in by ``finish(flags:)``.
  @_lifetime(self: copy self)
  public mutating func header(id: UInt16, questionCount: UInt16) {
    guard reserve(MessageHeader.size) else { return }
    buffer.store16(id, 0)
    buffer.store16(0, 2)
    buffer.store16(questionCount, 4)
    buffer.store16(0, 6)
    buffer.store32(0, 8)
    position = MessageHeader.size
  }

  /// Writes a question as octets that are known to be well formed: name, type and class.
  ///
  /// Later names may be compressed against the first question's.
  @_lifetime(self: copy self)
  public mutating func question(_ octets: Span<UInt8>) {
    guard reserve(octets.count) else { return }
    if position == MessageHeader.size { isQuestionRemembered = false }
    buffer.store(octets, position)
    position &+= octets.count
  }

  /// Completes the message.
  ///
  /// - Parameter flags: the 16 bits from QR to RCODE.
  /// - Returns: octets of the message.
  @_lifetime(self: copy self)
  public mutating func finish(flags: UInt16) -> Int {
    buffer.store16(flags, 2)
    buffer.store16(counts.answer, 6)
    buffer.store16(counts.authority, 8)
    buffer.store16(counts.additional, 10)
    return position
  }

  // MARK: Octets and numbers

  /// Writes octets as they are.
  @_lifetime(self: copy self)
  public mutating func octets(_ octets: Span<UInt8>) {
    guard reserve(octets.count) else { return }
    buffer.store(octets, position)
    position &+= octets.count
  }

  /// Writes an octet.
  @_lifetime(self: copy self)
  public mutating func octet(_ value: UInt8) {
    guard reserve(1) else { return }
    buffer[position] = value
    position &+= 1
  }

  /// Writes two octets in network order.
  @_lifetime(self: copy self)
  public mutating func number16(_ value: UInt16) {
    guard reserve(2) else { return }
    buffer.store16(value, position)
    position &+= 2
  }

  /// Writes four octets in network order.
  @_lifetime(self: copy self)
  public mutating func number32(_ value: UInt32) {
    guard reserve(4) else { return }
    buffer.store32(value, position)
    position &+= 4
  }

  // MARK: Records

  /// Writes a record whose RDATA is at hand and has no name to compress, owner by pointer.
  @_lifetime(self: copy self)
  public mutating func record(
    owner: Int, type: RecordType, recordClass: UInt16 = 1, ttl: UInt32, data: Span<UInt8>,
    in section: RecordView.Section
  ) {
    precondition(owner < MessageWriter.pointerReach)
    guard reserve(12 &+ data.count) else { return }
    buffer.store16(0xC000 | UInt16(truncatingIfNeeded: owner), position)
    buffer.store16(type.rawValue, position &+ 2)
    buffer.store16(recordClass, position &+ 4)
    buffer.store32(ttl, position &+ 6)
    buffer.store16(UInt16(truncatingIfNeeded: data.count), position &+ 10)
    buffer.store(data, position &+ 12)
    position &+= 12 &+ data.count
    count(section)
  }

  /// Begins a record whose RDATA follows piece by piece; ``endRecord(_:in:)`` completes it.
  ///
  /// - Parameter owner: the owner name's offset in this message.
  /// - Returns: what `endRecord` needs.
  @_lifetime(self: copy self)
  public mutating func beginRecord(
    owner: Int, type: RecordType, recordClass: UInt16 = 1, ttl: UInt32
  ) -> Int {
    precondition(owner < MessageWriter.pointerReach)
    number16(0xC000 | UInt16(truncatingIfNeeded: owner))
    return fixedFields(type, recordClass, ttl)
  }

  /// Begins a record whose owner name is written too, compressed where possible unless told otherwise.
  @_lifetime(self: copy self)
  public mutating func beginRecord(
    ownerName: Span<UInt8>, compress: Bool = true, type: RecordType, recordClass: UInt16 = 1,
    ttl: UInt32
  ) -> Int {
    name(ownerName, compress: compress)
    return fixedFields(type, recordClass, ttl)
  }

  @_lifetime(self: copy self)
  private mutating func fixedFields(
    _ type: RecordType, _ recordClass: UInt16, _ ttl: UInt32
  ) -> Int {
    number16(type.rawValue)
    number16(recordClass)
    number32(ttl)
    number16(0)
    return position
  }

  /// Completes a record: its RDLENGTH and its section's count.
  @_lifetime(self: copy self)
  public mutating func endRecord(_ data: Int, in section: RecordView.Section) {
    guard !overflowed else { return }
    guard position &- data <= Int(UInt16.max) else {
      overflowed = true
      return
    }
    buffer.store16(UInt16(position &- data), data &- 2)
    count(section)
  }

  /// Writes uncompressed RDATA of a type, its names compressed where that type allows it.
  ///
  /// - Parameter data: RDATA that ``RData/copy(_:of:into:at:)`` found to be well formed.
  @_lifetime(self: copy self)
  public mutating func data(_ data: Span<UInt8>, of type: RecordType) {
    let layout = RDataLayout.of(type)
    var offset = 0
    var index = 0
    while offset < data.count && layout.field(index) == .two {
      offset &+= 2
      index &+= 1
    }
    guard layout.field(index) == .compressibleName, offset <= data.count else {
      octets(data)
      return
    }
    octets(data.extracting(0..<offset))
    while offset < data.count && layout.field(index) == .compressibleName {
      let end = MessageWriter.endOfName(data, from: offset)
      name(data.extracting(offset..<end), compress: true)
      offset = end
      index &+= 1
    }
    octets(data.extracting(offset..<data.count))
  }

  /// Octets of an OPT record without options.
  public static let optSize = 11

  /// Writes an OPT record of version 0 without options (RFC 6891 §6.1.2).
  ///
  /// - Parameters:
  ///   - extendedRcode: the upper eight bits of the response code.
  ///   - dnssecOK: the DO bit (RFC 3225).
  @_lifetime(self: copy self)
  public mutating func opt(udpSize: UInt16, extendedRcode: UInt8, dnssecOK: Bool) {
    let begin = beginOPT(udpSize: udpSize, extendedRcode: extendedRcode, dnssecOK: dnssecOK)
    endRecord(begin, in: .additional)
  }

  @_lifetime(self: copy self)
  private mutating func count(_ section: RecordView.Section) {
    switch section {
    case .answer: counts.answer &+= 1
    case .authority: counts.authority &+= 1
    case .additional: counts.additional &+= 1
    }
  }

  // MARK: Names
  //
  // Compression remembers the ends of names (suffixes) that stand in the message already, each by a hash
  // and its offset. A name is looked up from its right end, label by label, and the search stops at the
  // first suffix that isn't there. The work for a message is bounded three times: names, labels of a
  // name, suffixes remembered (CVE-2024-8508).

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
    let labels = Labels(name)
    var known = labels.count
    var target = 0
    var hash = MessageWriter.emptyHash
    while known > 0 {
      let next = MessageWriter.hash(hash, name, at: labels.starts[known &- 1])
      guard
        let found = find(next, name.extracting(Int(labels.starts[known &- 1])..<name.count))
      else { break }
      known &-= 1
      hash = next
      target = found
    }
    let begin = position
    if known == labels.count {
      octets(name)
    } else {
      octets(name.extracting(0..<Int(labels.starts[known])))
      number16(0xC000 | UInt16(truncatingIfNeeded: target))
    }
    guard !overflowed else { return }
    while known > 0 {
      known &-= 1
      hash = MessageWriter.hash(hash, name, at: labels.starts[known])
      remember(hash, begin &+ Int(labels.starts[known]))
    }
  }

  /// Most names of a message that are compressed; further ones are written in full.
  ///
  /// Unbound allows 120, too.
  public static let compressedNamesLimit = 120

  /// Most labels of a name, counted from its right end, that are looked at.
  private static let compressedLabels = 16

  /// Offsets that a compression pointer reaches (RFC 1035 §4.1.4).
  private static let pointerReach = 0x4000

  /// Where the last labels of a name begin.
  private struct Labels {
    var starts: InlineArray<16, UInt8> = InlineArray(repeating: 0)
    var count = 0

    init(_ name: Span<UInt8>) {
      var total = 0
      var position = 0
      while name[position] != 0 {
        total &+= 1
        position &+= Int(name[position]) &+ 1
      }
      var label = 0
      position = 0
      while label < total {
        if total &- label <= MessageWriter.compressedLabels {
          starts[count] = UInt8(truncatingIfNeeded: position)
          count &+= 1
        }
        label &+= 1
        position &+= Int(name[position]) &+ 1
      }
    }
  }

  private static var emptyHash: UInt32 { 0x811C_9DC5 }

  /// The hash of a suffix, made from that of the suffix one label shorter.
  private static func hash(_ rest: UInt32, _ name: Span<UInt8>, at start: UInt8) -> UInt32 {
    // FNV-1a. Whoever chooses names to collide gains nothing: see the bounds above.
    var hash = rest
    let end = Int(start) &+ Int(name[Int(start)])
    for index in Int(start)...end {
      hash = (hash ^ UInt32(name[index].asciiLowercased)) &* 0x0100_0193
    }
    return hash
  }

  /// Remembers a suffix that stands in the message, if there is room.
  private mutating func remember(_ hash: UInt32, _ offset: Int) {
    guard suffixCount < MessageWriter.suffixes, offset < MessageWriter.pointerReach else { return }
    suffixes[suffixCount] = hash & 0xFFFF_0000 | UInt32(truncatingIfNeeded: offset)
    suffixCount &+= 1
  }

  /// Remembers the suffixes of the question's name.
  private mutating func rememberQuestion() {
    isQuestionRemembered = true
    var name: InlineArray<255, UInt8> = InlineArray(repeating: 0)
    var count = 0
    while MessageHeader.size &+ count < position && count < 255 {
      name[count] = buffer[MessageHeader.size &+ count]
      count &+= 1
    }
    let labels = Labels(name.span.extracting(0..<count))
    var hash = MessageWriter.emptyHash
    var label = labels.count
    while label > 0 {
      label &-= 1
      hash = MessageWriter.hash(hash, name.span, at: labels.starts[label])
      remember(hash, MessageHeader.size &+ Int(labels.starts[label]))
    }
  }

  /// Where a suffix stands already.
  private func find(_ hash: UInt32, _ name: Span<UInt8>) -> Int? {
    for index in 0..<suffixCount where (suffixes[index] ^ hash) & 0xFFFF_0000 == 0 {
      let offset = Int(suffixes[index] & 0xFFFF)
      // One look: another suffix with the same hash costs a few octets, not more time.
      return isSame(name, at: offset) ? offset : nil
    }
    return nil
  }

  /// Whether the name at an offset of the message is this one.
  private func isSame(_ name: Span<UInt8>, at offset: Int) -> Bool {
    var at = offset
    var index = 0
    while index < name.count {
      guard at < position else { return false }
      var length = Int(buffer[at])
      while length >= 0xC0 {
        // Our own pointers lead strictly backwards.
        at = (length & 0x3F) << 8 | Int(buffer[at &+ 1])
        length = Int(buffer[at])
      }
      guard length == Int(name[index]), at &+ length < position else { return false }
      for step in 0..<length &+ 1 {
        guard buffer[at &+ step].asciiLowercased == name[index &+ step].asciiLowercased else {
          return false
        }
      }
      at &+= length &+ 1
      index &+= length &+ 1
    }
    return true
  }

  /// The offset behind a name that is known to be well formed and uncompressed.
  private static func endOfName(_ data: Span<UInt8>, from start: Int) -> Int {
    var position = start
    while data[position] != 0 { position &+= Int(data[position]) &+ 1 }
    return position &+ 1
  }
}
