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
  private var targets: InlineArray<64, UInt16>
  private var targetCount: Int

  /// A state to come back to.
  public struct Mark {
    fileprivate let position: Int
    fileprivate let counts: (answer: UInt16, authority: UInt16, additional: UInt16)
    fileprivate let targetCount: Int
  }

  /// Most names of a message that later ones are compressed against; more are written in full.
  ///
  /// Comparing costs time for each of them (CVE-2024-8508); this bounds it.
  public static let compressionTargets = 64

  /// Offsets that a compression pointer reaches (RFC 1035 §4.1.4).
  private static let pointerReach = 0x4000

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
    targets = InlineArray(repeating: 0)
    targetCount = 0
  }

  // MARK: States

  /// Remembers where the message stands.
  public var mark: Mark {
    Mark(position: position, counts: counts, targetCount: targetCount)
  }

  /// Takes back all that was written since a mark, an overflow with it.
  @_lifetime(self: copy self)
  public mutating func rewind(to mark: Mark) {
    position = mark.position
    counts = mark.counts
    targetCount = mark.targetCount
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
  /// The name becomes the target that later names are compressed against.
  @_lifetime(self: copy self)
  public mutating func question(_ octets: Span<UInt8>) {
    guard reserve(octets.count) else { return }
    remember(position)
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

  /// Begins a record whose owner name is written too, compressed where possible.
  @_lifetime(self: copy self)
  public mutating func beginRecord(
    ownerName: Span<UInt8>, type: RecordType, recordClass: UInt16 = 1, ttl: UInt32
  ) -> Int {
    name(ownerName, compress: true)
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

  /// Counts a record of the Additional section whose octets were written one by one, such as OPT.
  @_lifetime(self: copy self)
  public mutating func countAdditional() { count(.additional) }

  @_lifetime(self: copy self)
  private mutating func count(_ section: RecordView.Section) {
    switch section {
    case .answer: counts.answer &+= 1
    case .authority: counts.authority &+= 1
    case .additional: counts.additional &+= 1
    }
  }

  // MARK: Names

  /// Writes an uncompressed, well-formed name, with a pointer for a part that stands earlier.
  ///
  /// Letter case is not looked at when parts are compared, so the earlier spelling is what a reader
  /// sees.
  @_lifetime(self: copy self)
  public mutating func name(_ name: Span<UInt8>, compress: Bool) {
    guard compress else {
      octets(name)
      return
    }
    var start = 0
    while start < name.count && name[start] != 0 {
      if let target = find(name.extracting(start..<name.count)) {
        octets(name.extracting(0..<start))
        number16(0xC000 | UInt16(truncatingIfNeeded: target))
        if start > 0 { remember(position &- start &- 2) }
        return
      }
      start &+= Int(name[start]) &+ 1
    }
    let begin = position
    octets(name)
    if name.count > 1 { remember(begin) }
  }

  /// Makes a name that was written at an offset a target for compression.
  private mutating func remember(_ offset: Int) {
    guard !overflowed, targetCount < MessageWriter.compressionTargets,
      offset < MessageWriter.pointerReach
    else { return }
    targets[targetCount] = UInt16(offset)
    targetCount &+= 1
  }

  /// Where a name stands already, whole or as the end of a longer one.
  private func find(_ name: Span<UInt8>) -> Int? {
    for index in 0..<targetCount {
      var start = Int(targets[index])
      // A name in the message has at most 127 labels; those behind a pointer are targets themselves
      // or ends of targets.
      while start < position {
        let length = Int(buffer[start])
        if length == 0 || length >= 0xC0 { break }
        if length == Int(name[0]) && isSame(name, at: start) { return start }
        start &+= length &+ 1
      }
    }
    return nil
  }

  /// Whether the name at an offset of the message is this one.
  private func isSame(_ name: Span<UInt8>, at offset: Int) -> Bool {
    guard offset < MessageWriter.pointerReach else { return false }
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
      guard length == Int(name[index]) else { return false }
      guard at &+ length < position else { return false }
      for step in 0..<length &+ 1 {
        guard
          MessageWriter.lowercased(buffer[at &+ step])
            == MessageWriter.lowercased(name[index &+ step])
        else { return false }
      }
      at &+= length &+ 1
      index &+= length &+ 1
    }
    return true
  }

  private static func lowercased(_ octet: UInt8) -> UInt8 {
    octet &- 0x41 < 26 ? octet | 0x20 : octet
  }

  /// The offset behind a name that is known to be well formed and uncompressed.
  private static func endOfName(_ data: Span<UInt8>, from start: Int) -> Int {
    var position = start
    while data[position] != 0 { position &+= Int(data[position]) &+ 1 }
    return position &+ 1
  }
}
