"""The micro-benchmarks: parse, find, compose, insert, sweep step, snapshot; a Swift package of their own."""

import os
import subprocess

from . import machine

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))


def run():
    """Builds them and prints a table for each metric; the first build takes some minutes."""
    print(f"{machine.description()}, load average {machine.load_average()}", flush=True)
    return subprocess.run(
        ["swift", "package", "--package-path", os.path.join(ROOT, "benchmarks/micro"),
         "--scratch-path", os.path.join(ROOT, ".build/micro"),
         "benchmark", "--no-progress", "--grouping", "metric"], cwd=ROOT).returncode
