import Testing

@testable import DNSPolicy

@Suite("Times of the week")
struct WeekScheduleTests {
  /// Minutes of the week.
  private static func at(_ day: Int, _ hour: Int, _ minute: Int = 0) -> Int {
    day * 1_440 + hour * 60 + minute
  }

  @Test func `a span goes beyond midnight, and beyond Sunday`() throws {
    let nights = try WeekSchedule("mon-fri 20:00-07:00")
    for (minute, isActive) in [
      (Self.at(0, 19, 59), false), (Self.at(0, 20), true), (Self.at(1, 6, 59), true),
      (Self.at(1, 7), false), (Self.at(5, 3), true), (Self.at(5, 20), false),
      (Self.at(0, 3), false),
    ] {
      #expect(nights.isActive(at: minute) == isActive, "\(minute)")
    }
    let sunday = try WeekSchedule("sun 22:00-6:00")
    #expect(sunday.isActive(at: Self.at(6, 23)) && sunday.isActive(at: Self.at(0, 5, 59)))
    #expect(!sunday.isActive(at: Self.at(0, 6)))
    let weekend = try WeekSchedule("sat-mon 9:00-12:00, 13:00-13:30")
    #expect(weekend.isActive(at: Self.at(0, 10)) && !weekend.isActive(at: Self.at(1, 10)))
    #expect(weekend.isActive(at: Self.at(2, 13, 29)))
    #expect(try WeekSchedule("0:00-24:00").isActive(at: Self.at(3, 12)))
  }

  @Test func `it says when it changes next`() throws {
    let nights = try WeekSchedule("mon-fri 20:00-07:00")
    #expect(nights.minutesToChange(after: Self.at(0, 19, 59)) == 1)
    #expect(nights.minutesToChange(after: Self.at(0, 20)) == 11 * 60)
    #expect(nights.minutesToChange(after: Self.at(5, 7)) == 2 * 1_440 + 13 * 60)
    // Spans that meet are one.
    let whole = try WeekSchedule("8:00-12:00, 12:00-16:00")
    #expect(whole.minutesToChange(after: Self.at(2, 9)) == 7 * 60)
    #expect(try WeekSchedule("0:00-24:00").minutesToChange(after: 77) == WeekSchedule.week)
  }

  @Test(arguments: [
    "", "mon", "mon 20:00", "mon 20-21:00", "xyz 20:00-21:00", "mon 25:00-26:00", "mon 20:60-21:00",
    "mon tue 20:00-21:00", "20:00-20:00", "mon- 20:00-21:00", "a,b", "24:00-25:00",
  ])
  func `what is no schedule is told`(text: String) {
    #expect(throws: WeekSchedule.Fault.self) { try WeekSchedule(text) }
  }
}
