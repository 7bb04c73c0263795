// The input is what happens in a conversation, with the files of Tests/Conversations.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzConversation(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer gives the count of the octets at start.
  let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  Conversation(Input(bytes)).play()
  return 0
}
