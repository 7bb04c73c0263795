import Testing

/// A player that lets mistakes pass would make every scenario worthless.
@Suite("The language of scenarios")
struct ScenarioLanguageTests {
  /// Plays a text; says what is wrong with it, nothing when all is well.
  private func fault(_ text: String) -> String? {
    do {
      try ScenarioPlayer.play(text, file: "x")
      return nil
    } catch {
      return "\(error)"
    }
  }

  private static let question = """
    client c1 asks www.example.net A
    upstream 0 is asked www.example.net A udp as q1

    """
  private static let answer = """
    at 10ms upstream 0 answers q1
      answer www.example.net. 300 IN A 192.0.2.1

    """

  @Test func `what goes as it says passes`() {
    #expect(
      fault(
        Self.question + Self.answer
          + "client c1 gets NOERROR\n answer www.example.net. 300 IN A 192.0.2.1") == nil)
  }

  private static let unreadable: [(String, String)] = [
    ("frobnicate", "x:1: unknown word \"frobnicate\""),
    ("\n\nclient c1 frobs", "x:3: unknown word \"frobs\""),
    ("client c1 asks www.example.net A frob", "x:1: unknown word \"frob\""),
    ("client c1 asks www.example.net FROB", "x:1: \"FROB\" is not a type"),
    ("client c1 asks www..net A", "x:1: \"www..net\" is not a name"),
    ("client c1 asks", "x:1: the line ends before a name"),
    ("client c1 gets FROB", "x:1: \"FROB\" is not a response code"),
    ("nothing is in flight today", "x:1: unknown word \"today\""),
    ("at noon client c1 asks www.example.net A", "x:1: \"noon\" is not a time such as 400ms or 4s"),
    ("at 4s", "x:1: what happens at that time?"),
    ("upstream 1 is asked www.example.net A udp as q1", "x:1: no such upstream"),
    ("upstream 0 sends q1 0g", "x:1: \"0g\" is neither ID nor QUESTION nor hexadecimal octets"),
    ("answer www.example.net. 300 IN A 192.0.2.1", "x:1: whose record is this?"),
    (
      "client c1 gets NOERROR\n answer www.example.net. IN A 1",
      "x:2: \"www.example.net. IN A 1\" is not a record"
    ),
    ("nothing is in flight\nupstreams 2", "x:2: settings come first"),
    ("limit patience 3", "x:1: unknown word \"patience\""),
  ]

  @Test(arguments: unreadable)
  func `a line that can't be read is an error with file and line`(text: String, error: String) {
    #expect(fault(text) == error)
  }

  private static let surprises: [(String, String)] = [
    // What happened without being expected.
    ("client c1 asks www.example.net A\nnothing is in flight", "x:2: 1 in flight"),
    ("client c1 asks www.example.net A", "x:1: behind this, nothing expects: upstream 0 is asked"),
    ("\(question)at 1s nothing is in flight", "x:3: before this, at 400 ms: upstream 0 is asked"),
    ("\(question)", "x:2: behind the end, at 400 ms: upstream 0 is asked over udp"),
    ("\(question)\(answer)", "x:3: behind this, nothing expects: c1 gets QUERY NOERROR"),
    (
      "\(question)\(answer)client c2 asks b.example.net A",
      "x:5: behind this, nothing expects: c1 gets"
    ),
    // What was expected without happening.
    (
      "\(question)at 300ms upstream 0 is asked www.example.net A udp as q2",
      "x:3: upstream 0 is asked www.example.net. A: this did not happen, but nothing"
    ),
    ("\(question)client c1 gets NOERROR", "x:3: c1 gets NOERROR: this did not happen"),
    ("\(question)stream q1 is closed", "x:3: the connection of q1 is closed: this did not happen"),
    (
      "client c1 asks www.example.net A\nupstream 0 is asked www.example.net A tcp as q1",
      "x:2: upstream 0 is asked www.example.net. A: this did not happen, but upstream 0"
    ),
    (
      "client c1 asks www.example.net A\nupstream 0 is asked www.example.net A udp as q1 without edns",
      "x:2: upstream 0 is asked www.example.net. A: this did not happen, but upstream 0"
    ),
    (
      "client c1 asks www.example.net A\nupstream 0 is asked www.example.net AAAA udp as q1",
      "x:2: upstream 0 is asked www.example.net. AAAA: this did not happen, but upstream 0"
    ),
    // What happened otherwise.
    ("\(question)\(answer)client c1 gets NXDOMAIN", "x:5: c1 got\nQUERY NOERROR"),
    ("\(question)\(answer)client c1 gets NOERROR", "x:5: c1 got\nQUERY NOERROR"),
    (
      "\(question)\(answer)client c1 gets NOERROR truncated\n answer www.example.net. 300 IN A 192.0.2.1",
      "x:5: c1 got\nQUERY NOERROR"
    ),
    (
      "\(question)\(answer)client c1 gets NOERROR\n answer www.example.net. 299 IN A 192.0.2.1",
      "x:5: c1 got\nQUERY NOERROR"
    ),
    ("\(question)counter asked is 2", "x:3: asked is 1"),
    ("\(question)counter frobs is 2", "x:3: unknown counter \"frobs\""),
    ("\(question)cache shows www.example.net A", "x:3: the cache has []"),
    // What makes no sense.
    ("\(question)upstream 0 answers q2", "x:3: there is no query \"q2\""),
    ("\(question)client c1 asks www.example.net A", "x:3: c1 waits already"),
    ("\(question)\(answer)client c2 gets NOERROR", "x:5: c2 did not ask"),
    (
      "\(question)upstream 0 sends q1 00\nat 0ms nothing is in flight\nat 5ms counter asked is 1\nat 4ms counter asked is 1",
      "x:4: 1 in flight"
    ),
    ("\(question)at 5ms counter asked is 1\nat 4ms counter asked is 1", "x:4: time goes back"),
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
    #expect(fault(start + "cache lacks www.example.net A") == "x:7: the cache has it")
  }
}
