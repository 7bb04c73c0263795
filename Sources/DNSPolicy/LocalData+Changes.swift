import DNSWire
import Memory

// Records that come and go with the sources that have them.

extension LocalData {
  // MARK: Reading a source

  /// Says what a source is.
  public mutating func setKind(_ kind: LocalSource.Kind, of source: LocalSource.ID) {
    sources[Int(source.number)].kind = kind
  }

  /// Begins to read a source anew: what is not added from now on is removed by ``removeUnread(of:from:names:)``.
  public mutating func beginReading(_ source: LocalSource.ID) {
    sources[Int(source.number)].pass &+= 1
  }

  /// What became of a record.
  public enum Addition: Sendable {
    /// It is new; `isName` when its name had no records before, so that others may have said something of it.
    case added(isName: Bool)
    /// It was there.
    case known
    /// It is new, but another source has more to say of its name.
    case shadowed(isName: Bool)
    /// The name has as many records as it may.
    case tooMany
    /// There is no room.
    case noRoom
  }

  /// Takes in a record, or notes that its source still has it.
  public mutating func add(_ record: LocalRecord, from source: LocalSource.ID) -> Addition {
    guard record.name.count > 1, record.data.count <= LocalData.largestData else { return .noRoom }
    let pass = sources[Int(source.number)].pass
    let known = find(hash(record.name), record.name)
    var last = Reference.none
    var count = 0
    if !known.isNone {
      var other = arena.link(known, LocalNodeField.firstRecord)
      while !other.isNone {
        if isSame(other, record, source) {
          // The same twice in one reading counts where it stands first.
          if arena.load8(other, LocalRecordField.pass) != pass {
            arena.store8(pass, other, LocalRecordField.pass)
            arena.store32(UInt32(clamping: record.line), other, LocalRecordField.line)
            arena.store32(record.ttl ?? LocalRecordField.noTTL, other, LocalRecordField.ttl)
          }
          return .known
        }
        count += 1
        last = other
        other = arena.link(other, LocalRecordField.next)
      }
      guard count < LocalData.recordsPerName else { return .tooMany }
    }
    noteLastLabel(of: record.name)
    guard let block = arena.allocate(octets: LocalRecordField.data + record.data.count) else {
      return .noRoom
    }
    let node: Reference
    if known.isNone {
      guard let new = insert(record.name) else {
        arena.free(block)
        return .noRoom
      }
      node = new
    } else {
      node = known
    }
    arena.store32(0, block, LocalRecordField.next)
    arena.store32(UInt32(clamping: record.line), block, LocalRecordField.line)
    arena.store32(record.ttl ?? LocalRecordField.noTTL, block, LocalRecordField.ttl)
    arena.store16(record.type.rawValue, block, LocalRecordField.type)
    arena.store16(UInt16(record.data.count), block, LocalRecordField.dataCount)
    arena.store8(source.number, block, LocalRecordField.source)
    arena.store8(pass, block, LocalRecordField.pass)
    arena.store8(record.isDerived ? 1 : 0, block, LocalRecordField.isDerived)
    arena.store(record.data, block, LocalRecordField.data)
    if last.isNone {
      arena.setLink(node, LocalNodeField.firstRecord, block)
      nameCount += 1
    } else {
      arena.setLink(last, LocalRecordField.next, block)
    }
    recordCount += 1
    let isShadowed = standing(of: block) > standing(of: LocalName(node: node))
    return isShadowed ? .shadowed(isName: count == 0) : .added(isName: count == 0)
  }

  private func isSame(
    _ other: Reference, _ record: LocalRecord, _ source: LocalSource.ID
  ) -> Bool {
    arena.load16(other, LocalRecordField.type) == record.type.rawValue
      && arena.load8(other, LocalRecordField.source) == source.number
      && (arena.load8(other, LocalRecordField.isDerived) != 0) == record.isDerived
      && data(of: other).isSame(record.data)
  }

  /// Removes what a source no longer has, a part of the names at a time.
  ///
  /// - Parameters:
  ///   - cursor: where to go on; 0 at first.
  ///   - buckets: how many parts of the table are looked through.
  /// - Returns: whether all has been looked through.
  public mutating func removeUnread(
    of source: LocalSource.ID, from cursor: inout Int, buckets: Int
  ) -> Bool {
    let pass = sources[Int(source.number)].pass
    let end = min(cursor + buckets, names.count)
    while cursor < end {
      var node = names[cursor]
      while !node.isNone {
        let next = arena.link(node, LocalNodeField.chain)
        // A node that goes may take its parents with it, of which the next may be one.
        node = removeRecords(of: source, butOf: pass, at: node) ? names[cursor] : next
      }
      cursor += 1
    }
    return cursor >= names.count
  }

  /// Removes a name's records that a reading has not met; true when the name went, too.
  private mutating func removeRecords(
    of source: LocalSource.ID, butOf pass: UInt8, at node: Reference
  ) -> Bool {
    var previous = Reference.none
    var record = arena.link(node, LocalNodeField.firstRecord)
    guard !record.isNone else { return false }
    while !record.isNone {
      let next = arena.link(record, LocalRecordField.next)
      if arena.load8(record, LocalRecordField.source) == source.number
        && arena.load8(record, LocalRecordField.pass) != pass
      {
        if previous.isNone {
          arena.setLink(node, LocalNodeField.firstRecord, next)
        } else {
          arena.setLink(previous, LocalRecordField.next, next)
        }
        arena.free(record)
        recordCount -= 1
      } else {
        previous = record
      }
      record = next
    }
    guard previous.isNone else { return false }
    nameCount -= 1
    return removeIfEmpty(node)
  }

  // MARK: Nodes

  /// Makes the node of a name, and those of its parents that are missing.
  private mutating func insert(_ own: Span<UInt8>) -> Reference? {
    guard let node = arena.allocate(octets: LocalNodeField.name + own.count) else { return nil }
    var parent = Reference.none
    let above = own.extracting(Int(own[0]) + 1..<own.count)
    if above.count > 1 {
      parent = find(hash(above), above)
      if parent.isNone {
        guard let made = insert(above) else {
          arena.free(node)
          return nil
        }
        parent = made
      }
      arena.store32(
        arena.load32(parent, LocalNodeField.children) + 1, parent, LocalNodeField.children)
      if own[0] == 1 && own[1] == UInt8(ascii: "*") {
        arena.setLink(parent, LocalNodeField.wildcard, node)
      }
    }
    let hash = hash(own)
    let bucket = names.bucket(hash)
    arena.setLink(node, LocalNodeField.chain, names[bucket])
    arena.store32(hash, node, LocalNodeField.hash)
    arena.store32(0, node, LocalNodeField.firstRecord)
    arena.store32(0, node, LocalNodeField.children)
    arena.store32(0, node, LocalNodeField.wildcard)
    arena.setLink(node, LocalNodeField.parent, parent)
    arena.store8(UInt8(own.count), node, LocalNodeField.nameCount)
    arena.store(own, node, LocalNodeField.name)
    names[bucket] = node
    nodeCount += 1
    if nodeCount * 4 > names.count * 3 { splitBucket() }
    return node
  }

  private mutating func splitBucket() {
    guard let old = names.grow() else { return }
    var node = names[old]
    names[old] = .none
    while !node.isNone {
      let next = arena.link(node, LocalNodeField.chain)
      let bucket = names.bucket(arena.load32(node, LocalNodeField.hash))
      arena.setLink(node, LocalNodeField.chain, names[bucket])
      names[bucket] = node
      node = next
    }
  }

  /// Removes a node without records and children, and its parents that are of no more use; true when it went.
  private mutating func removeIfEmpty(_ first: Reference) -> Bool {
    var node = first
    while !node.isNone, arena.link(node, LocalNodeField.firstRecord).isNone,
      arena.load32(node, LocalNodeField.children) == 0
    {
      let parent = arena.link(node, LocalNodeField.parent)
      if !parent.isNone {
        arena.store32(
          arena.load32(parent, LocalNodeField.children) - 1, parent, LocalNodeField.children)
        if arena.link(parent, LocalNodeField.wildcard) == node {
          arena.setLink(parent, LocalNodeField.wildcard, .none)
        }
      }
      unchain(node)
      arena.free(node)
      nodeCount -= 1
      node = parent
    }
    return node != first
  }

  private mutating func unchain(_ node: Reference) {
    let bucket = names.bucket(arena.load32(node, LocalNodeField.hash))
    let next = arena.link(node, LocalNodeField.chain)
    var before = names[bucket]
    if before == node {
      names[bucket] = next
      return
    }
    while arena.link(before, LocalNodeField.chain) != node {
      before = arena.link(before, LocalNodeField.chain)
    }
    arena.setLink(before, LocalNodeField.chain, next)
  }
}
