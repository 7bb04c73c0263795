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
  public internal(set) var position: Int
  /// Whether something did not fit.
  public private(set) var overflowed: Bool
  /// Records of each section, as the header will say.
  public private(set) var counts: (answer: UInt16, authority: UInt16, additional: UInt16)
  // For compression: see MessageWriter+Names.swift.
  /// Octets of the first question's name; 0 as long as there is none.
  var questionName: Int
  /// What the last name has before its known end, not yet among the suffixes.
  var lastHead: Head
  let suffixes: Pinned<SuffixTable>?
  var suffixCount: Int
  var compressedNames: Int

  /// A state to come back to.
  public struct Mark {
    fileprivate let position: Int
    fileprivate let counts: (answer: UInt16, authority: UInt16, additional: UInt16)
  }

  /// Begins a message.
  ///
  /// - Parameters:
  ///   - buffer: where to write.
  ///   - limit: octets that the message may take; never more than `buffer` holds.
  ///   - suffixes: lent for the message; without it, names are compressed against the question's only.
  @_lifetime(&buffer)
  public init(
    _ buffer: inout MutableSpan<UInt8>, limit: Int, suffixes: Pinned<SuffixTable>? = nil
  ) {
    self.limit = min(limit, buffer.count)
    self.buffer = buffer._mutatingExtracting(0..<buffer.count)
    position = 0
    overflowed = false
    counts = (0, 0, 0)
    questionName = 0
    lastHead = Head(begin: 0, count: 0, target: 0)
    self.suffixes = suffixes
    suffixCount = 0
    compressedNames = 0
  }

  // MARK: States

  /// Remembers where the message stands.
  @inline(__always)
  public var mark: Mark { Mark(position: position, counts: counts) }

  /// Takes back all that was written since a mark, an overflow with it.
  @_lifetime(self: copy self)
  public mutating func rewind(to mark: Mark) {
    position = mark.position
    counts = mark.counts
    overflowed = false
    forgetNames()
  }

  /// Makes sure of room; the one place where overflow is noticed.
  @inline(__always)
  @_lifetime(self: copy self)
  private mutating func reserve(_ octets: Int) -> Bool {
    if overflowed || octets > limit &- position {
      overflowed = true
      return false
    }
    return true
  }

  /// Takes back all that was written behind the question, an overflow with it.
  @_lifetime(self: copy self)
  public mutating func rewindToQuestion() {
    // Behind the name: type and class.
    position = MessageHeader.size &+ (questionName > 0 ? questionName &+ 4 : 0)
    counts = (0, 0, 0)
    overflowed = false
    forgetNames()
  }

  /// Takes the name of the question that was written; the key stays as it is if there is none.
  public func loadQuestion(into key: inout NameKey) {
    guard questionName > 0 else { return }
    key.load(
      trusted: written.extracting(MessageHeader.size..<MessageHeader.size + questionName))
  }

  /// What is written so far.
  @inline(__always)
  var written: Span<UInt8> {
    @_lifetime(borrow self)
    get { buffer.span.extracting(0..<position) }
  }

  // MARK: Header and question

  /// Begins a message; the rest of its header is filled in by ``finish(flags:)``.
  @inline(__always)
  @_lifetime(self: copy self)
  public mutating func header(id: UInt16, questionCount: UInt16) {
    guard reserve(MessageHeader.size) else { return }
    buffer.store16(id, 0)
    buffer.store16(questionCount, 4)
    position = MessageHeader.size
  }

  /// Writes a question as octets that are known to be well formed: name, type and class.
  ///
  /// Later names may be compressed against the first question's.
  @inline(__always)
  @_lifetime(self: copy self)
  public mutating func question(_ octets: Span<UInt8>) {
    guard reserve(octets.count) else { return }
    if position == MessageHeader.size { questionName = octets.count &- 4 }
    buffer.store(octets, position)
    position &+= octets.count
  }

  /// Begins a response to one question: the header's place and the client's own octets of the question,
  /// letter case and all.
  @_lifetime(self: copy self)
  public mutating func response(id: UInt16, to octets: Span<UInt8>) {
    header(id: id, questionCount: 1)
    question(octets)
  }

  /// Completes the message.
  ///
  /// - Parameter flags: the 16 bits from QR to RCODE.
  /// - Returns: octets of the message.
  @_lifetime(self: copy self)
  public mutating func finish(flags: UInt16) -> Int {
    buffer.store16(flags, 2)
    buffer.store16(counts.answer, 6)
    buffer.store32(UInt32(counts.authority) << 16 | UInt32(counts.additional), 8)
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

  /// Writes eight octets that were read in memory order.
  @_lifetime(self: copy self)
  mutating func number64(inMemoryOrder value: UInt64) {
    guard reserve(8) else { return }
    buffer.store64(value, position)
    position &+= 8
  }

  // MARK: Records

  /// Writes a record whose RDATA is at hand and has no name to compress, owner by pointer where one reaches.
  ///
  /// - Parameter owner: the owner name's offset in this message.
  @_lifetime(self: copy self)
  public mutating func record(
    owner: Int, type: RecordType, recordClass: UInt16 = 1, ttl: UInt32, data: Span<UInt8>,
    in section: RecordView.Section
  ) {
    guard owner < MessageWriter.pointerReach else {
      let begin = beginDistantRecord(owner: owner, type: type, recordClass: recordClass, ttl: ttl)
      self.octets(data)
      endRecord(begin, in: section)
      return
    }
    let octets = data.count
    guard reserve(MessageWriter.fixedSize &+ octets) else { return }
    storeFixed(owner, type, recordClass, ttl, octets: UInt16(truncatingIfNeeded: octets))
    buffer.store(data, position &+ MessageWriter.fixedSize)
    position &+= MessageWriter.fixedSize &+ octets
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
    guard owner < MessageWriter.pointerReach else {
      return beginDistantRecord(owner: owner, type: type, recordClass: recordClass, ttl: ttl)
    }
    guard reserve(MessageWriter.fixedSize) else { return position }
    storeFixed(owner, type, recordClass, ttl, octets: 0)
    position &+= MessageWriter.fixedSize
    return position
  }

  /// Begins a record whose owner name is written too, compressed where possible unless told otherwise.
  @_lifetime(self: copy self)
  public mutating func beginRecord(
    ownerName: Span<UInt8>, compress: Bool = true, type: RecordType, recordClass: UInt16 = 1,
    ttl: UInt32
  ) -> Int {
    name(ownerName, compress: compress)
    return beginFields(type, recordClass, ttl)
  }

  /// Begins a record whose owner stands where no pointer reaches.
  @inline(never)
  @_lifetime(self: copy self)
  private mutating func beginDistantRecord(
    owner: Int, type: RecordType, recordClass: UInt16, ttl: UInt32
  ) -> Int {
    repeatName(at: owner)
    return beginFields(type, recordClass, ttl)
  }

  /// Writes a name that stands in the message once more, up to its root or the pointer that it ends with.
  @_lifetime(self: copy self)
  private mutating func repeatName(at offset: Int) {
    var end = offset
    while end < position && buffer[end] > 0 && buffer[end] <= UInt8(WireName.longestLabel) {
      end &+= Int(buffer[end]) &+ 1
    }
    guard end < position, reserve(end &+ 2 &- offset) else {
      overflowed = true
      return
    }
    end &+= buffer[end] == 0 ? 1 : 2
    for index in offset..<end {
      buffer[position] = buffer[index]
      position &+= 1
    }
  }

  /// Begins a record behind its owner's name.
  @_lifetime(self: copy self)
  private mutating func beginFields(
    _ type: RecordType, _ recordClass: UInt16, _ ttl: UInt32
  ) -> Int {
    guard reserve(10) else { return position }
    buffer.store32(UInt32(type.rawValue) << 16 | UInt32(recordClass), position)
    buffer.store32(ttl, position &+ 4)
    buffer.store16(0, position &+ 8)
    position &+= 10
    return position
  }

  /// Octets of a record's fixed fields, with an owner by pointer before them.
  private static let fixedSize = 12

  /// Stores a record's fields up to its RDATA; there is room for them, and a pointer reaches the owner.
  @inline(__always)
  @_lifetime(self: copy self)
  private mutating func storeFixed(
    _ owner: Int, _ type: RecordType, _ recordClass: UInt16, _ ttl: UInt32, octets: UInt16
  ) {
    // Two fields in one number: half as many stores and checks.
    let pointer = 0xC000 | UInt32(truncatingIfNeeded: owner)
    buffer.store32(pointer << 16 | UInt32(type.rawValue), position)
    buffer.store32(UInt32(recordClass) << 16 | ttl >> 16, position &+ 4)
    buffer.store32(ttl << 16 | UInt32(octets), position &+ 8)
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
    if offset > 0 { octets(data.extracting(0..<offset)) }
    while offset < data.count && layout.field(index) == .compressibleName {
      let end = MessageWriter.endOfName(data, from: offset)
      name(data.extracting(offset..<end), compress: true)
      offset = end
      index &+= 1
    }
    if offset < data.count { octets(data.extracting(offset..<data.count)) }
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
    if storeOPT(udpSize, extendedRcode, dnssecOK) { count(.additional) }
  }

  /// Begins an OPT record of version 0 (RFC 6891 §6.1.2); options follow, and ``endRecord(_:in:)``
  /// completes it.
  ///
  /// - Parameters:
  ///   - extendedRcode: the upper eight bits of the response code.
  ///   - dnssecOK: the DO bit (RFC 3225).
  /// - Returns: what `endRecord` needs.
  @_lifetime(self: copy self)
  public mutating func beginOPT(udpSize: UInt16, extendedRcode: UInt8, dnssecOK: Bool) -> Int {
    _ = storeOPT(udpSize, extendedRcode, dnssecOK)
    return position
  }

  /// Stores an OPT record without options, if there is room for it.
  @inline(__always)
  @_lifetime(self: copy self)
  private mutating func storeOPT(
    _ udpSize: UInt16, _ extendedRcode: UInt8, _ dnssecOK: Bool
  ) -> Bool {
    guard reserve(MessageWriter.optSize) else { return false }
    buffer[position] = 0
    buffer.store32(UInt32(RecordType.opt.rawValue) << 16 | UInt32(udpSize), position &+ 1)
    buffer.store32(UInt32(extendedRcode) << 24 | (dnssecOK ? 0x8000 : 0), position &+ 5)
    buffer.store16(0, position &+ 9)
    position &+= MessageWriter.optSize
    return true
  }

  @inline(__always)
  @_lifetime(self: copy self)
  private mutating func count(_ section: RecordView.Section) {
    switch section {
    case .answer: counts.answer &+= 1
    case .authority: counts.authority &+= 1
    case .additional: counts.additional &+= 1
    }
  }
}
