/// Finds the word that somebody may have meant.
package enum NearestWord {
  /// The word nearest to one that is wrong, if it is near enough to be meant.
  package static func to(_ wrong: String, among words: [String]) -> String? {
    let nearest = words.map { ($0, distance(wrong.lowercased(), $0.lowercased())) }
      .min { $0.1 < $1.1 }
    guard let (word, distance) = nearest, distance <= max(2, word.count / 3) else { return nil }
    return word
  }

  /// `; did you mean size?`, or nothing.
  static func hint(for wrong: String, among words: [String]) -> String {
    to(wrong, among: words).map { "; did you mean \($0)?" } ?? ""
  }

  /// Letters added, left out, changed, or changed places with their neighbour: the least number
  /// that makes one word the other (optimal string alignment).
  static func distance(_ one: String, _ other: String) -> Int {
    let one = Array(one.unicodeScalars)
    let other = Array(other.unicodeScalars)
    var before: [Int] = []
    var row = Array(0...other.count)
    for (index, letter) in one.enumerated() {
      var next = [index + 1]
      for (place, otherLetter) in other.enumerated() {
        var least = min(
          next[place] + 1, row[place + 1] + 1, row[place] + (letter == otherLetter ? 0 : 1))
        if index > 0, place > 0, letter == other[place - 1], one[index - 1] == otherLetter {
          least = min(least, before[place - 1] + 1)
        }
        next.append(least)
      }
      before = row
      row = next
    }
    return row[other.count]
  }
}
