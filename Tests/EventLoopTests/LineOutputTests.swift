import EventLoop
import Glibc
import LoopFixtures
import Testing

@Suite("Lines for a reader who may not read")
struct LineOutputTests {
  /// Two ends, closed with the value.
  private final class Ends {
    let reader: Int32
    let writer: Int32

    init(isSocket: Bool) throws {
      var ends: [Int32] = [-1, -1]
      let result =
        unsafe isSocket
        ? socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) : pipe(&ends)
      try #require(result == 0)
      (reader, writer) = (ends[0], ends[1])
      _ = fcntl(reader, F_SETFL, O_NONBLOCK)
    }

    deinit {
      close(reader)
      close(writer)
    }

    /// All that can be read now.
    func read() -> [UInt8] {
      var all: [UInt8] = []
      var part = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = unsafe Glibc.read(reader, &part, part.count)
        guard count > 0 else { return all }
        all += part[..<count]
      }
    }
  }

  private static func line(_ number: Int) -> [UInt8] {
    Array("line \(number) \(String(repeating: "x", count: number % 90))\n".utf8)
  }

  @Test(arguments: [false, true])
  func `a reader that doesn't read holds up nobody, and later gets whole lines in order`(
    isSocket: Bool
  ) throws {
    let loop = try EventLoop()
    let ends = try Ends(isSocket: isSocket)
    let output = LineOutput(descriptor: ends.writer, capacity: 8_192)
    output.dropNotice = { "dropped \($0)\n" }
    output.attach(to: loop)
    var taken: [Int] = []
    var number = 0
    while output.counters.dropped < 100 {
      if output.append(Self.line(number).span) { taken.append(number) }
      output.flush()
      number += 1
      try #require(number < 1_000_000)
    }
    #expect(output.count <= output.capacity && output.count > output.capacity - 200)
    // Our flags are our own: who shares the descriptor still waits as before.
    #expect(fcntl(ends.writer, F_GETFL) & O_NONBLOCK == 0)
    var text: [UInt8] = []
    #expect(
      try loop.turn {
        text += ends.read()
        return output.count == 0
      })
    let last = Self.line(number)
    let isTaken = output.append(last.span)
    #expect(isTaken)
    output.flush()
    text += ends.read()
    let shown = String(decoding: text, as: UTF8.self).split(separator: "\n")
    let numbers = shown.compactMap { line in
      line.hasPrefix("line ") ? Int(line.split(separator: " ")[1]) : nil
    }
    #expect(numbers == taken + [number])
    let told = shown.filter { $0.hasPrefix("dropped ") }.compactMap { Int($0.dropFirst(8)) }
    #expect(told.reduce(0, +) == Int(output.counters.dropped))
    #expect(output.counters.lines == UInt64(taken.count + 1))
  }

  @Test func `a reader that is gone costs what waited, and nothing else`() throws {
    let loop = try EventLoop()
    var ends: [Int32] = [-1, -1]
    try #require(unsafe pipe(&ends) == 0)
    let output = LineOutput(descriptor: ends[1], capacity: 8_192)
    output.attach(to: loop)
    close(ends[0])
    output.append(Self.line(1).span)
    output.flush()
    #expect(output.count == 0 && output.counters.failures == 1)
    close(ends[1])
  }

  @Test func `what waits at the end gets a moment`() throws {
    let ends = try Ends(isSocket: false)
    let output = LineOutput(descriptor: ends.writer, capacity: 1 << 20)
    for number in 0..<2_000 { output.append(Self.line(number).span) }
    let start = EventLoop.now()
    output.drain(atMost: 50)
    #expect(output.count > 0 && EventLoop.now() - start >= 40)
    #expect(!ends.read().isEmpty)
    output.drain(atMost: 1_000)
    #expect(output.count == 0)
  }
}
