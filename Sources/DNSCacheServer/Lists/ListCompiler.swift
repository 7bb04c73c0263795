import Configuration
import DNSPolicy
import DNSWire
import EventLoop
import ListFiles
import Memory
import System

/// Turns the text of a list into hashes, in a process of its own.
struct ListCompiler {
  private let request: ListRequest
  private let hasher: NameHasher
  private let protected: Set<UInt64>
  private var report = ListReport()
  private var header = CompiledList()
  private var entries: [UInt64] = []
  private var details: [UInt8] = []
  private var mostLabels = 0
  /// Entries that other lines take away.
  private var takenAway: Set<UInt64> = []

  /// Octets of a list at most.
  static let mostOctets = 512 << 20
  /// Octets that are written at once.
  private static let pieceSize = 1 << 18

  init?(_ request: ListRequest) {
    guard let hasher = NameHasher(key: request.key.span) else { return nil }
    self.request = request
    self.hasher = hasher
    protected = Set(request.protected)
  }

  /// Does what is asked, and says what became of it.
  mutating func run() -> ListReport {
    do throws(SystemError) {
      let file = try FileReader(path: request.path)
      guard file.size <= ListCompiler.mostOctets else {
        report.failure = "has more than \(ListCompiler.mostOctets >> 20) MiB; no such list is read"
        return report
      }
      switch request.task {
      case .compile(let output):
        header.source = ListCompiler.source(of: file)
        try read(file)
        if report.failure == nil { try write(to: output) }
      case .find(let name): try find(name, in: file)
      case .examine: try read(file)
      }
    } catch {
      report.failure = error.isMissingFile ? "there is no such file" : "\(error)"
    }
    return report
  }

  static func source(of file: FileReader) -> CompiledList.Source {
    CompiledList.Source(
      size: UInt64(file.size), changed: file.stamp.changed, number: file.stamp.number)
  }

  // MARK: Reading

  private func makeReader() -> ListReader {
    ListReader(
      match: request.match.flatMap { NameMatch(rawValue: $0) },
      trust: request.isTrusted ? .full : .block)
  }

  private mutating func read(_ file: FileReader) throws(SystemError) {
    var reader = makeReader()
    // Some 20 octets a line; what is too much isn't touched.
    entries.reserveCapacity(file.size / 16)
    let piece = Pinned(FixedArray<UInt8>(reserving: ListReader.largestPiece))
    defer { piece.destroy() }
    var isEnded = false
    while !isEnded {
      var space = piece.value.mutableSpan
      let count = try file.read(into: &space)
      if count > 0 {
        reader.append(piece.value.span.extracting(0..<count))
      } else {
        reader.finish()
      }
      isEnded = count == 0
      while let event = reader.next() { take(event, reader) }
      if let fault = reader.fault {
        report.failure = fault
        return
      }
    }
    header.format =
      reader.format.flatMap { ListFormat.allCases.firstIndex(of: $0) }
      .map { UInt64($0 + 1) } ?? 0
  }

  private mutating func take(_ event: ListEvent, _ reader: borrowing ListReader) {
    switch event {
    case .rule(let rule): take(rule, reader)
    case .ignored: header.ignored += 1
    case .mistake(let mistake):
      header.mistakes += 1
      if report.mistakes.count < ListReport.mostLines {
        report.mistakes.append(ListReport.Line(number: reader.line, text: mistake.rawValue))
      }
    }
  }

  private mutating func take(_ rule: ListRule, _ reader: borrowing ListReader) {
    var hash: UInt64 = 0
    var labels = 0
    var isProtected = false
    hasher.visitSuffixes(of: reader.name) { suffix, count, _ in
      hash = suffix
      labels = count
      if !protected.isEmpty && protected.contains(suffix) { isProtected = true }
      return true
    }
    guard labels > 1 || labels == 1 && request.allowsBroad, !isProtected || rule.isException else {
      header.refused += 1
      if report.refused.count < ListReport.mostLines {
        report.refused.append(
          ListReport.Line(number: reader.line, text: ListCompiler.text(reader.name)))
      }
      return
    }
    mostLabels = max(mostLabels, labels)
    var kind = rule.match.kind
    if rule.isException { kind.insert(.exception) }
    guard !rule.isBadFilter else {
      takenAway.insert(hash | kind.rawValue)
      return
    }
    guard rule.hasDetails else {
      entries.append(hash | kind.rawValue)
      return
    }
    guard header.details < ListDetails.most else {
      header.ignored += 1
      return
    }
    let detail = ListDetails(hash, kind, reader.details, hasher)
    detail.encode(into: &details)
    header.details += 1
    entries.append(hash | kind.union(.hasDetails).rawValue)
  }

  private static func text(_ name: Span<UInt8>) -> String {
    (try? Name(wire: name)).map { "\($0)" } ?? "a name"
  }

  // MARK: Writing

  private mutating func write(to path: String) throws(SystemError) {
    if !takenAway.isEmpty { entries.removeAll { takenAway.contains($0) } }
    sort()
    let file = try AtomicFile(replacing: path)
    header.key = hasher.keyNumber
    header.settings = request.settings
    header.entries = UInt64(entries.count)
    header.detailOctets = UInt64(details.count)
    header.mostLabels = UInt64(mostLabels)
    var sum = CompiledList.Checksum()
    for entry in entries { sum.add(entry) }
    for octet in details { sum.add(UInt64(octet)) }
    header.checksum = sum.value
    try file.append(header.encoded.span)
    try append(to: file)
    try file.append(details.span)
    do {
      try file.commit()
    } catch {
      throw error.cause
    }
  }

  private func append(to file: AtomicFile) throws(SystemError) {
    var piece: [UInt8] = []
    piece.reserveCapacity(ListCompiler.pieceSize)
    for entry in entries {
      for shift in stride(from: UInt64(0), to: 64, by: 8) {
        piece.append(UInt8(truncatingIfNeeded: entry >> shift))
      }
      if piece.count >= ListCompiler.pieceSize {
        try file.append(piece.span)
        piece.removeAll(keepingCapacity: true)
      }
    }
    try file.append(piece.span)
  }

  /// Sorts the entries by the upper bits of their hashes, as many as lead to different places of the set: by radix,
  /// the lower half of those bits first.
  private mutating func sort() {
    var other = entries
    ListCompiler.deal(entries, into: &other, shift: 40)
    ListCompiler.deal(other, into: &entries, shift: 52)
  }

  /// Deals entries out by twelve bits, those with equal ones in their order.
  private static func deal(_ from: [UInt64], into to: inout [UInt64], shift: UInt64) {
    var starts = [Int](repeating: 0, count: 4_097)
    for entry in from { starts[Int(entry >> shift & 4_095) + 1] += 1 }
    for index in 1..<starts.count { starts[index] += starts[index - 1] }
    for entry in from {
      let place = Int(entry >> shift & 4_095)
      to[starts[place]] = entry
      starts[place] += 1
    }
  }

  // MARK: Examining

  /// What can't be read, or used, of all lists.
  static func complaints(_ settings: Settings) -> [String] {
    let hasher = NameHasher(0, 1)
    var complaints: [String] = []
    for list in settings.blockLists {
      let request = ListRequest(
        .examine, path: list.path, key: [UInt8](repeating: 0, count: 8) + [1, 0, 0, 0, 0, 0, 0, 0],
        match: list.match, isTrusted: list.isTrusted, allowsBroad: settings.block.allowsBroad,
        protected: settings.protectedNames.map { hasher.hash($0.lowercased.wire.span) })
      guard var compiler = ListCompiler(request) else { continue }
      let report = compiler.run()
      if let failure = report.failure { complaints.append("\(list.path): \(failure)") }
      complaints += report.mistakes.map { "\(list.path):\($0.number): \($0.text)" }
      complaints += report.refused.map {
        "\(list.path):\($0.number): \($0.text) is not for a list to block"
      }
      let more =
        Int(compiler.header.mistakes + compiler.header.refused) - report.mistakes.count
        - report.refused.count
      if more > 0 { complaints.append("\(list.path): \(more) more lines can't be used") }
    }
    return complaints
  }

  // MARK: Finding

  /// Finds the lines that are about a name or one above it.
  private mutating func find(_ name: String, in file: FileReader) throws(SystemError) {
    guard let wire = try? Name(name).lowercased.wire else {
      report.failure = "\(name) is no name"
      return
    }
    var reader = makeReader()
    var piece = [UInt8](repeating: 0, count: ListReader.largestPiece)
    var isEnded = false
    while !isEnded, report.found.count < ListReport.mostLines {
      var space = piece.mutableSpan
      let count = try file.read(into: &space)
      if count > 0 { reader.append(piece.span.extracting(0..<count)) } else { reader.finish() }
      isEnded = count == 0
      while let event = reader.next() {
        guard case .rule(let rule) = event, report.found.count < ListReport.mostLines,
          ListCompiler.isAbout(wire.span, rule, reader.name)
        else { continue }
        report.found.append(ListReport.Line(number: reader.line, text: reader.lineText))
      }
    }
  }

  private static func isAbout(
    _ asked: Span<UInt8>, _ rule: ListRule, _ name: Span<UInt8>
  ) -> Bool {
    let kind: NameSet.Kind = asked.count == name.count ? .itself : .below
    return rule.match.kind.contains(kind) && WireName.isAtOrBelow(asked, name)
  }
}

extension NameMatch {
  fileprivate var kind: NameSet.Kind {
    switch self {
    case .exact: .itself
    case .subtree: [.itself, .below]
    case .below: .below
    }
  }
}

extension ListDetails {
  /// Takes over what a line says.
  fileprivate init(
    _ hash: UInt64, _ kind: NameSet.Kind, _ rule: RuleDetails, _ hasher: NameHasher
  ) {
    self.init(hash: hash, kind: kind)
    isImportant = rule.isImportant
    types = rule.types
    exceptsTypes = rule.exceptsTypes
    clients = rule.clients
    exempt = rule.exempt.map { hasher.hash($0.lowercased.wire.span) }
    switch rule.answer {
    case nil: answer = nil
    case .address(let address):
      answer =
        address.isIPv4 ? .addresses(v4: address, v6: nil) : .addresses(v4: nil, v6: address)
    case .alias(let name): answer = .alias(name)
    case .nxDomain: answer = .nxDomain
    case .noData: answer = .noData
    case .refused: answer = .refused
    case .drop: answer = .drop
    case .truncated: answer = .truncated
    }
  }
}
