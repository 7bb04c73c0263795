import DNSExchange
import DNSResolver
import DNSWire
import System

/// How a setting's values are read from ``Settings`` and written to them.
struct SettingField: Sendable {
  let read: @Sendable (Settings) -> [Value]
  let write: @Sendable (inout Settings, [Value]) -> Void

  typealias Path<Field> = WritableKeyPath<Settings, Field> & Sendable

  static func number(_ path: Path<Int>) -> SettingField {
    SettingField(
      read: { [.number($0[keyPath: path])] },
      write: { if let number = $1.first?.number { $0[keyPath: path] = number } })
  }

  /// Milliseconds.
  static func milliseconds(_ path: Path<UInt64>) -> SettingField {
    SettingField(
      read: { [.number(Int(clamping: $0[keyPath: path]))] },
      write: { if let number = $1.first?.number { $0[keyPath: path] = UInt64(clamping: number) } })
  }

  /// Milliseconds that are kept as seconds, rounded up, so that only 0 becomes 0.
  static func seconds(_ path: Path<UInt32>) -> SettingField {
    SettingField(
      read: { [.number(Int($0[keyPath: path]) * 1_000)] },
      write: {
        guard let number = $1.first?.number else { return }
        $0[keyPath: path] = UInt32(clamping: (number + 999) / 1_000)
      })
  }

  static func boolean(_ path: Path<Bool>) -> SettingField {
    SettingField(
      read: { [.boolean($0[keyPath: path])] },
      write: { if let isOn = $1.first?.boolean { $0[keyPath: path] = isOn } })
  }

  static func text(_ path: Path<String>) -> SettingField {
    SettingField(
      read: { [.text($0[keyPath: path])] },
      write: { if let text = $1.first?.text { $0[keyPath: path] = text } })
  }

  static func text(_ path: Path<String?>) -> SettingField {
    SettingField(
      read: { $0[keyPath: path].map { [.text($0)] } ?? [] },
      write: { $0[keyPath: path] = $1.first?.text })
  }

  static func texts(_ path: Path<[String]>) -> SettingField {
    SettingField(
      read: { $0[keyPath: path].map { .text($0) } },
      write: { $0[keyPath: path] = $1.compactMap(\.text) })
  }

  static func networks(_ path: Path<[IPNetwork]>) -> SettingField {
    SettingField(
      read: { $0[keyPath: path].map { .network($0) } },
      write: { $0[keyPath: path] = $1.compactMap(\.network) })
  }

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

  static func domains(_ path: Path<[Name]>) -> SettingField {
    SettingField(
      read: { $0[keyPath: path].map { .domain($0) } },
      write: { $0[keyPath: path] = $1.compactMap(\.domain) })
  }

  /// Addresses and interfaces, and that they were given.
  static func listeners(
    _ addresses: Path<[SocketAddress]>, _ interfaces: Path<[ListenInterface]>,
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

  /// Whether something is used with servers that support it: `auto` or `off`.
  static func automatic(_ path: Path<Bool>) -> SettingField {
    SettingField(
      read: { [.text($0[keyPath: path] ? "auto" : "off")] },
      write: { if let text = $1.first?.text { $0[keyPath: path] = text == "auto" } })
  }

  /// An address, or none.
  static func address(_ path: Path<SocketAddress?>) -> SettingField {
    SettingField(
      read: { $0[keyPath: path].map { [.address($0)] } ?? [] },
      write: { $0[keyPath: path] = $1.first?.address })
  }
}
