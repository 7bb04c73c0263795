import DNSExchange
import DNSResolver
import DNSWire
import System

/// How a setting's values are read from ``Settings`` and written to them.
struct SettingField: Sendable {
  let read: @Sendable (Settings) -> [Value]
  let write: @Sendable (inout Settings, [Value]) -> Void

  typealias Path<Field> = WritableKeyPath<Settings, Field> & Sendable

  /// A field that always has one value.
  private static func one<Field>(
    _ path: Path<Field>, _ value: @escaping @Sendable (Field) -> Value,
    _ field: @escaping @Sendable (Value) -> Field?
  ) -> SettingField {
    SettingField(
      read: { [value($0[keyPath: path])] },
      write: { if let new = $1.first.flatMap(field) { $0[keyPath: path] = new } })
  }

  /// A field that may have no value.
  private static func optional<Field>(
    _ path: Path<Field?>, _ value: @escaping @Sendable (Field) -> Value,
    _ field: @escaping @Sendable (Value) -> Field?
  ) -> SettingField {
    SettingField(
      read: { $0[keyPath: path].map { [value($0)] } ?? [] },
      write: { $0[keyPath: path] = $1.first.flatMap(field) })
  }

  /// A list.
  private static func list<Field>(
    _ path: Path<[Field]>, _ value: @escaping @Sendable (Field) -> Value,
    _ field: @escaping @Sendable (Value) -> Field?
  ) -> SettingField {
    SettingField(
      read: { $0[keyPath: path].map(value) },
      write: { $0[keyPath: path] = $1.compactMap(field) })
  }

  static func number(_ path: Path<Int>) -> SettingField {
    one(path, { .number($0) }, { $0.number })
  }

  /// Milliseconds.
  static func milliseconds(_ path: Path<UInt64>) -> SettingField {
    one(path, { .number(Int(clamping: $0)) }, { $0.number.map { UInt64(clamping: $0) } })
  }

  /// Milliseconds that are kept as seconds, rounded up, so that only 0 becomes 0.
  static func seconds(_ path: Path<UInt32>) -> SettingField {
    one(
      path, { .number(Int($0) * 1_000) }, { $0.number.map { UInt32(clamping: ($0 + 999) / 1_000) } }
    )
  }

  static func boolean(_ path: Path<Bool>) -> SettingField {
    one(path, { .boolean($0) }, { $0.boolean })
  }

  /// Whether something is used with servers that support it: `auto` or `off`.
  static func automatic(_ path: Path<Bool>) -> SettingField {
    one(path, { .text($0 ? "auto" : "off") }, { $0.text.map { $0 == "auto" } })
  }

  /// One of several words.
  static func word<Word: RawRepresentable & SendableMetatype>(
    _ path: Path<Word>
  ) -> SettingField where Word.RawValue == String {
    one(path, { .text($0.rawValue) }, { $0.text.flatMap { Word(rawValue: $0) } })
  }

  static func text(_ path: Path<String>) -> SettingField { one(path, { .text($0) }, { $0.text }) }

  static func text(_ path: Path<String?>) -> SettingField {
    optional(path, { .text($0) }, { $0.text })
  }

  static func address(_ path: Path<Endpoint?>) -> SettingField {
    optional(path, { .address($0) }, { $0.address })
  }

  static func texts(_ path: Path<[String]>) -> SettingField {
    list(path, { .text($0) }, { $0.text })
  }

  static func domain(_ path: Path<Name?>) -> SettingField {
    optional(path, { .domain($0) }, { $0.domain })
  }

  static func networks(_ path: Path<[IPNetwork]>) -> SettingField {
    list(path, { .network($0) }, { $0.network })
  }

  static func domains(_ path: Path<[Name]>) -> SettingField {
    list(path, { .domain($0) }, { $0.domain })
  }

  static let routes = list(
    \.routes, { .item($0.item) }, { (value: Value) in value.item.map { RouteRule($0) } })

  static let localZones = list(
    \.local.zones, { .item($0.item) },
    { (value: Value) in value.item.flatMap { LocalZoneRule($0) } })

  static let blockLists = list(
    \.block.lists, { .item($0.item) },
    { (value: Value) in value.item.flatMap { BlockListRule($0) } })

  static let groups = list(
    \.block.groups, { .item($0.item) },
    { (value: Value) in value.item.flatMap { GroupRule($0) } })

  /// Networks, and whether ``LocalNetworks`` are among them.
  static func networks(
    _ path: Path<[IPNetwork]>, andLocal isLocal: Path<Bool>
  ) -> SettingField {
    SettingField(
      read: {
        $0[keyPath: path].map { .network($0) }
          + ($0[keyPath: isLocal] ? [.text(LocalNetworks.word)] : [])
      },
      write: {
        $0[keyPath: path] = $1.compactMap(\.network)
        $0[keyPath: isLocal] = $1.contains { $0.text == LocalNetworks.word }
      })
  }

  /// Addresses and interfaces, and that they were given.
  static func listeners(
    _ addresses: Path<[Endpoint]>, _ interfaces: Path<[ListenInterface]>,
    _ isNamed: Path<Bool>
  ) -> SettingField {
    SettingField(
      read: {
        $0[keyPath: addresses].map { .address($0) } + $0[keyPath: interfaces].map { .interface($0) }
      },
      write: {
        $0[keyPath: addresses] = $1.compactMap(\.address)
        $0[keyPath: interfaces] = $1.compactMap(\.interface)
        $0[keyPath: isNamed] = true
      })
  }

  /// The upstreams, and that they were given.
  static let upstreams = SettingField(
    read: { settings in settings.upstreams.map { .server($0) } },
    write: {
      $0.upstreams = $1.compactMap(\.server)
      $0.isUpstreamExplicit = true
    })
}
