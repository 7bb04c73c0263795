import Foundation
import Testing

extension EndToEnd {
  @Suite("A machine whose clock is set after the start")
  struct ClockTests {
    @Test(arguments: [true, false])
    func `what the snapshot brought is as old as the clock says at last`(isTold: Bool) throws {
      let folder = try TemporaryFolder()
      let nsd = try NSD()
      try {
        let server = try ServerProcess(upstreams: [nsd.endpoint], folder: folder)
        #expect(try server.ask("www.example.net")?.answers.first?.ttl == 3_600)
        #expect(server.terminate() == .exited(0))
      }()
      // As a board that starts with the time of an hour before.
      let offset = folder.file("offset")
      try "-3000".write(toFile: offset, atomically: false, encoding: .utf8)
      let news = folder.file("news")
      #expect(unsafe mkfifo(news, 0o600) == 0)
      let server = try ServerProcess(
        upstreams: [nsd.endpoint], folder: folder,
        launch: .movableClock(offset: offset, news: isTold ? news : "/nonexistent", in: folder))
      #expect(eventually { server.log.contains("snapshot read") })
      let early = try #require(try server.ask("www.example.net")?.answers.first?.ttl)
      #expect(early > 3_500)
      // What comes now is not the snapshot's, and keeps its time.
      #expect(try server.ask("web.example.net")?.answers.isEmpty == false)
      // Half an hour later than when it stopped.
      try "1800".write(toFile: offset, atomically: false, encoding: .utf8)
      if isTold {
        // For reading, too: that doesn't wait for the server to open it.
        let pipe = try #require(FileHandle(forUpdatingAtPath: news))
        try pipe.write(contentsOf: Data(repeating: 1, count: 8))
      } else {
        // Where the kernel doesn't tell, the next save finds out.
        #expect(try server.ctl("cache", "save").status == 0)
      }
      #expect(eventually { server.log.contains("the clock was set") })
      #expect(
        try eventually {
          let ttl = try server.ask("www.example.net")?.answers.first?.ttl ?? 0
          return (1_700...1_800).contains(ttl)
        })
      // In the next snapshot as well.
      #expect(server.terminate() == .exited(0))
      let restarted = try ServerProcess(
        upstreams: [nsd.endpoint], folder: folder,
        launch: .movableClock(offset: offset, news: "/nonexistent", in: folder))
      #expect(eventually { restarted.log.contains("snapshot read") })
      let late = try #require(try restarted.ask("www.example.net")?.answers.first?.ttl)
      #expect((1_600...1_800).contains(late))
    }
  }
}
