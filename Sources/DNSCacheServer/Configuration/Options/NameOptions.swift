import ArgumentParser

/// The flags about which names are not upstream's to answer as it likes.
struct NameOptions: ParsableArguments {
  @Option(help: .setting("names.forward-special")) var forwardSpecial: [String] = []
  @Option(help: .setting("names.answer-special")) var answerSpecial: [String] = []
  @Flag(inversion: .prefixedNo, help: .setting("names.rebind-protection"))
  var rebindProtection: Bool?
  @Option(help: .setting("names.rebind-allow")) var rebindAllow: [String] = []
  @Flag(inversion: .prefixedNo, help: .setting("names.rebind-allow-loopback"))
  var rebindAllowLoopback: Bool?

  var given: [GivenFlag] {
    [
      GivenFlag("names.forward-special", forwardSpecial),
      GivenFlag("names.answer-special", answerSpecial),
      GivenFlag("names.rebind-protection", rebindProtection),
      GivenFlag("names.rebind-allow", rebindAllow),
      GivenFlag("names.rebind-allow-loopback", rebindAllowLoopback),
    ].compactMap { $0 }
  }
}
