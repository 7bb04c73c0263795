/// Reads the entries of a zone file, one after the other (RFC 1035 §5.1, RFC 2308 §4).
public struct ZoneFileReader: Sendable {
  /// What names without a final dot are relative to; nothing when such a name is a mistake.
  public private(set) var origin: Name?
  private var ttl: UInt32
  private var owner: Name?

  /// Begins a file.
  ///
  /// - Parameters:
  ///   - origin: what `@` is, until the file says otherwise.
  ///   - ttl: seconds for records whose entry gives none, until the file says otherwise.
  public init(origin: Name?, ttl: UInt32) {
    self.origin = origin
    self.ttl = ttl
  }

  /// Reads an entry: a line, or several where parentheses lead over them.
  ///
  /// - Returns: its record; nothing for a directive, a comment and an empty line.
  public mutating func read(_ entry: [UInt8]) throws(ZoneFileError) -> Record? {
    let text = String(decoding: entry, as: UTF8.self)
    var tokens: ArraySlice<PresentationToken>
    do throws(RDataTextError) {
      tokens = try PresentationToken.tokens(of: text)[...]
    } catch {
      throw .text(error)
    }
    guard let first = tokens.first else { return nil }
    if first.text.first == Octet.dollar, !first.isQuoted {
      try takeDirective(first.string, tokens.dropFirst())
      return nil
    }
    let hasOwner = entry.first != Octet.space && entry.first != Octet.tab
    if hasOwner {
      owner = try name(first.text)
      tokens = tokens.dropFirst()
    }
    guard let owner else { throw .noOwner }
    return try record(owner, tokens)
  }

  private mutating func takeDirective(
    _ word: String, _ rest: ArraySlice<PresentationToken>
  ) throws(ZoneFileError) {
    switch word.uppercased() {
    case "$ORIGIN":
      guard rest.count == 1, let text = rest.first?.text else { throw .directive(word) }
      origin = try name(text)
    case "$TTL":
      guard rest.count == 1, let text = rest.first?.text, let seconds = UInt32(period: text) else {
        throw .directive(word)
      }
      ttl = seconds
    case "$INCLUDE", "$GENERATE": throw .refused(word)
    default: throw .directive(word)
    }
  }

  private func record(
    _ owner: Name, _ all: ArraySlice<PresentationToken>
  ) throws(ZoneFileError) -> Record {
    var tokens = all
    var ttl: UInt32?
    var hasClass = false
    while let token = tokens.popFirst() {
      if ttl == nil, let seconds = UInt32(period: token.text) {
        ttl = seconds
      } else if !hasClass, let given = RecordClass(token.string) {
        guard given == .internet else { throw .notInternet }
        hasClass = true
      } else {
        guard let type = RecordType(token.string), !type.isMeta, type.rawValue != 0 else {
          throw .text(.badType)
        }
        do throws(RDataTextError) {
          let data = try RDataText.parse(type: type, tokens: tokens, origin: .some(origin))
          return Record(name: owner, type: type, ttl: ttl ?? self.ttl, rdata: data)
        } catch {
          if error == .badName, origin == nil { throw .noOrigin }
          throw .text(error)
        }
      }
    }
    throw .text(.missingField)
  }

  private func name(_ text: ArraySlice<UInt8>) throws(ZoneFileError) -> Name {
    guard let name = try? Name(presentation: text, origin: origin) else {
      throw origin == nil && text.last != Octet.dot ? .noOrigin : .text(.badName)
    }
    return name
  }
}

/// Why an entry of a zone file is none, in words that say what to do.
public enum ZoneFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The record itself is wrong.
  case text(RDataTextError)
  /// A name has no final dot, and there is nothing that it is relative to.
  case noOrigin
  /// The first entry begins with a blank.
  case noOwner
  /// A directive is unknown or has the wrong form.
  case directive(String)
  /// A directive isn't carried out here.
  case refused(String)
  /// The class is not IN.
  case notInternet

  /// What is wrong, and what to write instead.
  public var description: String {
    switch self {
    case .text(let error): error.sentence
    case .noOrigin:
      "a name without a final dot, and there is no domain that it could be in; write nas.home.arpa. or set local.domain"
    case .noOwner:
      "no owner; a line that begins with a blank goes on with the name of the one before"
    case .directive(let word): "\(word): not a directive; $ORIGIN NAME and $TTL TIME are"
    case .refused(let word):
      "\(word) is not carried out here; write the records themselves"
    case .notInternet: "the class is not IN; leave it out"
    }
  }
}

extension RDataTextError {
  /// What is wrong, for people.
  public var sentence: String {
    switch self {
    case .missingField: "something is missing at the end; a record is NAME [TTL] TYPE DATA"
    case .extraField: "there is more than this type has"
    case .badNumber: "a number is none, or too large"
    case .badName: "a name is none: labels have 1 to 63 octets, all of it 255"
    case .badAddress: "an address is none; A has one of IPv4, AAAA one of IPv6"
    case .badDigits: "digits are foreign, too few or too many"
    case .badString: "a quote is not closed, or a string has more than 255 octets"
    case .badType: "no such type of records"
    case .badTime: "not a date and time"
    case .badParameter: "a service parameter has the wrong form"
    case .badLocation: "not a location"
    case .badLength: "the length after \\# is not that of the octets"
    case .tooLong: "the data is too long"
    case .noTextForm: "this type has no text but \\# LENGTH OCTETS"
    }
  }
}
