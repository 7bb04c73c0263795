import Testing

/// A player that lets mistakes pass would make every scenario worthless.
@Suite("The language of scenarios")
struct ScenarioLanguageTests {
  /// Plays a text behind a first line that names the upstream; says what is wrong with it, nothing when
  /// all is well.
  private func fault(_ text: String) -> String? {
    do {
      try ScenarioPlayer.play("upstreams are 198.51.100.1\n" + text, file: "x")
      return nil
    } catch {
      return "\(error)"
    }
  }

  private static let question = """
    client c1 asks www.example.net A
    upstream 198.51.100.1 is asked www.example.net A udp as q1

    """
  private static let answer = """
    at 10ms upstream 198.51.100.1 answers q1
      answer www.example.net. 300 IN A 192.0.2.1

    """

  @Test func `what goes as it says passes`() {
    #expect(
      fault(
        Self.question + Self.answer
          + "client c1 gets NOERROR\n answer www.example.net. 300 IN A 192.0.2.1") == nil)
  }

  private static let unreadable: [(String, String)] = [
    ("frobnicate", "x:2: unknown word \"frobnicate\""),
    ("\n\nclient c1 frobs", "x:4: unknown word \"frobs\""),
    ("client c1 asks www.example.net A frob", "x:2: unknown word \"frob\""),
    ("client c1 asks www.example.net FROB", "x:2: \"FROB\" is not a type"),
    ("client c1 asks www..net A", "x:2: \"www..net\" is not a name"),
    ("client c1 asks", "x:2: the line ends before a name"),
    ("client c1 gets FROB", "x:2: \"FROB\" is not a response code"),
    ("nothing is in flight today", "x:2: unknown word \"today\""),
    ("at noon client c1 asks www.example.net A", "x:2: \"noon\" is not a time such as 400ms or 4s"),
    ("at 4s", "x:2: what happens at that time?"),
    ("upstream 198.51.100.9 is asked www.example.net A udp as q1", "x:2: no such upstream"),
    (
      "upstream 198.51.100.1 sends q1 0g",
      "x:2: \"0g\" is neither ID nor QUESTION nor hexadecimal octets"
    ),
    ("answer www.example.net. 300 IN A 192.0.2.1", "x:2: whose record is this?"),
    (
      "client c1 gets NOERROR\n answer www.example.net. IN A 1",
      "x:3: \"www.example.net. IN A 1\" is not a record"
    ),
    ("nothing is in flight\nupstreams are 198.51.100.2", "x:3: settings come first"),
    ("upstreams are 198.51.100.1", "x:2: 198.51.100.1 is named twice"),
    ("upstreams are 2", "x:2: \"2\" is not a server"),
    ("upstreams are tls://198.51.100.2", "x:2: \"tls://198.51.100.2\" is not a server"),
    (
      "upstreams are tcp://198.51.100.2?edns=off",
      "x:2: \"tcp://198.51.100.2?edns=off\" is not a server"
    ),
    ("upstreams are 198.51.100.2?edns=off", "x:2: \"198.51.100.2?edns=off\" is not a server"),
    ("upstreams are dns://198.51.100.2?edns=on", "x:2: unknown word \"edns=on\""),
    ("limit patience 3", "x:2: unknown word \"patience\""),
  ]

  @Test(arguments: unreadable)
  func `a line that can't be read is an error with file and line`(text: String, error: String) {
    #expect(fault(text) == error)
  }

  private static let surprises: [(String, String)] = [
    // What happened without being expected.
    ("client c1 asks www.example.net A\nnothing is in flight", "x:3: 1 in flight"),
    (
      "client c1 asks www.example.net A",
      "x:2: behind this, nothing expects: upstream 198.51.100.1 is asked"
    ),
    (
      "\(question)at 1s nothing is in flight",
      "x:4: before this, at 400 ms: upstream 198.51.100.1 is asked"
    ),
    ("\(question)", "x:3: behind the end, at 400 ms: upstream 198.51.100.1 is asked over udp"),
    ("\(question)\(answer)", "x:4: behind this, nothing expects: c1 gets QUERY NOERROR"),
    (
      "\(question)\(answer)client c2 asks b.example.net A",
      "x:6: behind this, nothing expects: c1 gets"
    ),
    // What was expected without happening.
    (
      "\(question)at 300ms upstream 198.51.100.1 is asked www.example.net A udp as q2",
      "x:4: upstream 198.51.100.1 is asked www.example.net. A: this did not happen, but nothing"
    ),
    ("\(question)client c1 gets NOERROR", "x:4: c1 gets NOERROR: this did not happen"),
    ("\(question)stream q1 is closed", "x:4: the connection of q1 is closed: this did not happen"),
    (
      "client c1 asks www.example.net A\nupstream 198.51.100.1 is asked www.example.net A tcp as q1",
      "x:3: upstream 198.51.100.1 is asked www.example.net. A: this did not happen, but upstream 198.51.100.1"
    ),
    (
      "client c1 asks www.example.net A\nupstream 198.51.100.1 is asked www.example.net A udp as q1 without edns",
      "x:3: upstream 198.51.100.1 is asked www.example.net. A: this did not happen, but upstream 198.51.100.1"
    ),
    (
      "client c1 asks www.example.net A\nupstream 198.51.100.1 is asked www.example.net AAAA udp as q1",
      "x:3: upstream 198.51.100.1 is asked www.example.net. AAAA: this did not happen, but upstream 198.51.100.1"
    ),
    // What happened otherwise.
    ("\(question)\(answer)client c1 gets NXDOMAIN", "x:6: c1 got\nQUERY NOERROR"),
    ("\(question)\(answer)client c1 gets NOERROR", "x:6: c1 got\nQUERY NOERROR"),
    (
      "\(question)\(answer)client c1 gets NOERROR truncated\n answer www.example.net. 300 IN A 192.0.2.1",
      "x:6: c1 got\nQUERY NOERROR"
    ),
    (
      "\(question)\(answer)client c1 gets NOERROR\n answer www.example.net. 299 IN A 192.0.2.1",
      "x:6: c1 got\nQUERY NOERROR"
    ),
    ("\(question)counter asked is 2", "x:4: asked is 1"),
    ("\(question)counter frobs is 2", "x:4: unknown counter \"frobs\""),
    ("\(question)cache shows www.example.net A", "x:4: the cache has []"),
    // What makes no sense.
    ("\(question)upstream 198.51.100.1 answers q2", "x:4: there is no query \"q2\""),
    ("\(question)client c1 asks www.example.net A", "x:4: c1 waits already"),
    ("\(question)\(answer)client c2 gets NOERROR", "x:6: c2 did not ask"),
    (
      "\(question)upstream 198.51.100.1 sends q1 00\nat 0ms nothing is in flight\nat 5ms counter asked is 1\nat 4ms counter asked is 1",
      "x:5: 1 in flight"
    ),
    ("\(question)at 5ms counter asked is 1\nat 4ms counter asked is 1", "x:5: time goes back"),
  ]

  @Test(arguments: surprises)
  func `what goes otherwise is an error with file and line`(text: String, error: String) throws {
    let found = try #require(fault(text))
    #expect(found.hasPrefix(error))
  }

  @Test func `a cached record of another rank, TTL or number is an error`() {
    let start =
      Self.question + Self.answer
      + "client c1 gets NOERROR\n answer www.example.net. 300 IN A 192.0.2.1\n"
    #expect(fault(start + "cache shows www.example.net A rank answer ttl 300 records 1") == nil)
    #expect(fault(start + "cache shows www.example.net A rank additional") != nil)
    #expect(fault(start + "cache shows www.example.net A ttl 299") != nil)
    #expect(fault(start + "cache shows www.example.net A records 2") != nil)
    #expect(fault(start + "cache shows www.example.net A nodata") != nil)
    #expect(fault(start + "cache lacks www.example.net A") == "x:8: the cache has it")
  }
}
