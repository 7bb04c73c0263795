import HTTP

extension HTTPResponder {
  /// The methods of what can only be read.
  package static let readingMethods = "GET, HEAD, OPTIONS"

  /// The methods that any path has.
  package static let allMethods = "GET, HEAD, POST, OPTIONS"

  /// Answers OPTIONS.
  package func sendMethods(_ methods: String) {
    addHeader("Allow", methods)
    sendNothing()
  }
}
