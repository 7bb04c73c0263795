/// The parameters of SVCB and HTTPS records (RFC 9460 §2.2).
struct ServiceParameters {
  private typealias Key = ServiceParameterKey
  private let list: [(key: ServiceParameterKey, value: [UInt8])]

  /// Reads parameters in strictly ascending order of keys; nil when any has the wrong form.
  init?(wire: ArraySlice<UInt8>) {
    var list: [(key: ServiceParameterKey, value: [UInt8])] = []
    var rest = wire
    while !rest.isEmpty {
      guard let key = rest.popNumber(UInt16.self), let length = rest.popNumber(UInt16.self),
        let value = rest.pop(Int(length))
      else { return nil }
      list.append((ServiceParameterKey(key), Array(value)))
    }
    self.list = list
    guard isConsistent, list.allSatisfy({ Self.text(of: $0.value, for: $0.key) != nil }) else {
      return nil
    }
  }

  init(tokens: ArraySlice<PresentationToken>) throws(RDataTextError) {
    var list: [(key: ServiceParameterKey, value: [UInt8])] = []
    for token in tokens {
      let name = token.text.prefix { $0 != Octet.equals }
      guard let key = ServiceParameterKey(String(decoding: name, as: UTF8.self)),
        let text = token.text[name.endIndex...].dropFirst().unescaped,
        let value = Self.value(of: text[...], for: key), value.count <= RDataText.maximumLength
      else { throw .badParameter }
      list.append((key, value))
    }
    self.list = list.sorted { $0.key < $1.key }
    guard isConsistent else { throw .badParameter }
  }

  var wire: [UInt8] {
    list.flatMap { $0.key.rawValue.octets + UInt16($0.value.count).octets + $0.value }
  }

  var text: String {
    list.compactMap { key, value in
      Self.text(of: value, for: key).map { $0.isEmpty ? key.description : "\(key)=\($0)" }
    }.joined(separator: " ")
  }

  /// Whether keys ascend, and those called mandatory are there (§2.2, §8).
  private var isConsistent: Bool {
    guard zip(list, list.dropFirst()).allSatisfy({ $0.key < $1.key }) else { return false }
    guard let first = list.first, first.key == .mandatory else { return true }
    guard let mandatory = Self.keys(first.value) else { return false }
    return mandatory.allSatisfy { key in key != .mandatory && list.contains { $0.key == key } }
  }

  /// The keys in the value of `mandatory`, at least one, strictly ascending (§8).
  private static func keys(_ value: [UInt8]) -> [ServiceParameterKey]? {
    var rest = value[...]
    var keys: [ServiceParameterKey] = []
    repeat {
      guard let key = rest.popNumber(UInt16.self).map({ ServiceParameterKey($0) }),
        keys.last.map({ $0 < key }) ?? true
      else { return nil }
      keys.append(key)
    } while !rest.isEmpty
    return keys
  }

  /// Writes one value: nothing when it is empty, nil when it has the wrong form.
  private static func text(of value: [UInt8], for key: ServiceParameterKey) -> String? {
    switch key {
    case .mandatory:
      return keys(value)?.map(\.description).joined(separator: ",")
    case .alpn:
      return protocols(value).map { RDataWriter.quoted($0.joinedAsList()) }
    case .noDefaultALPN, .obliviousHTTP:
      return value.isEmpty ? "" : nil
    case .port:
      var rest = value[...]
      guard let port = rest.popNumber(UInt16.self), rest.isEmpty else { return nil }
      return "\(port)"
    case .ipv4Hint, .ipv6Hint:
      return addresses(value, octetCount: key == .ipv4Hint ? 4 : 16)
    case .ech:
      return value.isEmpty ? nil : RDataWriter.quoted(BaseEncoding.base64.text(value).utf8)
    default:
      return value.isEmpty ? "" : RDataWriter.quoted(value)
    }
  }

  /// Reads one value whose escapes are resolved; nil when it has the wrong form.
  private static func value(of text: ArraySlice<UInt8>, for key: ServiceParameterKey) -> [UInt8]? {
    switch key {
    case .mandatory:
      let keys = text.split(separator: Octet.comma, omittingEmptySubsequences: false)
        .map { ServiceParameterKey(String(decoding: $0, as: UTF8.self)) }
      guard !keys.contains(nil) else { return nil }
      return keys.compactMap(\.self).sorted().flatMap(\.rawValue.octets)
    case .alpn:
      guard let protocols = text.splitAsList(),
        protocols.allSatisfy({ (1...255).contains($0.count) })
      else { return nil }
      return protocols.flatMap { [UInt8($0.count)] + $0 }
    case .noDefaultALPN, .obliviousHTTP:
      return text.isEmpty ? [] : nil
    case .port:
      return text.decimal(UInt16.self)?.octets
    case .ipv4Hint, .ipv6Hint:
      let addresses = text.split(separator: Octet.comma, omittingEmptySubsequences: false)
        .map { IPAddress(String(decoding: $0, as: UTF8.self)) }
      guard addresses.allSatisfy({ $0?.isIPv4 == (key == .ipv4Hint) }) else { return nil }
      return addresses.compactMap(\.self).flatMap(\.octets)
    case .ech:
      return text.isEmpty ? nil : BaseEncoding.base64.octets(text)
    default:
      return Array(text)
    }
  }

  private static func protocols(_ value: [UInt8]) -> [ArraySlice<UInt8>]? {
    var rest = value[...]
    var protocols: [ArraySlice<UInt8>] = []
    repeat {
      guard let length = rest.popNumber(UInt8.self), length > 0, let name = rest.pop(Int(length))
      else { return nil }
      protocols.append(name)
    } while !rest.isEmpty
    return protocols
  }

  private static func addresses(_ value: [UInt8], octetCount: Int) -> String? {
    var rest = value[...]
    var addresses: [String] = []
    repeat {
      guard let address = rest.pop(octetCount).flatMap({ IPAddress(octets: $0) }) else {
        return nil
      }
      addresses.append(address.description)
    } while !rest.isEmpty
    return addresses.joined(separator: ",")
  }
}

// RFC 9460 Appendix A.1: inside a list, comma and backslash have escapes of their own, below
// those of the character-string around it.
extension [ArraySlice<UInt8>] {
  fileprivate func joinedAsList() -> [UInt8] {
    let items: [[UInt8]] = map { item in
      item.flatMap { $0 == Octet.comma || $0 == Octet.backslash ? [Octet.backslash, $0] : [$0] }
    }
    return [UInt8](items.joined(separator: [Octet.comma]))
  }
}

extension ArraySlice<UInt8> {
  fileprivate func splitAsList() -> [[UInt8]]? {
    var items: [[UInt8]] = [[]]
    var rest = self
    while let octet = rest.popFirst() {
      switch octet {
      case Octet.comma:
        items.append([])
      case Octet.backslash:
        guard let escaped = rest.popFirst() else { return nil }
        items[items.count - 1].append(escaped)
      default:
        items[items.count - 1].append(octet)
      }
    }
    return items
  }
}
