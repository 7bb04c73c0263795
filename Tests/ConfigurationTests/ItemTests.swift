import Foundation
import Testing

@testable import Configuration

@Suite("Lists of items with named fields")
struct ItemTests {
  private static let plain = ItemKind(
    noun: "pet", example: "{names: [Rex], age: 3}",
    fields: [
      ItemField(name: "names", kind: .text("name"), arity: .some, help: "What it is called."),
      ItemField(name: "age", kind: .number(0...99), isRequired: true, help: "Years."),
      ItemField(
        name: "toys", kind: .text("toy"), arity: .any, emptyWord: "none", help: "What it has."),
      ItemField(name: "tame", kind: .boolean, help: "Whether it is."),
    ],
    line: ItemLine(form: "name,…=age") { text throws(ValueError) in
      let parts = text.split(separator: "=").map(String.init)
      guard parts.count == 2 else { throw ValueError(description: "not of the form name=age") }
      return [
        ("names", parts[0].split(separator: ",").map(String.init)), ("age", [parts[1]]),
      ]
    },
    fault: { $0["names"] == nil && $0["toys"] == nil ? "a pet needs names or toys" : nil })

  private static let keyed = ItemKind(
    noun: "room", example: "{name: hall, size: 3}",
    fields: [
      ItemField(name: "name", kind: .text("name"), isRequired: true, help: "What it is called."),
      ItemField(name: "size", kind: .number(1...99), help: "Metres."),
    ],
    isKeyed: true)

  private static let nothing = SettingField(read: { _ in [] }, write: { _, _ in })
  private static let catalogue = [
    Setting("pets", flag: "pet", .item(plain), arity: .any, help: "Pets.", nothing),
    Setting("house.rooms", flag: "room", .item(keyed), arity: .some, help: "Rooms.", nothing),
  ]

  private func read(_ text: String) -> ConfigurationFile {
    ConfigurationFile(Array(text.utf8), path: "f.yaml", catalogue: Self.catalogue)
  }

  private func items(_ text: String) throws -> [String] {
    let file = read(text)
    try #require(file.errors.isEmpty, "\(file.errors)")
    return file.given.flatMap(\.values).compactMap { $0.value.item?.text }
  }

  private func mistakes(_ text: String) -> [String] { read(text).errors.map(\.description) }

  @Test(
    arguments: [
      (
        "pets:\n  - names: [Rex, Max]\n    age: 3\n  - {toys: none, age: 0, tame: true}\n",
        ["{names: [Rex, Max], age: 3}", "{age: 0, toys: none, tame: true}"]
      ),
      // One is a list of one, as with values.
      ("pets: {age: 3, names: Rex}", ["{names: [Rex], age: 3}"]),
      ("pets: Rex,Max=3", ["{names: [Rex, Max], age: 3}"]),
      (
        "pets: [Rex=3, {names: Max, age: 4}]", ["{names: [Rex], age: 3}", "{names: [Max], age: 4}"]
      ),
      ("pets: [{age: 3, toys: []}]", ["{age: 3, toys: none}"]),
      ("pets: []", []),
      ("house: {rooms: [{name: hall, size: 3}]}", ["{name: hall, size: 3}"]),
      ("house: {rooms: {hall: {size: 3}, attic: }}", ["{name: hall, size: 3}", "{name: attic}"]),
    ] as [(String, [String])])
  func `an item is read in each form`(text: String, expected: [String]) throws {
    #expect(try items(text) == expected)
  }

  @Test(
    arguments: [
      (
        "pets:\n  - names: [Rex]\n    agge: 3\n    age: 3",
        "f.yaml:3:5: pets[].agge: no field of a pet has this name; did you mean age?"
      ),
      (
        "pets: [{age: 3, names: Rex, colour: red}]",
        "f.yaml:1:29: pets[].colour: no field of a pet has this name; those are names, age, toys, tame"
      ),
      ("pets: [{names: Rex}]", "f.yaml:1:8: pets: a pet needs age; write one number"),
      ("pets: [{age: 3}]", "f.yaml:1:8: pets: a pet needs names or toys"),
      ("pets: [{age: 3, names: []}]", "f.yaml:1:24: pets[].names is an empty list; leave it out"),
      ("pets: [{age: 300, names: Rex}]", "f.yaml:1:14: pets[].age: 300: must be 0 to 99"),
      (
        "pets: [{names: Rex, age: [3]}]", "f.yaml:1:26: pets[].age is a list; it must be one number"
      ),
      ("pets: [{names: Rex, age: }]", "f.yaml:1:21: pets[].age has no value; write one number"),
      (
        "pets: [{names: Rex, age: 3, tame: \"true\"}]",
        "f.yaml:1:35: pets[].tame: \"true\": text; write true or false"
      ),
      (
        "pets: [{names: [{a: b}], age: 3}]",
        "f.yaml:1:17: pets[].names has a group of settings here; write a list of name"
      ),
      ("pets: [Rex]", "f.yaml:1:8: pets: Rex: not of the form name=age"),
      ("pets: [Rex=old]", "f.yaml:1:8: pets: Rex=old: old: not a whole number"),
      (
        "pets: [[Rex]]",
        "f.yaml:1:8: pets has a list here; write a list of pets, as {names: [Rex], age: 3}"
      ),
      ("pets: [{age: 3, age: 4}]", "f.yaml:1:17: age stands here again; it was set in line 1"),
      (
        "house: {rooms: {hall: 3}}",
        "f.yaml:1:23: house.rooms has a single value here; a room has fields, as {name: hall, size: 3}"
      ),
      (
        "house: {rooms: [hall]}",
        "f.yaml:1:17: house.rooms: hall: a room has fields, as in {name: hall, size: 3}"
      ),
      (
        "house: {rooms: {hall: {name: attic, size: 3}}}",
        "f.yaml:1:24: house.rooms[].name stands here again; it is hall already"
      ),
      (
        "house: {rooms: [{size: 3}]}", "f.yaml:1:17: house.rooms: a room needs name; write one name"
      ),
    ] as [(String, String)])
  func `a mistake of an item is told where it stands`(text: String, message: String) {
    let found = mistakes(text)
    #expect(found.count == 1 && found[0].hasPrefix(message), "\(found)")
  }

  @Test func `the mistakes of all items are told at once`() {
    #expect(
      mistakes("pets:\n  - {nams: Rex, age: 3}\n  - {names: Max, age: x}\nhouse: {room: 3}").map {
        String($0.prefix(12))
      } == ["f.yaml:2:6: ", "f.yaml:3:23:", "f.yaml:4:9: "])
  }

  @Test func `an empty list and the word for it are told apart`() throws {
    let file = read("pets: [{age: 1, toys: []}, {age: 2, toys: none}]")
    let toys = file.given[0].values.compactMap { $0.value.item?["toys"] }
    #expect(toys.map(\.isEmptyList) == [true, false] && toys.allSatisfy(\.values.isEmpty))
  }

  @Test func `each field has the place where it stands`() throws {
    let item = try #require(
      read("pets:\n  - names: [Rex,\n      Max]\n    age: 3").given[0].values[0].value.item)
    let origins = item.fields.flatMap(\.values).map(\.origin)
    #expect(
      origins.map { ConfigurationError(origin: $0, message: "").description } == [
        "f.yaml:2:13: ", "f.yaml:3:7: ", "f.yaml:4:10: ",
      ])
    #expect(item.name == "Rex")
  }
}
