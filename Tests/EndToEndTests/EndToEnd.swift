import Testing

/// The tests that start programs, one after the other: two cores and clocks are shared by all.
@Suite("The program, from end to end", .serialized)
enum EndToEnd {}
