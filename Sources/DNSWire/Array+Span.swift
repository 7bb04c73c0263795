extension Array {
  /// Copies what a span shows.
  init(copying span: Span<Element>) where Element: BitwiseCopyable {
    self.init()
    reserveCapacity(span.count)
    for index in span.indices { append(span[index]) }
  }
}
