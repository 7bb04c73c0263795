import Benchmark
import DNSCache
import DNSWire
import Memory

/// Holds what a benchmark works on, since the package hands it on as a copyable value.
final class Held {
  var names: Names
  init(_ names: consuming Names) { self.names = names }
}

let million = 1_000_000

let benchmarks: @Sendable () -> Void = {
  // Per name or query: a thousand make one iteration. The kernel counts processor time in hundredths of a
  // second, too coarse for these: on a busy machine read the least time.
  let each = Benchmark.Configuration(
    metrics: [.wallClock], scalingFactor: .kilo, maxDuration: .seconds(2), maxIterations: 10_000)
  // Per name: a million make one iteration.
  let eachOfAMillion = Benchmark.Configuration(
    metrics: [.cpuTotal, .wallClock], warmupIterations: 1, scalingFactor: .mega,
    maxDuration: .seconds(4), maxIterations: 5)
  // Per step of the sweep.
  let step = Benchmark.Configuration(
    metrics: [.wallClock], warmupIterations: 0, maxDuration: .seconds(4), maxIterations: 1_000)

  Benchmark("parse a query", configuration: each) { benchmark in
    var key = NameKey(seed: HashSeed(1, 2))
    let queries = Queries(of: million)
    benchmark.startMeasurement()
    for number in benchmark.scaledIterations {
      queries.with(number) { blackHole((try? Query($0, key: &key))?.questionEnd) }
    }
  }

  for count in [10_000, million] {
    Benchmark("find one of \(count) names", configuration: each) { benchmark, held in
      let queries = Queries(of: count)
      benchmark.startMeasurement()
      for number in benchmark.scaledIterations {
        queries.with(number) { packet in
          _ = try? held.names.key.load(from: packet, at: MessageHeader.size)
          held.names.cache.visitSets(of: held.names.key, now: Names.now) { blackHole($0.expiry) }
        }
      }
    } setup: {
      Held(Names(filled: count))
    }
  }

  Benchmark("compose an answer, the name in the processor's cache", configuration: each) {
    benchmark, held in
    let query = Names.query(42)
    benchmark.startMeasurement()
    for _ in benchmark.scaledIterations { blackHole(held.names.answer(query.span)) }
  } setup: {
    Held(Names(filled: 1_000))
  }

  Benchmark("parse, find and compose, one of 1000000 names", configuration: each) {
    benchmark, held in
    let queries = Queries(of: million)
    benchmark.startMeasurement()
    for number in benchmark.scaledIterations {
      queries.with(number) { blackHole(held.names.answer($0)) }
    }
  } setup: {
    Held(Names(filled: million))
  }

  Benchmark("insert a name, 1000000 into an empty cache", configuration: eachOfAMillion) {
    benchmark in
    var names = Names(for: million)
    benchmark.startMeasurement()
    for number in benchmark.scaledIterations { names.insert(number) }
    benchmark.stopMeasurement()
    precondition(names.cache.nameCount == million)
  }

  Benchmark("insert a name into a full cache, which evicts one", configuration: eachOfAMillion) {
    benchmark in
    var names = Names(for: million, octets: 1 << 26)
    for number in 0..<million { names.insert(number) }
    let before = names.cache.counters.evictions
    benchmark.startMeasurement()
    for number in benchmark.scaledIterations {
      // Names that went long ago: the cache holds the newest half or so.
      names.insert(number)
    }
    benchmark.stopMeasurement()
    precondition(names.cache.counters.evictions - before >= million * 9 / 10)
  }

  Benchmark("sweep step of 1000 names, none expired", configuration: step) { benchmark, held in
    benchmark.startMeasurement()
    blackHole(held.names.cache.sweep(names: 1_000, now: Names.now))
  } setup: {
    Held(Names(filled: million))
  }

  Benchmark("sweep step of 1000 names, all expired", configuration: step) { benchmark, held in
    // A thousand steps at most: as many as there are names for.
    benchmark.startMeasurement()
    blackHole(held.names.cache.sweep(names: 1_000, now: Names.now + Names.ttl))
  } setup: {
    Held(Names(filled: million))
  }

  Benchmark("snapshot encode a name, 1000000", configuration: eachOfAMillion) { benchmark, held in
    benchmark.startMeasurement()
    var octets = 0
    held.names.encode { octets += $0.count }
    benchmark.stopMeasurement()
    precondition(octets > 40 * million)
  } setup: {
    Held(Names(filled: million))
  }

  Benchmark("snapshot read a name, 1000000", configuration: eachOfAMillion) { benchmark, file in
    var names = Names(for: million)
    benchmark.startMeasurement()
    let isComplete = names.read(file)
    benchmark.stopMeasurement()
    precondition(isComplete && names.cache.nameCount == million)
  } setup: {
    var names = Names(filled: million)
    var file: [UInt8] = []
    names.encode { block in for index in 0..<block.count { file.append(block[index]) } }
    return file
  }
}
