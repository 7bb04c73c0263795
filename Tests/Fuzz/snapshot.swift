/// Stub until the reader lands: proves that the sanitizers and the coverage work.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = unsafe UnsafeBufferPointer(start: start, count: count)
  if unsafe bytes.count > 3, unsafe bytes[0] == 0x44, unsafe bytes[1] == 0x4e { return 0 }
  return 0
}
