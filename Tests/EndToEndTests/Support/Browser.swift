import Foundation

/// Chromium without a window, driven over its DevTools protocol through two pipes.
final class Browser {
  /// What went wrong on the page: exceptions, errors and warnings of the console, refused requests.
  private(set) var complaints: [String] = []

  /// Forgets the complaints about answers that wanted the token.
  func forgetRefusals() { complaints.removeAll { $0.contains("401") } }

  private let folder: TemporaryFolder
  private let process: ChildProcess
  private let toBrowser: Int32
  private let fromBrowser: Int32
  private var received: [UInt8] = []
  private var lastID = 0
  private var session: String?

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Starts it with a profile of its own and an empty page of a size.
  init(width: Int = 1_280, height: Int = 1_400, isDark: Bool = false) throws {
    folder = try TemporaryFolder()
    let (commands, answers) = (try Self.pipe(), try Self.pipe())
    toBrowser = commands.write
    fromBrowser = answers.read
    // Its children inherit no more than that, so that their ends close with it.
    process = try ChildProcess(
      Tool.path("chromium"),
      [
        "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
        "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
        "--disable-background-networking", "--disable-component-update",
        "--user-data-dir=\(folder.file("profile"))", "about:blank",
      ], environment: ["HOME": folder.path], errors: folder.file("errors"),
      descriptors: [3: commands.read, 4: answers.write])
    close(commands.read)
    close(answers.write)
    let target = try command("Target.createTarget", ["url": "about:blank"])
    let attached = try command(
      "Target.attachToTarget", ["targetId": target["targetId"] as Any, "flatten": true])
    session = attached["sessionId"] as? String
    for domain in ["Page", "Runtime", "Log", "Network"] { try command("\(domain).enable") }
    try command(
      "Emulation.setDeviceMetricsOverride",
      ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": false])
    try command(
      "Emulation.setEmulatedMedia",
      ["features": [["name": "prefers-color-scheme", "value": isDark ? "dark" : "light"]]])
  }

  deinit {
    process.stop(atMost: .seconds(5))
    close(toBrowser)
    close(fromBrowser)
  }

  /// Opens a page.
  func open(_ address: String) throws {
    let result = try command("Page.navigate", ["url": address])
    if let error = result["errorText"] { throw Failure(description: "\(address): \(error)") }
  }

  /// The value of an expression of JavaScript; of a promise, when it is kept.
  func value(of expression: String) throws -> Any? {
    let answer = try command(
      "Runtime.evaluate",
      ["expression": expression, "awaitPromise": true, "returnByValue": true])
    if let details = answer["exceptionDetails"] {
      throw Failure(description: "\(expression): \(details)")
    }
    return (answer["result"] as? [String: Any])?["value"]
  }

  /// The text that is seen of the first element that a selector finds; empty when there is none.
  func text(of selector: String) throws -> String {
    try value(of: "document.querySelector(\(Self.quoted(selector)))?.innerText ?? ''") as? String
      ?? ""
  }

  /// Whether an expression comes to be true.
  func waits(
    for expression: String, within duration: Duration = .seconds(30)
  ) throws -> Bool {
    try eventually(within: duration, every: .milliseconds(50)) {
      try value(of: "Boolean(\(expression))") as? Bool == true
    }
  }

  /// Writes a text into a field as a person would, and ends it with the enter key.
  func type(_ text: String, into selector: String) throws {
    _ = try value(of: "document.querySelector(\(Self.quoted(selector))).select()")
    try command("Input.insertText", ["text": text])
    try press("Enter", code: 13, text: "\r")
  }

  /// Presses a key.
  func press(_ key: String, code: Int, text: String? = nil) throws {
    var event: [String: Any] = [
      "type": text == nil ? "rawKeyDown" : "keyDown", "key": key, "code": key,
      "windowsVirtualKeyCode": code,
    ]
    if let text { event["text"] = text }
    try command("Input.dispatchKeyEvent", event)
    event["type"] = "keyUp"
    event["text"] = nil
    try command("Input.dispatchKeyEvent", event)
  }

  /// Clicks the first element that a selector finds.
  func click(_ selector: String) throws {
    _ = try value(of: "document.querySelector(\(Self.quoted(selector))).click()")
  }

  /// A picture of the whole page, as PNG.
  func screenshot() throws -> Data {
    let height = try value(of: "document.documentElement.scrollHeight") as? Int ?? 1_000
    let width = try value(of: "innerWidth") as? Int ?? 1_000
    let answer = try command(
      "Page.captureScreenshot",
      [
        "format": "png", "captureBeyondViewport": true,
        "clip": ["x": 0, "y": 0, "width": width, "height": height, "scale": 1],
      ])
    guard let text = answer["data"] as? String, let data = Data(base64Encoded: text) else {
      throw Failure(description: "no picture")
    }
    return data
  }

  // MARK: The protocol: JSON, each message ended by a zero

  private static func pipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard unsafe Foundation.pipe(&ends) == 0 else { throw SystemError("pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  private static func quoted(_ text: String) -> String {
    let escaped = text.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
    return "'\(escaped)'"
  }

  @discardableResult private func command(
    _ method: String, _ parameters: [String: Any] = [:]
  ) throws -> [String: Any] {
    lastID += 1
    var message: [String: Any] = ["id": lastID, "method": method, "params": parameters]
    if let session { message["sessionId"] = session }
    let octets = Array(try JSONSerialization.data(withJSONObject: message)) + [0]
    var rest = octets[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe write(toBrowser, $0.baseAddress, $0.count) }
      guard count > 0 else { throw Failure(description: "chromium is gone: \(log)") }
      rest = rest.dropFirst(count)
    }
    let deadline = Deadline(after: .seconds(30))
    while let answer = try next(before: deadline) {
      guard answer["id"] as? Int == lastID else {
        note(answer)
        continue
      }
      if let error = answer["error"] { throw Failure(description: "\(method): \(error)") }
      return answer["result"] as? [String: Any] ?? [:]
    }
    throw Failure(description: "\(method): no answer. \(log)")
  }

  private var log: String { Tool.text(of: folder.file("errors")) }

  private func next(before deadline: Deadline) throws -> [String: Any]? {
    while true {
      if let end = received.firstIndex(of: 0) {
        let message = Data(received[..<end])
        received.removeFirst(end + 1)
        return try JSONSerialization.jsonObject(with: message) as? [String: Any]
      }
      var entry = pollfd(fd: fromBrowser, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&entry, 1, deadline.milliseconds) > 0 else { return nil }
      var piece = [UInt8](repeating: 0, count: 65_536)
      let count = unsafe read(fromBrowser, &piece, piece.count)
      guard count > 0 else { throw Failure(description: "chromium is gone: \(log)") }
      received += piece[..<count]
    }
  }

  /// Keeps what an event complains of.
  private func note(_ event: [String: Any]) {
    let parameters = event["params"] as? [String: Any] ?? [:]
    switch event["method"] as? String {
    case "Runtime.exceptionThrown": complaints.append("exception: \(parameters)")
    case "Runtime.consoleAPICalled":
      guard let kind = parameters["type"] as? String, ["error", "warning", "assert"].contains(kind)
      else { return }
      complaints.append("console.\(kind): \(parameters["args"] ?? "")")
    case "Log.entryAdded":
      guard let entry = parameters["entry"] as? [String: Any],
        ["error", "warning"].contains(entry["level"] as? String)
      else { return }
      complaints.append("log: \(entry["text"] ?? "") \(entry["url"] ?? "")")
    case "Network.requestWillBeSent":
      requests.append(
        (parameters["request"] as? [String: Any])?["url"] as? String ?? "")
    default: break
    }
  }

  /// The addresses of all that the pages asked for.
  private(set) var requests: [String] = []
}
