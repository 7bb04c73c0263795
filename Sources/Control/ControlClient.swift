import EventLoop
import HTTP
import System

/// Asks a running server over its control socket and prints what it says.
package struct ControlClient {
  /// The socket that is used.
  let path: String
  private let address: ControlAddress
  /// Seconds without a word from the server after which it is given up.
  private let timeout: Int

  package static let usualTimeout = 60

  /// Milliseconds between two looks at whether the server is gone.
  private static let pause = 20

  package init(_ address: ControlAddress, timeout: Int = ControlClient.usualTimeout) {
    self.address = address
    self.timeout = timeout
    path = address.choose()
  }

  /// Sends a verb and prints the answer as it comes: to standard output, or what is wrong to standard
  /// error.
  ///
  /// - Parameter progress: is told what comes.
  package func perform(
    _ verb: ControlVerb, _ parameters: ControlParameters = [:], as form: ControlForm,
    progress: DumpProgress? = nil
  ) throws {
    var progress = progress
    defer { progress?.end() }
    try request(verb, parameters, form) {
      Process.writeOutput($0)
      progress?.note($0)
    }
  }

  /// Sends a verb and returns the answer.
  package func answer(
    _ verb: ControlVerb, _ parameters: ControlParameters = [:], as form: ControlForm
  ) throws -> String {
    var answer: [UInt8] = []
    try request(verb, parameters, form) { answer += $0 }
    return String(decoding: answer, as: UTF8.self)
  }

  private func request(
    _ verb: ControlVerb, _ parameters: ControlParameters, _ form: ControlForm,
    _ take: ([UInt8]) -> Void
  ) throws {
    let target = verb.target(parameters.values + form.values)
    var holder: SocketHolder?
    do {
      let connection = try UnixClient(path: path, timeout: timeout)
      holder = connection.holder
      // HTTP/1.0: the answer ends where the connection does, without chunks.
      try connection.write(
        "\(verb.method == .get ? "GET" : "POST") \(target) HTTP/1.0\r\nHost: localhost\r\n"
          + "Content-Length: 0\r\n\r\n")
      try readAnswer(of: connection, take)
    } catch let error as SystemError {
      throw StartupError(.unavailable, sentence(error, holder))
    }
  }

  /// What is wrong, and what to do.
  private func sentence(_ error: SystemError, _ holder: SocketHolder?) -> String {
    guard let holder else {
      if error.isNobodyThere { return address.nobodyThere }
      if error.isForbidden { return ControlAddress.forbidden(path) }
      return "cannot talk to the server on \(path): \(error)"
    }
    return error.isTimeout
      ? "\(holder) has \(path), and does not answer within \(timeout) s"
      : "cannot talk to \(holder) on \(path): \(error)"
  }

  /// Waits until the server is gone, its cache saved.
  package func waitForEnd() throws {
    for _ in 0..<(timeout * 1_000 / ControlClient.pause) {
      do {
        _ = try UnixClient(path: path, timeout: 1)
      } catch  where error.isNobodyThere {
        return
      } catch {
        // Busy: nobody takes connections while it saves.
      }
      Process.sleep(milliseconds: UInt32(ControlClient.pause))
    }
    throw StartupError(.unavailable, "the server is still busy; look at its log")
  }

  private func readAnswer(of connection: UnixClient, _ take: ([UInt8]) -> Void) throws {
    var head: [UInt8] = []
    var body: ArraySlice<UInt8> = []
    while body.isEmpty {
      let octets = try connection.read()
      head += octets
      if let end = ControlClient.endOfHead(head) {
        body = head[end...]
        head = Array(head[..<end])
        break
      }
      guard !octets.isEmpty, head.count < 65_536 else {
        let holder = connection.holder.map { "\($0) has \(path), and" } ?? path
        throw StartupError(.unavailable, "\(holder) does not answer as a dns-cache-server does")
      }
    }
    let words = String(decoding: head, as: UTF8.self).split(separator: " ", maxSplits: 2)
    let isFine = words.count > 1 && words[1] == "200"
    if isFine {
      take(Array(body))
      while true {
        let octets = try connection.read()
        if octets.isEmpty { return }
        take(octets)
      }
    }
    var text = Array(body)
    while true {
      let octets = try connection.read()
      if octets.isEmpty { break }
      text += octets
    }
    let status: ExitStatus = words.count > 1 && words[1].hasPrefix("4") ? .usage : .unavailable
    var sentence = String(decoding: text, as: UTF8.self)
    while sentence.last?.isNewline == true { sentence.removeLast() }
    throw StartupError(status, sentence)
  }

  /// The offset behind the empty line that ends an HTTP head.
  private static func endOfHead(_ octets: [UInt8]) -> Int? {
    guard octets.count >= 4 else { return nil }
    for index in 0...(octets.count - 4)
    where octets[index] == 13 && octets[index + 1] == 10 && octets[index + 2] == 13
      && octets[index + 3] == 10
    {
      return index + 4
    }
    return nil
  }
}
