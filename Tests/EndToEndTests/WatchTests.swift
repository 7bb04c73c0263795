import Foundation
import Testing

extension EndToEnd {
  @Suite("A live view")
  struct WatchTests {
    let nsd: NSD
    let server: ServerProcess
    let folder: TemporaryFolder

    init() throws {
      nsd = try NSD()
      server = try ServerProcess(upstreams: [nsd.endpoint])
      folder = try TemporaryFolder()
    }

    private func watch(
      on terminal: PseudoTerminal, locale: String = "C.UTF-8"
    ) throws -> ChildProcess {
      try terminal.start(
        ServerProcess.binary, ["ctl", "--control", server.control, "watch"],
        environment: ["LC_ALL": locale], errors: folder.file("errors"))
    }

    private func isWhole(_ screen: [String], columns: Int, rows: Int) -> Bool {
      let text = screen.joined(separator: "\n")
      return screen.count <= rows && screen.allSatisfy { $0.count <= columns }
        && [
          "queries", "hits", "failures", "latency", "misses", "memory", "256 MiB", "in flight",
          "upstream",
        ]
        .allSatisfy { text.contains($0) }
        && text.contains(/127\.0\.0\.1:\d+ +up/)
    }

    @Test func `it shows what happens on 80 columns, and on 40 when the window shrinks`() throws {
      let terminal = try PseudoTerminal(columns: 80, rows: 24)
      let process = try watch(on: terminal)
      // Rates need a second look.
      let isLive = try eventually(within: .seconds(30), every: .milliseconds(50)) {
        _ = try server.ask("www.example.net")
        return terminal.screen().contains { $0.contains(/queries +[1-9][0-9,]*\/s +hits [1-9]/) }
      }
      let wide = terminal.screen()
      #expect(isLive, "\(wide)")
      #expect(isWhole(wide, columns: 80, rows: 24), "\(wide)")
      #expect(wide.contains { $0.count > 60 }, "the width is made use of")

      terminal.resize(columns: 40, rows: 24)
      let isNarrow = eventually {
        isWhole(terminal.screen(), columns: 40, rows: 24)
      }
      #expect(isNarrow, "\(terminal.screen())")
      terminal.resize(columns: 80, rows: 5)
      #expect(eventually { terminal.screen().count == 5 })
      terminal.resize(columns: 80, rows: 24)
      #expect(eventually { isWhole(terminal.screen(), columns: 80, rows: 24) })

      // ^C: what was on the screen before comes back, and the cursor.
      terminal.type([3])
      #expect(process.wait() == .exited(0))
      terminal.read()
      #expect(terminal.text.hasPrefix("\u{1B}[?1049h\u{1B}[?25l"))
      // Between the two the terminal has echoed nothing but the ^C itself.
      #expect(terminal.text.hasSuffix("\u{1B}[?25h\u{1B}[?1049l"))
      #expect(Tool.text(of: folder.file("errors")).isEmpty)
    }

    @Test func `latencies and the past are shown after ten seconds`() throws {
      let terminal = try PseudoTerminal(columns: 80, rows: 24)
      let process = try watch(on: terminal)
      let isKnown = try eventually(within: .seconds(40), every: .milliseconds(100)) {
        _ = try server.ask("www.example.net")
        let screen = terminal.screen()
        return screen.contains { $0.contains(/hits p50 [0-9.,]+ [µm]?s, p99 [0-9.,]+ [µm]?s/) }
          && screen.contains { $0.contains("█") }
          && screen.contains { $0.contains(/the last [1-4]0s/) }
      }
      #expect(isKnown, "\(terminal.screen())")
      #expect(process.stop() == .exited(0))
      terminal.read()
      #expect(terminal.text.hasSuffix("\u{1B}[?25h\u{1B}[?1049l"))
    }

    @Test func `a server that goes is said to be gone, and seen again when it is back`() throws {
      let terminal = try PseudoTerminal(columns: 60, rows: 30)
      let process = try watch(on: terminal, locale: "C")
      #expect(eventually { isWhole(terminal.screen(), columns: 60, rows: 30) })
      #expect(server.terminate() == .exited(0))
      #expect(eventually { terminal.screen().contains { $0.hasPrefix("no server listens") } })
      #expect(process.isRunning)
      try server.start()
      #expect(eventually { !terminal.screen().contains { $0.hasPrefix("no server listens") } })
      // Where the locale has no more, there is no more than ASCII.
      #expect(terminal.output.allSatisfy { $0 < 0x80 })
      terminal.type([3])
      #expect(process.wait() == .exited(0))
    }

    @Test func `where there is no terminal it is a line a second`() throws {
      for (flags, mark) in [([], "queries_per_second="), (["--json"], "\"queries_per_second\":")] {
        let output = folder.file("lines-\(flags.count)")
        let process = try ChildProcess(
          ServerProcess.binary, ["ctl", "--control", server.control, "watch"] + flags,
          output: output, errors: folder.file("errors"))
        func lines() -> [Substring] { Tool.text(of: output).split(separator: "\n") }
        #expect(eventually { lines().count >= 2 })
        #expect(process.stop() == .exited(0))
        for line in lines() {
          #expect(line.contains(mark), "\(line)")
          #expect(!line.contains("\u{1B}"))
          if !flags.isEmpty {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(object?["upstreams_up"] as? Int == 1)
            #expect(object?["limit_bytes"] as? Int == 256 << 20)
          }
        }
        #expect(Tool.text(of: folder.file("errors")).isEmpty)
      }
    }

    @Test func `it ends when nobody reads, and says so when there is no server`() throws {
      let result = try Tool.run(
        "/bin/sh",
        [
          "-c", "\"$0\" ctl --control \"$1\" watch | head -n 1", ServerProcess.binary,
          server.control,
        ])
      #expect(result.status == 0)
      #expect(result.output.split(separator: "\n").count == 1)
      let absent = try Tool.run(
        ServerProcess.binary, ["ctl", "--control", folder.file("nothing.sock"), "watch"])
      #expect(absent.status == 69)
      #expect(absent.errors.contains("no server listens"))
    }
  }
}
