import DNSWire
import System

/// A value of a setting.
package enum Value: Sendable {
  case address(Endpoint)
  case interface(ListenInterface)
  case server(UpstreamServer)
  case network(IPNetwork)
  case domain(Name)
  /// Bytes, milliseconds, percent, or a plain number.
  case number(Int)
  case boolean(Bool)
  case text(String)
  case item(Item)

  var interface: ListenInterface? { if case .interface(let value) = self { value } else { nil } }
  /// An address, or that of a server.
  var address: Endpoint? {
    if case .address(let value) = self { value } else { server?.address }
  }
  var server: UpstreamServer? { if case .server(let value) = self { value } else { nil } }
  var network: IPNetwork? { if case .network(let value) = self { value } else { nil } }
  var domain: Name? { if case .domain(let value) = self { value } else { nil } }
  var number: Int? { if case .number(let value) = self { value } else { nil } }
  var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
  package var item: Item? { if case .item(let value) = self { value } else { nil } }
  var text: String? { if case .text(let value) = self { value } else { nil } }
}

/// Why a text is not a value of its kind, and what to write instead.
package struct ValueError: Error, CustomStringConvertible {
  package let description: String
}
