import DNSWire
import Memory

// Finding exchanges by question and transmissions by transaction, and what their owner may know of them.

extension Exchanges {
  // MARK: Exchanges

  /// How many there are, those among them that have ended and not been removed.
  public var count: Int { exchanges.count }

  /// Every slot is below.
  public var end: Int { exchanges.end }

  /// The exchange in a slot, if there is one.
  public func exchange(at slot: Int) -> ExchangeID? {
    exchanges.contains(slot) ? ExchangeID(slot) : nil
  }

  /// An exchange, as its owner may see it.
  public subscript(_ exchange: ExchangeID) -> Exchange {
    _read { yield exchanges[exchange] }
  }

  /// Names an exchange also when another may have its number.
  public mutating func handle(_ exchange: ExchangeID) -> ExchangeHandle {
    ExchangeHandle(exchange, exchanges[exchange].generation)
  }

  /// The exchange that a handle names, if it is still there.
  public func find(_ handle: ExchangeHandle) -> ExchangeID? {
    let exchange = handle.exchange
    guard exchanges.contains(exchange.slot), exchanges[exchange].generation == handle.generation
    else {
      return nil
    }
    return exchange
  }

  // `handle(_:)` and `loadName(of:into:)` are mutating though they change nothing: beside a change, a call that only
  // borrows would copy all of `Exchanges` (Swift 6.3).

  /// The exchange for a question: there is one at most.
  @inline(__always)
  public func match(
    _ key: borrowing NameKey, _ type: RecordType, _ queryFlags: QueryFlags
  ) -> ExchangeID? {
    var slot = byQuestion.first(Exchange.hash(key.hash, type, queryFlags))
    while slot != ChainTable.end {
      let exchange = ExchangeID(rawValue: slot)
      if exchanges[exchange].nameHash == key.hash && exchanges[exchange].type == type
        && exchanges[exchange].queryFlags == queryFlags && isName(of: exchange, key)
      {
        return exchange
      }
      slot = exchanges[exchange].chain
    }
    return nil
  }

  /// Whether an exchange asks for a name.
  public func isName(of exchange: ExchangeID, _ key: borrowing NameKey) -> Bool {
    key.matches(name(of: exchange))
  }

  /// The name that is asked for, in lower case.
  @_lifetime(borrow self)
  public func name(of exchange: ExchangeID) -> Span<UInt8> {
    names.octets(in: exchange.slot, count: Int(exchanges[exchange].nameCount))
  }

  /// Fills a key with that name.
  public mutating func loadName(of exchange: ExchangeID, into key: inout NameKey) {
    key.load(name(of: exchange), withHash: exchanges[exchange].nameHash)
  }

  /// Says that the servers that it may be sent to have another number now.
  public mutating func setGroup(_ group: ServerGroupID, of exchange: ExchangeID) {
    exchanges[exchange].group = group
  }

  /// Where the server is that was asked last.
  public func address(of exchange: ExchangeID) -> ServerAddress {
    servers[exchanges[exchange].server].address
  }

  /// What a server said of its error: options for an OPT record.
  @_lifetime(borrow self)
  public func errors(of exchange: ExchangeID) -> Span<UInt8> {
    upstreamErrors.octets(in: exchange.slot, count: Int(exchanges[exchange].errorsCount))
  }

  // MARK: Transmissions

  func findTransmission(socket: SocketID, id: UInt16) -> TransmissionID? {
    var slot = byTransaction.first(Transmission.hash(socket, id))
    while slot != ChainTable.end {
      let found = TransmissionID(Int(slot))
      if transmissions[found].id == id && transmissions[found].socket == socket { return found }
      slot = transmissions[found].chain
    }
    return nil
  }

  /// Forgets what was sent for a question; replies to it are ignored from now on.
  mutating func forgetTransmissions(of exchange: ExchangeID) {
    var transmission = exchanges[exchange].firstTransmission
    exchanges[exchange].firstTransmission = .none
    while transmission != .none {
      let next = transmissions[transmission].next
      forgetTransmission(transmission)
      transmission = next
    }
  }

  /// Forgets what was sent to one server.
  mutating func forgetTransmissions(of exchange: ExchangeID, at server: ServerID) {
    var next = exchanges[exchange].firstTransmission
    var kept = TransmissionID.none
    while next != .none {
      let transmission = next
      next = transmissions[transmission].next
      if transmissions[transmission].socket.server == server {
        if kept == .none {
          exchanges[exchange].firstTransmission = next
        } else {
          transmissions[kept].next = next
        }
        forgetTransmission(transmission)
      } else {
        kept = transmission
      }
    }
  }

  private mutating func forgetTransmission(_ transmission: TransmissionID) {
    let sent = transmissions[transmission]
    finished.insert(sent.socket, id: sent.id, sent: sent.sent)
    servers[sent.socket.server].inFlight -= 1
    byTransaction.remove(transmission.slot, in: &transmissions)
    transmissions.remove(transmission.slot)
  }
}
