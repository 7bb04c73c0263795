import DNSWire
import System

/// The kinds of values, with the checks that flags and file share.
package enum ValueKind: Sendable {
  /// An address or an interface's name, with a port, 53 when there is none.
  case listener
  /// An upstream: an address with a port, 53 when there is none, and what it is asked with.
  case server
  /// An address with a port, which must be given.
  case endpoint
  case network
  /// A network, or `local-networks`.
  case clientNetwork
  case domain
  /// One of the zones that are answered here, or a group of them.
  case specialZone
  /// Bytes.
  case size(ClosedRange<Int>)
  /// Milliseconds.
  case duration(ClosedRange<Int>)
  case percent(ClosedRange<Int>)
  case number(ClosedRange<Int>)
  case boolean
  /// The name of a type of records.
  case recordType
  case oneOf([String])
  /// A text with a form of its own: what it is, and what is wrong with one.
  case checked(String, @Sendable (String) -> String?)
  /// Any text that is not empty, as a path or a user's name.
  case text(String)
  /// Several named values.
  case item(ItemKind)

  /// The form of a value, in words.
  package var form: String {
    switch self {
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
    case .boolean: "true or false"
    case .recordType: "type"
    case .oneOf(let words): words.joined(separator: "|")
    case .checked(let what, _), .text(let what): what
    case .item(let kind): kind.line?.form ?? kind.noun
    }
  }

  /// The smallest and the largest value, if there are bounds.
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
    case .boolean(let isTrue): "\(isTrue)"
    case .text(let text): text
    case .item(let item): item.text
    }
  }

  private func shown(_ number: Int) -> String {
    switch self {
    case .size: Quantity.size.text(number)
    case .duration: Quantity.duration.text(number)
    case .percent: "\(number)%"
    default: "\(number)"
    }
  }

  /// Reads a value.
  ///
  /// - Parameter origin: where the text comes from, for the fields of an item.
  func value(_ text: String, at origin: Origin = .nowhere) throws(ValueError) -> Value {
    switch self {
    case .listener:
      if let address = Endpoint(text, defaultPort: Settings.port) { return .address(address) }
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
      guard let address = Endpoint(text, defaultPort: 0),
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
      return try check(
        Quantity.size.number(text), range, else: "a size; write a whole number and KiB, MiB or GiB")
    case .duration(let range):
      return try check(
        Quantity.duration.number(text), range,
        else: "a duration; write a whole number and ms, s, m, h or d, or 0")
    case .percent(let range):
      return try check(
        Quantity.percent.number(text), range, else: "a share; write a whole number and %, as 12%")
    case .number(let range):
      return try check(Int(text), range, else: "a whole number")
    case .boolean:
      guard text == "true" || text == "false" else {
        throw ValueError(description: "neither true nor false")
      }
      return .boolean(text == "true")
    case .recordType:
      guard let type = RecordType(text), !type.isMeta, type.rawValue != 0 else {
        throw ValueError(description: "not a type of records; write AAAA, HTTPS or TYPE65")
      }
      return .text("\(type)")
    case .oneOf(let words):
      guard words.contains(text) else {
        throw ValueError(
          description: "not one of \(words.joined(separator: ", "))"
            + NearestWord.hint(for: text, among: words))
      }
      return .text(text)
    case .checked(_, let fault):
      if let fault = fault(text) { throw ValueError(description: fault) }
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

  private func check(
    _ number: Int?, _ range: ClosedRange<Int>, else wanted: String
  ) throws(ValueError) -> Value {
    guard let number else { throw ValueError(description: "not \(wanted)") }
    guard range.contains(number) else {
      throw ValueError(description: "must be \(bounds ?? "")")
    }
    return .number(number)
  }
}
