import Foundation

/// What dig printed, read as far as the tests need it.
struct Dig {
  struct Record: Hashable {
    let name: String
    let ttl: Int
    let type: String
    let data: String
  }

  let result: Tool.Result

  init(_ result: Tool.Result) {
    self.result = result
  }

  var output: String { result.output }

  /// `NOERROR`, `NXDOMAIN` and so on; empty when there was no reply.
  var status: String {
    output.firstMatch(of: /status: (\w+)/).map { String($0.output.1) } ?? ""
  }

  /// The flags of the header, such as `qr rd ra`.
  var flags: [Substring] {
    output.firstMatch(of: /;; flags: ([a-z ]*);/)?.output.1.split(separator: " ") ?? []
  }

  var answers: [Record] { section("ANSWER") }
  var authorities: [Record] { section("AUTHORITY") }
  var additionals: [Record] { section("ADDITIONAL") }

  /// The question line, with the letter case of the reply.
  var question: String {
    output.firstMatch(of: /;; QUESTION SECTION:\n;(\S+)/).map { String($0.output.1) } ?? ""
  }

  /// The size of the reply.
  var size: Int {
    output.firstMatch(of: /MSG SIZE\s+rcvd: (\d+)/).flatMap { Int($0.output.1) } ?? 0
  }

  /// Whether dig went over to TCP after a truncated reply.
  var retriedOverTCP: Bool { output.contains("Truncated, retrying in TCP mode") }

  private func section(_ name: String) -> [Record] {
    guard let start = output.range(of: ";; \(name) SECTION:\n") else { return [] }
    var records: [Record] = []
    for line in output[start.upperBound...].split(separator: "\n", omittingEmptySubsequences: false)
    {
      guard !line.isEmpty, !line.hasPrefix(";") else { break }
      let fields = line.split(maxSplits: 4) { $0 == " " || $0 == "\t" }
      guard fields.count >= 4, let ttl = Int(fields[1]) else { continue }
      records.append(
        Record(
          name: String(fields[0]), ttl: ttl, type: String(fields[3]),
          data: fields.count > 4 ? String(fields[4]) : ""))
    }
    return records
  }
}
