import DNSWire
import Memory

// Finding exchanges by question and transmissions by transaction, and what their owner may know of them.

extension Exchanges {
  // MARK: Exchanges

  /// How many there are, those among them that have ended and not been removed.
  public var count: Int { exchanges.count }

  /// Every number is below.
  public var end: Int { exchanges.end }

  /// Whether there is an exchange with a number.
  public func contains(_ index: Int) -> Bool { exchanges.contains(index) }

  /// Names an exchange also when another may have its number.
  public mutating func handle(_ index: Int) -> ExchangeHandle {
    ExchangeHandle(UInt32(index), exchanges[index].generation)
  }

  /// The exchange that a handle names, if it is still there.
  public func index(_ handle: ExchangeHandle) -> Int? {
    let index = Int(handle.index)
    guard exchanges.contains(index), exchanges[index].generation == handle.generation else {
      return nil
    }
    return index
  }

  // Some of what follows is mutating though it changes nothing: a call that only borrows, beside a change, would get a
  // copy of the whole.

  /// The exchange for a question: there is one at most.
  @inline(__always)
  public func match(
    _ key: borrowing NameKey, _ type: RecordType, _ needs: QueryFlags
  ) -> Int? {
    var index = byQuestion.first(Exchange.hash(key.hash, type, needs))
    while index != Exchanges.nobody {
      let place = Int(index)
      if exchanges[place].nameHash == key.hash && exchanges[place].type == type
        && exchanges[place].needs == needs && isName(of: place, key)
      {
        return place
      }
      index = exchanges[place].chain
    }
    return nil
  }

  /// Whether an exchange asks for a name.
  public func isName(of index: Int, _ key: borrowing NameKey) -> Bool {
    key.matches(name(of: index))
  }

  /// The name that is asked for, in lower case.
  @_lifetime(borrow self)
  public func name(of index: Int) -> Span<UInt8> {
    names.octets(in: index, count: Int(exchanges[index].nameCount))
  }

  /// The hash of that name.
  public func nameHash(of index: Int) -> UInt32 { exchanges[index].nameHash }

  /// Fills a key with that name.
  public mutating func loadName(of index: Int, into key: inout NameKey) {
    key.load(name(of: index), withHash: exchanges[index].nameHash)
  }

  /// The type that is asked for.
  public func type(of index: Int) -> RecordType { exchanges[index].type }

  /// DO and CD.
  public func flags(of index: Int) -> QueryFlags { exchanges[index].needs }

  /// When it was first asked.
  public func started(_ index: Int) -> UInt64 { exchanges[index].started }

  /// Says that the servers that it may be sent to have another number now.
  public mutating func setGroup(_ group: ServerGroupID, of index: Int) {
    exchanges[index].group = group
  }

  /// The server asked last.
  public func server(of index: Int) -> ServerID { exchanges[index].server }

  /// Where that is.
  public func address(of index: Int) -> ServerAddress { servers[exchanges[index].server].address }

  /// Whether it is not being asked any more.
  public mutating func isEnded(_ index: Int) -> Bool { exchanges[index].phase.isEnded }

  /// Whether it is being asked over TCP.
  public func isStreaming(_ index: Int) -> Bool { exchanges[index].phase.isTCP }

  /// Whether it was sent although all servers were given up.
  public func isTrial(_ index: Int) -> Bool { exchanges[index].isTrial }

  /// What was in the way last.
  public func cause(of index: Int) -> Failure.Cause { exchanges[index].cause }

  /// The same, for people.
  public func trouble(of index: Int) -> Trouble { exchanges[index].trouble }

  /// What a server said of its error: options for an OPT record.
  @_lifetime(borrow self)
  public func errors(of index: Int) -> Span<UInt8> {
    upstreamErrors.octets(in: index, count: Int(exchanges[index].errorsCount))
  }

  /// Packets sent so far over UDP, since it began or began anew.
  public func attempts(of index: Int) -> Int { Int(exchanges[index].attemptCount) }

  /// Packets sent in all, over UDP and TCP.
  public mutating func packets(of index: Int) -> UInt8 { exchanges[index].packets }

  // MARK: Transmissions

  func findTransmission(socket: SocketID, id: UInt16) -> Int? {
    var place = byTransaction.first(Transmission.hash(socket, id))
    while place != Exchanges.nobody {
      let found = Int(place)
      if transmissions[found].id == id && transmissions[found].socket == socket { return found }
      place = transmissions[found].chain
    }
    return nil
  }

  /// Forgets what was sent for a question; replies to it are nobody's from now on.
  mutating func forgetTransmissions(of index: Int) {
    var place = exchanges[index].firstTransmission
    exchanges[index].firstTransmission = Exchanges.nobody
    while place != Exchanges.nobody {
      let next = transmissions[Int(place)].next
      forgetTransmission(Int(place))
      place = next
    }
  }

  /// Forgets what was sent to one server.
  mutating func forgetTransmissions(of index: Int, at server: ServerID) {
    var next = exchanges[index].firstTransmission
    var kept = Exchanges.nobody
    while next != Exchanges.nobody {
      let place = Int(next)
      next = transmissions[place].next
      if transmissions[place].socket.server == server {
        if kept == Exchanges.nobody {
          exchanges[index].firstTransmission = next
        } else {
          transmissions[Int(kept)].next = next
        }
        forgetTransmission(place)
      } else {
        kept = UInt32(place)
      }
    }
  }

  private mutating func forgetTransmission(_ place: Int) {
    let sent = transmissions[place]
    finished.insert(sent.socket, id: sent.id, sent: sent.sent)
    servers[sent.socket.server].inFlight -= 1
    byTransaction.remove(place, in: &transmissions)
    transmissions.remove(place)
  }
}
