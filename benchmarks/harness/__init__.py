"""The parts of the benchmark's driver, benchmarks/run."""
