import Glibc
import Testing

@testable import EventLoop

@Suite("Changes of the network (rtnetlink(7))")
struct NetworkChangesTests {
  private let ear = Ear()

  /// Listens; a class, so that a test can ask it within an expectation.
  private final class Ear {
    private var changes = NetworkChanges()

    var rememberedCount: Int { changes.rememberedCount }

    /// Whether there is news in messages.
    func hearsNews(_ octets: [UInt8]) -> Bool { changes.read(octets.span) }
  }

  private func octets(_ value: UInt16) -> [UInt8] {
    [UInt8(truncatingIfNeeded: value), UInt8(value >> 8)]
  }

  private func octets(_ value: UInt32) -> [UInt8] {
    octets(UInt16(truncatingIfNeeded: value)) + octets(UInt16(value >> 16))
  }

  /// A message as the kernel of a little-endian machine sends it: length, type, flags, sequence, sender.
  private func message(_ type: UInt16, _ body: [UInt8]) -> [UInt8] {
    octets(UInt32(16 + body.count)) + octets(type) + [UInt8](repeating: 0, count: 10) + body
  }

  /// RTM_NEWLINK or RTM_DELLINK.
  private func link(_ type: UInt16 = 16, index: UInt32 = 2, flags: UInt32) -> [UInt8] {
    message(type, [0, 0] + octets(UInt16(1)) + octets(index) + octets(flags) + [0, 0, 0, 0])
  }

  /// RTM_NEWADDR or RTM_DELADDR of 2001:db8::last/64.
  private func address(_ type: UInt16 = 20, last: UInt8, flags: UInt8 = 0x80, lifetime: UInt32 = 60)
    -> [UInt8]
  {
    let address: [UInt8] = [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [last]
    return message(
      type,
      [10, 64, flags, 0] + octets(UInt32(2)) + octets(UInt16(20)) + octets(UInt16(1)) + address
        // IFA_CACHEINFO, the lifetimes.
        + octets(UInt16(20)) + octets(UInt16(6)) + octets(lifetime)
        + [UInt8](repeating: 0, count: 12))
  }

  /// RTM_NEWROUTE of a kind.
  private func route(kind: UInt8, flags: UInt32 = 0) -> [UInt8] {
    message(24, [2, 0, 0, 0, 254, 3, 0, kind] + octets(flags))
  }

  @Test func `a link is news when it goes up or down, not when it says so again`() {
    // IFF_UP is 1, IFF_RUNNING 64, IFF_PROMISC 256.
    #expect(ear.hearsNews(link(flags: 65)))
    #expect(!ear.hearsNews(link(flags: 65)))
    #expect(!ear.hearsNews(link(flags: 65 | 256)))
    #expect(ear.hearsNews(link(flags: 1)))
    #expect(ear.hearsNews(link(flags: 65)))
    #expect(ear.hearsNews(link(17, flags: 0)))
    #expect(ear.hearsNews(link(flags: 65)))
  }

  @Test func `an address is news, a renewal of its lifetime is none`() {
    #expect(ear.hearsNews(address(last: 1)))
    #expect(!ear.hearsNews(address(last: 1, lifetime: 86_400)))
    #expect(ear.hearsNews(address(last: 2)))
    #expect(ear.hearsNews(address(21, last: 1)))
    #expect(ear.hearsNews(address(last: 1)))
  }

  @Test func `an address that has passed its test is news`() {
    // IFA_F_TENTATIVE is 64.
    #expect(ear.hearsNews(address(last: 1, flags: 0x80 | 0x40)))
    #expect(ear.hearsNews(address(last: 1)))
  }

  @Test func `routes are news unless they are local or cached ones`() {
    #expect(ear.hearsNews(route(kind: 1)))
    #expect(!ear.hearsNews(route(kind: 2)))
    #expect(!ear.hearsNews(route(kind: 1, flags: 0x200)))
  }

  @Test func `each message of a datagram counts`() {
    _ = ear.hearsNews(address(last: 1))
    #expect(!ear.hearsNews((address(last: 1) + route(kind: 2))))
    #expect(ear.hearsNews((address(last: 1) + address(last: 2))))
  }

  @Test func `messages that are cut or make no sense are no news, and no trouble`() {
    let whole = address(last: 1) + link(flags: 65)
    for count in 0..<64 { #expect(!ear.hearsNews(Array(whole.prefix(count)))) }
    #expect(!ear.hearsNews([UInt8](repeating: 0, count: 64)))
    #expect(!ear.hearsNews([UInt8](repeating: 0xFF, count: 64)))
    // An attribute that is longer than its message.
    var odd = address(last: 1)
    odd[24] = 0xFF
    _ = ear.hearsNews(odd)
  }

  @Test func `what is remembered is bounded`() {
    for index in 0..<UInt32(2 * NetworkChanges.memory) {
      #expect(ear.hearsNews(link(index: index, flags: 65)))
    }
    #expect(ear.rememberedCount <= NetworkChanges.memory)
  }
}
