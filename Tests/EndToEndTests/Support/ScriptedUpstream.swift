import Foundation
import Synchronization

/// A name server on loopback that does what its script says, lies and silence included.
///
/// It serves UDP and TCP on one port from a thread of its own.
final class ScriptedUpstream: Sendable {
  enum Transport: Sendable {
    case udp
    case tcp
  }

  struct Query: Sendable {
    let bytes: [UInt8]
    let transport: Transport
    /// How many queries came before this one.
    let number: Int
    let time: ContinuousClock.Instant
    /// The TCP connection that it came on, counted from one.
    var connection: Int? = nil
    /// Whether it was sent before the same question's answer was: on a busy machine a question is sent again before
    /// this upstream's thread has had its turn.
    var isCopy = false

    /// The query read by the tests' own reader.
    var message: DNSMessage { (try? DNSMessage(parsing: bytes)) ?? DNSMessage() }
    var name: DNSName { message.question?.name.lowercased ?? "" }
    var type: UInt16 { message.question?.type ?? 0 }
  }

  enum Action: Sendable {
    /// Sends a reply; over TCP with its length in front.
    case reply([UInt8])
    /// Sends a reply later, other queries being answered meanwhile.
    case replyAfter(milliseconds: Int, [UInt8])
    /// Sends a reply from a port that was not asked.
    case fromOtherPort([UInt8])
    /// Has a flood send copies of a reply to who asked, each with something wrong.
    case flood(Flood, [UInt8])
    /// Writes octets as they are to the TCP connection.
    case raw([UInt8])
    /// Writes octets as they are to the TCP connection later.
    case rawAfter(milliseconds: Int, [UInt8])
    /// Closes the TCP connection.
    case close

    static func reply(_ message: DNSMessage) -> Action { .reply(message.encoded()) }
    static func replyAfter(milliseconds: Int, _ message: DNSMessage) -> Action {
      .replyAfter(milliseconds: milliseconds, message.encoded())
    }
  }

  /// No actions: silence.
  typealias Script = @Sendable (Query) -> [Action]

  private struct State {
    var queries: [Query] = []
    var script: Script
    var loop: Loop?
  }

  /// What the thread shares with the test; the thread does not keep the upstream itself alive.
  private final class Shared: Sendable {
    let state: Mutex<State>
    init(_ script: @escaping Script) {
      state = Mutex(State(script: script))
    }

    func record(
      _ bytes: [UInt8], _ transport: Transport, on connection: Int?, isCopy: Bool
    ) -> [Action] {
      // The script runs outside the lock: it may look at the queries.
      let (script, query) = state.withLock { state in
        let query = Query(
          bytes: bytes, transport: transport, number: state.queries.count, time: .now,
          connection: connection, isCopy: isCopy)
        state.queries.append(query)
        return (state.script, query)
      }
      return script(query)
    }
  }

  let endpoint: Endpoint
  private let shared: Shared

  /// Starts at a free port of an address.
  init(address: String = "127.0.0.1", _ script: @escaping Script) throws {
    endpoint = Endpoint(address, try FreePort.next())
    shared = Shared(script)
    try start()
  }

  /// Every query seen so far, in the order of arrival, without copies.
  var queries: [Query] { allQueries.filter { !$0.isCopy } }

  /// The same with copies.
  var allQueries: [Query] { shared.state.withLock { $0.queries } }

  /// The queries for a name in any letter case, without copies.
  func queries(for name: DNSName) -> [Query] { queries.filter { $0.name == name.lowercased } }

  /// Changes what is done from the next query on.
  func setScript(_ script: @escaping Script) { shared.state.withLock { $0.script = script } }

  /// Closes the port: the next datagram to it is refused by ICMP, the next connection by a reset.
  func stop() {
    let loop = shared.state.withLock { state in
      defer { state.loop = nil }
      return state.loop
    }
    loop?.stop()
  }

  /// Opens the same port again.
  func start() throws {
    let loop = try Loop(
      datagrams: .bound(.datagram, to: endpoint), listener: .bound(.stream, to: endpoint))
    shared.state.withLock { $0.loop = loop }
    loop.start { [shared] in shared.record($0, $1, on: $2, isCopy: $3) }
  }

  deinit { stop() }

  /// The sockets and the thread of one opening of the port.
  private final class Loop: @unchecked Sendable {
    private let datagrams: Socket
    private let listener: Socket
    private let other: Socket
    private let wakeReader: Int32
    private let wakeWriter: Int32
    private let finished = DispatchSemaphore(value: 0)

    private final class Connection {
      let socket: Socket
      var received: [UInt8] = []
      let number: Int
      var isOpen = true
      init(_ socket: Socket, number: Int) {
        self.socket = socket
        self.number = number
      }
    }

    private enum Client {
      case datagram(Endpoint)
      case stream(Connection)
    }

    private typealias Handler = ([UInt8], Transport, Int?, Bool) -> [Action]

    private struct Delayed {
      let due: ContinuousClock.Instant
      let bytes: [UInt8]
      let client: Client
      /// Whether the length is left out.
      let isRaw: Bool
      /// The question that it answers.
      let question: [UInt8]?
    }

    private var connections: [Connection] = []
    private var accepted = 0
    private var delayed: [Delayed] = []
    /// When answers of this turn and the one before left, by the system's clock; what had come by then is read by
    /// the end of the next one.
    private var answered: (before: [[UInt8]: Int64], now: [[UInt8]: Int64]) = ([:], [:])

    init(datagrams: Socket, listener: Socket) throws {
      self.datagrams = datagrams
      self.listener = listener
      other = try .bound(.datagram, to: Endpoint(datagrams.localEndpoint.address, 0))
      try datagrams.set(SOL_SOCKET, SO_RCVBUF, 4 << 20)
      _ = datagrams.lastArrival
      var pipes: [Int32] = [0, 0]
      guard unsafe pipe(&pipes) == 0 else { throw SystemError("pipe") }
      for pipe in pipes { _ = fcntl(pipe, F_SETFD, FD_CLOEXEC) }
      wakeReader = pipes[0]
      wakeWriter = pipes[1]
    }

    deinit {
      close(wakeReader)
      close(wakeWriter)
    }

    func start(_ handle: @escaping @Sendable ([UInt8], Transport, Int?, Bool) -> [Action]) {
      let thread = Thread { [self] in
        while turn(handle) {}
        for socket in [datagrams, listener, other] + connections.map(\.socket) { socket.close() }
        finished.signal()
      }
      thread.stackSize = 1 << 20
      thread.start()
    }

    func stop() {
      unsafe _ = write(wakeWriter, [1], 1)
      finished.wait()
    }

    /// Waits for something and does it; `false` when it is time to stop.
    private func turn(_ handle: Handler) -> Bool {
      connections.removeAll { !$0.isOpen }
      let descriptors =
        [wakeReader, datagrams.descriptor, listener.descriptor]
        + connections.map(\.socket.descriptor)
      var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      let wait = delayed.map(\.due).min().map { Deadline(after: $0 - .now).milliseconds } ?? -1
      unsafe _ = poll(&entries, nfds_t(entries.count), wait)

      if entries[0].revents != 0 { return false }
      answered = (answered.now, [:])
      var open = Set(delayed.compactMap(\.question))
      sendDelayed()
      // All that has come, before any of it is answered.
      var arrived: [(bytes: [UInt8], sender: Endpoint, time: Int64)] = []
      while entries[1].revents != 0, datagrams.isReadable(before: Deadline(after: .zero)),
        let one = try? datagrams.receiveFrom()
      {
        arrived.append((one.bytes, one.sender, datagrams.lastArrival))
      }
      for (bytes, sender, time) in arrived {
        let question = Self.question(bytes)
        let isCopy = !open.insert(question).inserted || time < leftAt(question)
        perform(handle(bytes, .udp, nil, isCopy), for: .datagram(sender), question)
      }
      let connectionsBefore = connections
      if entries[2].revents != 0, let accepted = try? listener.accept() {
        self.accepted += 1
        connections.append(Connection(accepted, number: self.accepted))
      }
      for (connection, entry) in zip(connectionsBefore, entries.dropFirst(3))
      where entry.revents != 0 {
        read(connection, handle)
      }
      return true
    }

    private func read(_ connection: Connection, _ handle: Handler) {
      guard let bytes = try? connection.socket.receive(), !bytes.isEmpty else {
        connection.isOpen = false
        return
      }
      connection.received += bytes
      while connection.isOpen, connection.received.count >= 2 {
        let length = Int(connection.received[0]) << 8 | Int(connection.received[1])
        guard connection.received.count >= 2 + length else { return }
        let query = Array(connection.received[2..<2 + length])
        connection.received.removeFirst(2 + length)
        perform(handle(query, .tcp, connection.number, false), for: .stream(connection), nil)
      }
    }

    /// Name, type and class, in lower case.
    private static func question(_ query: [UInt8]) -> [UInt8] {
      let end = query.dropFirst(12).firstIndex(of: 0) ?? query.endIndex
      return query[min(12, query.count)..<min(end + 5, query.count)].map {
        (0x41...0x5A).contains($0) ? $0 | 0x20 : $0
      }
    }

    private func perform(_ actions: [Action], for client: Client, _ question: [UInt8]?) {
      for action in actions {
        switch (action, client) {
        case (.reply(let bytes), _):
          noteAnswer(question)
          send(bytes, to: client)
        case (.replyAfter(let milliseconds, let bytes), _):
          delay(milliseconds, bytes, client, isRaw: false, question)
        case (.rawAfter(let milliseconds, let bytes), .stream):
          delay(milliseconds, bytes, client, isRaw: true, nil)
        case (.fromOtherPort(let bytes), .datagram(let sender)):
          other.send(bytes, to: sender)
        case (.flood(let flood, let bytes), .datagram(let sender)):
          if let aim = try? Flood.Aim(bytes, at: sender, from: datagrams, orFrom: other) {
            flood.aim(aim)
          }
        case (.raw(let bytes), .stream(let connection)):
          connection.socket.send(bytes)
        case (.close, .stream(let connection)):
          shutdown(connection.socket.descriptor, Int32(SHUT_RDWR))
          connection.isOpen = false
        case (.fromOtherPort, .stream), (.flood, .stream), (.raw, .datagram),
          (.rawAfter, .datagram), (.close, .datagram):
          break
        }
      }
    }

    private func delay(
      _ milliseconds: Int, _ bytes: [UInt8], _ client: Client, isRaw: Bool, _ question: [UInt8]?
    ) {
      delayed.append(
        Delayed(
          due: .now + .milliseconds(milliseconds), bytes: bytes, client: client, isRaw: isRaw,
          question: question))
    }

    private func noteAnswer(_ question: [UInt8]?) {
      guard let question else { return }
      var time = timespec()
      unsafe clock_gettime(CLOCK_REALTIME, &time)
      answered.now[question] = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    private func leftAt(_ question: [UInt8]) -> Int64 {
      answered.now[question] ?? answered.before[question] ?? .min
    }

    private func send(_ bytes: [UInt8], to client: Client, isRaw: Bool = false) {
      switch client {
      case .datagram(let sender): datagrams.send(bytes, to: sender)
      case .stream(let connection) where connection.isOpen:
        connection.socket.send(isRaw ? bytes : StreamClient.framed(bytes))
      case .stream: break
      }
    }

    private func sendDelayed() {
      let now = ContinuousClock.now
      // In their order, also when several are due by now.
      let due = delayed.filter { $0.due <= now }.sorted { $0.due < $1.due }
      delayed.removeAll { $0.due <= now }
      for reply in due {
        noteAnswer(reply.question)
        send(reply.bytes, to: reply.client, isRaw: reply.isRaw)
      }
    }
  }
}
