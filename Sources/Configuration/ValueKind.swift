import DNSWire
import System

/// What a setting's value may be: the checks that flags and the file share.
package enum ValueKind: Sendable {
  /// An address with a port, 53 when there is none.
  case address
  /// The same, or an interface's name with or without a port.
  case listener
  /// An upstream: an address with a port, 53 when there is none, and what it is asked with.
  case server
  /// An address with a port, which must be named.
  case endpoint
  case network
  /// The same, or `local-networks`.
  case clientNetwork
  case domain
  /// One of the zones that are answered here, or a group of them.
  case specialZone
  /// Octets.
  case size(ClosedRange<Int>)
  /// Milliseconds.
  case duration(ClosedRange<Int>)
  case percent(ClosedRange<Int>)
  case number(ClosedRange<Int>)
  case truth
  case oneOf([String])
  /// A path, a user: any text that is not empty.
  case text(String)
  /// Several values with names.
  case item(ItemKind)

  /// What a person would write, in words.
  package var form: String {
    switch self {
    case .address: "address[:port]"
    case .listener: "address[:port] or interface[:port]"
    case .server: "server"
    case .endpoint: "address:port"
    case .network: "network"
    case .clientNetwork: "network or \(LocalNetworks.word)"
    case .domain: "domain"
    case .specialZone: "zone"
    case .size: "size"
    case .duration: "duration"
    case .percent: "percent"
    case .number: "number"
    case .truth: "true or false"
    case .oneOf(let words): words.joined(separator: "|")
    case .text(let what): what
    case .item(let kind): kind.line?.form ?? kind.noun
    }
  }

  /// The least and the most, where there are such, in words.
  var bounds: String? {
    switch self {
    case .size(let range), .duration(let range), .percent(let range), .number(let range):
      "\(shown(range.lowerBound)) to \(shown(range.upperBound))"
    default: nil
    }
  }

  /// A value as a person would write it.
  func text(of value: Value) -> String {
    switch value {
    case .address(let address): "\(address)"
    case .interface(let interface): "\(interface)"
    case .server(let server): "\(server)"
    case .network(let network): "\(network)"
    case .domain(let name): "\(name)"
    case .number(let number): shown(number)
    case .truth(let truth): "\(truth)"
    case .text(let text): text
    case .item(let item): item.text
    }
  }

  private func shown(_ number: Int) -> String {
    switch self {
    case .size: MemorySize(octets: number).description
    case .duration: Duration(milliseconds: number).description
    case .percent: "\(number)%"
    default: "\(number)"
    }
  }

  /// Reads a value.
  ///
  /// - Parameter origin: where it stands, for the parts of an item.
  func value(_ text: String, at origin: Origin = .usual) throws(ValueError) -> Value {
    switch self {
    case .address:
      guard let address = SocketAddress(text, defaultPort: Settings.port) else {
        if let hint = ForeignWords.hint(address: text) { throw ValueError(description: hint) }
        throw ValueError(
          description: "not an address; write 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53")
      }
      return .address(address)
    case .listener:
      if let address = SocketAddress(text, defaultPort: Settings.port) { return .address(address) }
      guard let interface = ListenInterface(text, defaultPort: Settings.port) else {
        if let hint = ForeignWords.hint(address: text) { throw ValueError(description: hint) }
        throw ValueError(
          description:
            "neither an address nor an interface; write 192.0.2.1, 192.0.2.1:53, [2001:db8::1]:53, eth0 or eth0:53"
        )
      }
      return .interface(interface)
    case .server: return .server(try UpstreamServer(text))
    case .endpoint:
      guard let address = SocketAddress(text, defaultPort: 0),
        address.port != 0 || text.hasSuffix(":0")
      else {
        throw ValueError(
          description: "not an address with a port; write 127.0.0.1:8053 or [::1]:8053")
      }
      return .address(address)
    case .network:
      guard let network = IPNetwork(text) else {
        throw ValueError(
          description: "not a network; write an address and a prefix length, as 192.168.0.0/16")
      }
      return .network(network)
    case .clientNetwork:
      if text == LocalNetworks.word { return .text(text) }
      guard let network = IPNetwork(text) else {
        throw ValueError(
          description:
            "not a network; write an address and a prefix length, as 192.168.0.0/16, or \(LocalNetworks.word)"
        )
      }
      return .network(network)
    case .domain:
      guard !text.hasPrefix("*.") else {
        throw ValueError(
          description: "a domain stands for all names below it; write \(text.dropFirst(2))")
      }
      guard let name = try? Name(text) else {
        throw ValueError(description: "not a domain name; write it as home.example")
      }
      return .domain(name)
    case .specialZone:
      guard !NameRules.zones(text).isEmpty else { throw ValueKind.noSpecialZone(text) }
      return .text(text)
    case .size(let range):
      guard let size = MemorySize(text) else {
        throw ValueError(description: "not a size; write a whole number and KiB, MiB or GiB")
      }
      return .number(try check(size.octets, range))
    case .duration(let range):
      guard let duration = Duration(text) else {
        throw ValueError(
          description: "not a duration; write a whole number and ms, s, m, h or d, or 0")
      }
      return .number(try check(duration.milliseconds, range))
    case .percent(let range):
      guard let percent = Quantity.parse(text, units: [("%", 1)]) else {
        throw ValueError(description: "not a share; write a whole number and %, as 12%")
      }
      return .number(try check(percent, range))
    case .number(let range):
      guard let number = Int(text) else { throw ValueError(description: "not a whole number") }
      return .number(try check(number, range))
    case .truth:
      guard text == "true" || text == "false" else {
        throw ValueError(description: "neither true nor false")
      }
      return .truth(text == "true")
    case .oneOf(let words):
      guard words.contains(text) else {
        throw ValueError(
          description: "not one of \(words.joined(separator: ", "))"
            + NearestWord.hint(for: text, among: words))
      }
      return .text(text)
    case .text(let what):
      guard !text.isEmpty else { throw ValueError(description: "empty; write a \(what)") }
      // A file's name and a user's end at a zero octet, for the system.
      guard !text.utf8.contains(0) else {
        throw ValueError(description: "has an octet 0 in it; write a \(what)")
      }
      return .text(text)
    case .item(let kind): return .item(try kind.item(text, at: origin))
    }
  }

  private static func noSpecialZone(_ text: String) -> ValueError {
    let words = NameRules.words
    return ValueError(
      description:
        "not a special zone\(NearestWord.hint(for: text, among: words)); those are \(words.dropLast().joined(separator: ", ")), the reverse zones of local networks, such as 168.192.in-addr.arpa, and \(words.last ?? "") for all of these"
    )
  }

  private func check(_ number: Int, _ range: ClosedRange<Int>) throws(ValueError) -> Int {
    guard range.contains(number) else {
      throw ValueError(description: "must be \(bounds ?? "")")
    }
    return number
  }
}
