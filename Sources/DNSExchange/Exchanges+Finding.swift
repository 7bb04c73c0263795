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

  // Some of what follows is mutating though it changes nothing: a call that only borrows, beside a change, would get a
  // copy of the whole.

  /// The exchange for a question: there is one at most.
  @inline(__always)
  public func match(
    _ key: borrowing NameKey, _ type: RecordType, _ needs: QueryFlags
  ) -> ExchangeID? {
    var place = byQuestion.first(Exchange.hash(key.hash, type, needs))
    while place != ChainTable.end {
      let exchange = ExchangeID(rawValue: place)
      if exchanges[exchange].nameHash == key.hash && exchanges[exchange].type == type
        && exchanges[exchange].needs == needs && isName(of: exchange, key)
      {
        return exchange
      }
      place = exchanges[exchange].chain
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
    var place = byTransaction.first(Transmission.hash(socket, id))
    while place != ChainTable.end {
      let found = TransmissionID(Int(place))
      if transmissions[found].id == id && transmissions[found].socket == socket { return found }
      place = transmissions[found].chain
    }
    return nil
  }

  /// Forgets what was sent for a question; replies to it are nobody's from now on.
  mutating func forgetTransmissions(of exchange: ExchangeID) {
    var place = exchanges[exchange].firstTransmission
    exchanges[exchange].firstTransmission = .none
    while place != .none {
      let next = transmissions[place].next
      forgetTransmission(place)
      place = next
    }
  }

  /// Forgets what was sent to one server.
  mutating func forgetTransmissions(of exchange: ExchangeID, at server: ServerID) {
    var next = exchanges[exchange].firstTransmission
    var kept = TransmissionID.none
    while next != .none {
      let place = next
      next = transmissions[place].next
      if transmissions[place].socket.server == server {
        if kept == .none {
          exchanges[exchange].firstTransmission = next
        } else {
          transmissions[kept].next = next
        }
        forgetTransmission(place)
      } else {
        kept = place
      }
    }
  }

  private mutating func forgetTransmission(_ place: TransmissionID) {
    let sent = transmissions[place]
    finished.insert(sent.socket, id: sent.id, sent: sent.sent)
    servers[sent.socket.server].inFlight -= 1
    byTransaction.remove(place.slot, in: &transmissions)
    transmissions.remove(place.slot)
  }
}
