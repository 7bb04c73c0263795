import HTTP

extension HTTPResponder {
  /// The methods of what can only be read.
  static let readingMethods = "GET, HEAD, OPTIONS"

  /// The methods that any path has.
  static let allMethods = "GET, HEAD, POST, OPTIONS"

  /// Answers OPTIONS.
  func sendMethods(_ methods: String) {
    addHeader("Allow", methods)
    sendNothing()
  }
}
