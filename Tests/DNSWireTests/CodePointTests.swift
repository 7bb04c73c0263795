import DNSWire
import Testing

@Suite("Mnemonics of the registries (RFC 3597 §5, RFC 6895)")
struct CodePointTests {
  @Test func `a mnemonic is read in any letter case`() {
    #expect(RecordType("aAaA") == .aaaa)
    #expect(RecordType("nsap-ptr") == .nsapPTR)
    #expect(RecordClass("in") == .internet)
    #expect(ResponseCode("nxdomain") == .nxDomain)
    #expect(EDNSOptionCode("cookie") == .cookie)
    #expect(ExtendedErrorCode("stale answer") == .staleAnswer)
    #expect(Opcode("Notify") == .notify)
  }

  @Test func `an unknown type is written and read by number`() {
    #expect(RecordType(65280).description == "TYPE65280")
    #expect(RecordType("type65280") == RecordType(65280))
    #expect(RecordType("TYPE1") == .a)
    #expect(RecordClass(32).description == "CLASS32")
    #expect(RecordClass("CLASS32") == RecordClass(32))
    #expect(ResponseCode(3841).description == "RCODE3841")
  }

  @Test(arguments: [
    "", "TYPE", "TYPE65536", "TYPE-1", "TYPE+1", "TYPE 1", "AA", "65280", "TYPE0x1",
  ])
  func `text that is no type is rejected`(text: String) {
    #expect(RecordType(text) == nil)
  }

  @Test func `every number comes back from its own text`() {
    for number in UInt16.min...UInt16.max {
      #expect(RecordType(RecordType(number).description)?.rawValue == number)
    }
  }

  @Test func `a response code is split over the header and OPT (RFC 6891 §6.1.3)`() {
    #expect(ResponseCode.badVers.headerBits == 0)
    #expect(ResponseCode.badVers.extendedBits == 1)
    #expect(ResponseCode(headerBits: 7, extendedBits: 1) == .badCookie)
    #expect(ResponseCode(headerBits: 0xF5, extendedBits: 0) == .refused)
  }

  @Test func `meta types are OPT and 128 to 255 (RFC 6895 §3.1)`() {
    #expect(RecordType.opt.isMeta && RecordType.any.isMeta && RecordType(128).isMeta)
    #expect(!RecordType.a.isMeta && !RecordType.uri.isMeta && !RecordType(127).isMeta)
  }
}
