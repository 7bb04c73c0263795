import Glibc

extension EventLoop {
  /// How long before the machine's start ``now()`` was zero, in milliseconds: 32 days, so that what
  /// happened in the month before has a time, too.
  public static let beforeStart: UInt64 = 32 * 86_400_000

  /// Milliseconds since ``beforeStart``, time asleep included, read afresh.
  ///
  /// CLOCK_BOOTTIME: records age while the machine is suspended, and setting the time changes
  /// nothing.
  public static func now() -> UInt64 {
    let time = read(CLOCK_BOOTTIME)
    return beforeStart + UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000
  }

  /// Microseconds on the same clock as ``now()``, for measuring and for deciding with one reading.
  public static func preciseNow() -> UInt64 {
    let time = read(CLOCK_BOOTTIME)
    return beforeStart * 1_000 + UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
  }

  /// Microseconds on a clock that only goes forward, for measuring how long something took.
  public static func microseconds() -> UInt64 {
    let time = read(CLOCK_MONOTONIC)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
  }

  /// Microseconds of processor time that this thread has had: what others had meanwhile isn't in it.
  ///
  /// A call of the kernel: some tenths of a microsecond.
  public static func processorMicroseconds() -> UInt64 {
    let time = read(CLOCK_THREAD_CPUTIME_ID)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
  }

  /// Seconds since 1970, as the machine's clock is set.
  public static func wallClock() -> Int64 {
    Int64(read(CLOCK_REALTIME).tv_sec)
  }

  /// The time now as HTTP writes it (RFC 9110 §5.6.7): `Tue, 01 Dec 2026 00:00:00 GMT`.
  public static func httpDate() -> String {
    var now = read(CLOCK_REALTIME).tv_sec
    var date = unsafe tm()
    var text = [CChar](repeating: 0, count: 64)
    // SAFETY: the calls write one tm, and at most as much as the array holds. The program sets no locale.
    guard unsafe gmtime_r(&now, &date) != nil else { return "" }
    let count = unsafe strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", &date)
    return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Minutes since Monday 0:00 by the clock on the wall, in the machine's zone of time.
  public static func minuteOfWeek() -> Int {
    var now = read(CLOCK_REALTIME).tv_sec
    var date = unsafe tm()
    // The zone may have been changed.
    // SAFETY: the call below writes one tm.
    tzset()
    guard unsafe localtime_r(&now, &date) != nil else { return 0 }
    let day = (Int(unsafe date.tm_wday) + 6) % 7
    return unsafe day * 1_440 + Int(date.tm_hour) * 60 + Int(date.tm_min)
  }

  private static func read(_ clock: Int32) -> timespec {
    var time = timespec()
    // SAFETY: the kernel writes one timespec. Linux has these four clocks since 2.6.39: no error.
    unsafe clock_gettime(clock, &time)
    return time
  }
}
