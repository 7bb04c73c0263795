import Configuration
import DNSPolicy
import DNSWire
import LocalFiles
import System

/// A source of local names that is being read.
final class LocalReading {
  /// Why a file isn't read.
  struct Failure: Error, CustomStringConvertible {
    let description: String
    /// Whether there is no such file.
    var isMissing = false
  }

  /// What the next step is.
  enum Phase {
    case adding
    /// What the source no longer has is looked for, from a part of the table on.
    case removing(Int)
  }

  /// What a step brought.
  enum Event {
    case record(LocalFileRecord)
    case mistake(LineMistake)
    case ignored
    /// A name that a lease can't have.
    case refused(LeaseTable.Refusal)
    /// Nothing yet.
    case progress
  }

  let source: LocalFileSource
  var phase = Phase.adding
  /// Whether all that the source has goes.
  private(set) var isEmptying = false
  /// When the first lease ends.
  private(set) var leaseEnd: Int64?
  /// The leases that were read, to go by when their file can't be read any more.
  private(set) var leases: LeaseTable?
  /// Whether they are those that were read before.
  private(set) var isFromMemory = false

  private let domain: Name?
  /// Octets of a file at most, and how many have been read of the first.
  private let limit: Int
  private var octetCount = 0
  private var files: [FileReader] = []
  private var lines = LineReader()
  /// What has been read and not handed out, the first last.
  private var events: [LocalFileEvent] = []
  private var parser: Parser

  private enum Parser {
    case none
    case hosts(HostsFile)
    case zone(ZoneFile)
    case leases(LeaseFile, LeaseTable)
  }

  /// Octets that are read from a file at once.
  private static let pieceSize = 16_384

  /// Opens what a source has.
  init(
    _ source: LocalFileSource, _ rules: LocalRules, host: HostAddresses
  ) throws(Failure) {
    self.source = source
    domain = rules.domain
    limit = rules.maxFileSize
    parser = .none
    guard !source.isGone else {
      isEmptying = true
      return
    }
    switch source.place {
    case .ownName:
      events = OwnName.records(rules, host).reversed()
    case .records:
      var file = ZoneFile(recordsIn: rules.domain, ttl: rules.ttl)
      for (index, line) in rules.records.enumerated() {
        events += file.read(Array(line.utf8), number: index + 1)
      }
      events += file.finish()
      events.reverse()
    case .file(let path, let content):
      switch content {
      case .hosts: parser = .hosts(HostsFile(domain: rules.domain))
      case .zone(let name): parser = .zone(ZoneFile(zone: name, ttl: rules.ttl))
      case .leases:
        parser = .leases(LeaseFile(), LeaseTable())
        files = try LocalReading.open(leases: path, limit: rules.maxFileSize)
        return
      }
      files = [try LocalReading.open(path, limit: rules.maxFileSize)]
    }
  }

  /// Has all that a source had go.
  init(emptying source: LocalFileSource) {
    self.source = source
    domain = nil
    limit = 0
    parser = .none
    isEmptying = true
  }

  /// Goes by the leases that were read before: some may be over by now.
  init(_ source: LocalFileSource, of leases: LeaseTable, _ rules: LocalRules) {
    self.source = source
    domain = rules.domain
    limit = 0
    parser = .leases(LeaseFile(), leases)
    isFromMemory = true
  }

  /// Opens all that belong to a file of leases.
  private static func open(leases path: String, limit: Int) throws(Failure) -> [FileReader] {
    var attempts = 3
    while true {
      do throws(Failure) {
        var files: [FileReader] = []
        for path in LeaseFile.paths(of: path, exists: { Process.exists($0) }) {
          files.append(try open(path, limit: limit))
        }
        return files
      } catch {
        // Kea's clean-up may have renamed one since it was looked for.
        attempts -= 1
        guard error.isMissing, attempts > 0 else { throw error }
      }
    }
  }

  private static func open(_ path: String, limit: Int) throws(Failure) -> FileReader {
    let file: FileReader
    do throws(SystemError) {
      file = try FileReader(path: path)
    } catch {
      throw Failure(
        description: error.isNotAFile ? "is no file" : error.reason, isMissing: error.isMissingFile)
    }
    guard file.size <= limit else { throw tooLarge(file.size, limit) }
    return file
  }

  private static func tooLarge(_ size: Int, _ limit: Int) -> Failure {
    Failure(
      description: "has \(size) bytes, and local.max-file-size is \(Quantity.size.text(limit))")
  }

  /// The next that the source has; nothing at its end.
  func next(now: Int64) throws(Failure) -> Event? {
    if let event = events.popLast() {
      switch event {
      case .record(let record): return .record(record)
      case .mistake(let mistake): return .mistake(mistake)
      case .ignored: return .ignored
      }
    }
    if let line = lines.next() {
      take(line)
      return .progress
    }
    if let file = files.first {
      try read(file)
      return .progress
    }
    return end(now: now)
  }

  private func read(_ file: FileReader) throws(Failure) {
    let count: Int
    var octets = [UInt8](repeating: 0, count: LocalReading.pieceSize)
    do throws(SystemError) {
      var space = octets.mutableSpan
      count = try file.read(into: &space)
    } catch {
      throw Failure(description: error.reason)
    }
    octetCount += count
    // It may grow while it is read.
    guard octetCount <= limit else { throw LocalReading.tooLarge(octetCount, limit) }
    if count > 0 {
      lines.append(octets[..<count])
    } else {
      lines.finish()
      if let line = lines.next() { take(line) }
      files.removeFirst()
      lines = LineReader()
      octetCount = 0
    }
  }

  private func take(_ line: LineReader.Line) {
    let number = lines.number
    guard case .whole(let octets, let isEnded) = line else {
      events = [.mistake(.tooLong(number))]
      return
    }
    switch parser {
    case .none: return
    case .hosts(let file): events = file.read(octets, number: number).reversed()
    case .zone(var file):
      parser = .none
      events = file.read(octets, number: number).reversed()
      parser = .zone(file)
    case .leases(var file, var table):
      parser = .none
      for event in file.read(octets, number: number, isEnded: isEnded) {
        switch event {
        case .lease(let lease): table.take(lease)
        case .mistake(let mistake): events = [.mistake(mistake)]
        }
      }
      parser = .leases(file, table)
    }
  }

  /// Hands out what only the end of the files tells; nothing when there is no more.
  private func end(now: Int64) -> Event? {
    switch parser {
    case .none, .hosts: return nil
    case .zone(var file):
      parser = .none
      events = file.finish().reversed()
      return .progress
    case .leases(let file, var table):
      parser = .none
      if leases == nil { leases = table }
      guard let outcome = table.next(domain: domain, now: now) else {
        let why = "is one of more than \(LeaseTable.mostLeases) leases"
        return table.isFull ? .refused(LeaseTable.Refusal(label: "*", why: why)) : nil
      }
      leaseEnd = table.nextEnd
      parser = .leases(file, table)
      switch outcome {
      case .records(let records): events = records.reversed()
      case .refused(let refusal): return .refused(refusal)
      case .nothing: break
      }
      return .progress
    }
  }
}

extension LocalReading {
  /// Complaints about one file at most.
  private static let mostComplaints = 20

  /// What can't be read, or used, of all files of local names.
  static func complaints(_ rules: LocalRules) -> [String] {
    var complaints: [String] = []
    for place in LocalFileSource.Place.all(rules) where place.path != nil {
      guard let id = LocalSource.ID(index: 0) else { continue }
      var count = 0
      do throws(Failure) {
        let reading = try LocalReading(LocalFileSource(place, id), rules, host: HostAddresses([]))
        // No lease is over, so that each is looked at.
        while let event = try reading.next(now: 0) {
          guard case .mistake(let mistake) = event else { continue }
          count += 1
          if count <= mostComplaints {
            complaints.append("\(place):\(mistake.line): \(mistake.text)")
          }
        }
      } catch {
        complaints.append("\(place): \(error)")
      }
      if count > mostComplaints {
        complaints.append("\(place): \(count - mostComplaints) more lines can't be used")
      }
    }
    return complaints
  }
}
