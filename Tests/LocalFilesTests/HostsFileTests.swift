import DNSWire
import Testing

@testable import LocalFiles

/// What a file has, as lines: `name TYPE data`, `(name TYPE data)` for what follows from an address, `! line: text`.
func texts(_ events: [LocalFileEvent]) -> [String] {
  events.map { event in
    switch event {
    case .record(let record):
      let name = (try? Name(wire: record.name).description) ?? "?"
      let data = RDataText.text(type: record.type, rdata: record.data)
      let ttl = record.ttl.map { " \($0)" } ?? ""
      let text = "\(name)\(ttl) \(record.type) \(data)"
      return record.isDerived ? "(\(text))" : text
    case .mistake(let mistake): return "! \(mistake.line): \(mistake.text)"
    case .ignored: return "ignored"
    }
  }
}

/// The lines of a text, cut into pieces of a size.
func lines(_ text: [UInt8], pieces: Int = 7) -> [LineReader.Line] {
  var reader = LineReader()
  var found: [LineReader.Line] = []
  var position = 0
  while position < text.count {
    let end = min(position + pieces, text.count)
    reader.append(text[position..<end])
    while let line = reader.next() { found.append(line) }
    position = end
  }
  reader.finish()
  while let line = reader.next() { found.append(line) }
  return found
}

@Suite("Hosts files")
struct HostsFileTests {
  private func read(_ text: String, domain: String? = "home.arpa") throws -> [String] {
    let file = HostsFile(domain: try domain.map { try Name($0) })
    var number = 0
    return lines(Array(text.utf8)).flatMap { line -> [String] in
      number += 1
      guard case .whole(let octets, _) = line else { return ["! \(number): too long"] }
      return texts(file.read(octets, number: number))
    }
  }

  @Test func `a line has names, and a way back to the first`() throws {
    #expect(
      try read("192.168.1.5 nas NAS.example.net.  files # all of it\n") == [
        "nas.home.arpa. A 192.168.1.5", "nas. A 192.168.1.5", "nas.example.net. A 192.168.1.5",
        "files.home.arpa. A 192.168.1.5", "files. A 192.168.1.5",
        "(5.1.168.192.in-addr.arpa. PTR nas.home.arpa.)",
      ])
    #expect(
      try read("fd00::5\tnas\n", domain: nil) == [
        "nas. AAAA fd00::5",
        "(5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. PTR nas.)",
      ])
  }

  @Test func `the lines of every Debian file do no harm`() throws {
    let debian = """
      127.0.0.1\tlocalhost
      127.0.1.1\tmyhost.example.net\tmyhost

      # The following lines are desirable for IPv6 capable hosts
      ::1     localhost ip6-localhost ip6-loopback
      fe00::0 ip6-localnet
      ff00::0 ip6-mcastprefix
      ff02::1 ip6-allnodes
      ff02::2 ip6-allrouters
      fe80::1%lo0 localhost
      """
    #expect(Set(try read(debian)) == ["ignored"])
  }

  @Test(
    arguments: [
      ("192.168.1.300 nas", "! 1: 192.168.1.300 is no address; a line is ADDRESS NAME [NAME …]"),
      ("192.168.1.5", "! 1: no name behind the address"),
      (
        "192.168.1.5 a..b",
        "! 1: a..b is no name of a host: labels of 1 to 63 letters, digits and hyphens"
      ),
      (
        "192.168.1.5 .",
        "! 1: . is no name of a host: labels of 1 to 63 letters, digits and hyphens"
      ),
      ("\u{1}\u{2}\u{0}", "! 1: ??? is no address; a line is ADDRESS NAME [NAME …]"),
    ])
  func `a wrong line is said`(line: String, expected: String) throws {
    #expect(try read(line).last == expected)
    // It costs that line alone.
    #expect(try read("\(line)\n10.0.0.1 good").contains("good.home.arpa. A 10.0.0.1"))
  }

  @Test func `line ends of other systems, a byte order mark and a half line are read`() throws {
    let text = "\u{FEFF}10.0.0.1 a\r\n10.0.0.2 b\r\n10.0.0.3 c"
    let names = try read(text, domain: nil).filter { !$0.hasPrefix("(") }
    #expect(names == ["a. A 10.0.0.1", "b. A 10.0.0.2", "c. A 10.0.0.3"])
    #expect(try read("0.0.0.0 ads.example") == ["ads.example. A 0.0.0.0"])
  }

  @Test(arguments: [1, 7, 1_000, 100_000])
  func `a line that never ends costs itself`(pieces: Int) {
    let long = [UInt8](repeating: UInt8(ascii: "x"), count: 40_000)
    let text = Array("a\n".utf8) + long + Array("\nb\n".utf8) + long
    #expect(
      lines(text, pieces: pieces) == [
        .whole(Array("a".utf8), isEnded: true), .tooLong, .whole(Array("b".utf8), isEnded: true),
        .tooLong,
      ])
  }
}
