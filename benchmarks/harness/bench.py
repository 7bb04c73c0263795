"""The run as a whole: options, folders, the order of the works."""

import datetime
import os
import signal
import subprocess
import sys

from . import load, machine, processes, profile, servers, zone

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
WORKS = ["hit", "miss"]


class Bench:
    def __init__(self, options):
        self.options = options
        self.pid = os.getpid()
        self.rounds = options.rounds or (3 if options.quick else 7)
        self.seconds = options.seconds or (1.5 if options.quick else 4)
        cores = sorted(os.sched_getaffinity(0))
        self.server_core = cores[-1] if options.server_core is None else options.server_core
        self.load_core = cores[-2 if len(cores) > 1 else -1] if options.load_core is None else options.load_core
        self.folder = os.path.join(ROOT, ".build/bench")
        os.makedirs(self.folder, exist_ok=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def floor(self, name):
        """A floor program, built when its source is newer."""
        source = os.path.join(ROOT, "benchmarks/floor", name + ".c")
        binary = os.path.join(self.folder, name)
        if not os.path.exists(binary) or os.path.getmtime(binary) < os.path.getmtime(source):
            subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", binary, source], check=True)
        return binary

    def run(self):
        if self.options.profile or self.options.instructions:
            return self.look_inside()

    def look_inside(self):
        upstream = zone.Upstream(self.folder, self.load_core)
        print(f"{datetime.date.today()} · {machine.description()} · load average {machine.load_average()}")
        for label, queries, hits in [("10,000 names", zone.few(self.folder), 50_000),
                                     ("1,000,000 names at random", zone.many(self.folder), 50_000)]:
            if self.options.profile:
                profile.sample(self, upstream, queries, label, self.seconds * 2)
            if self.options.instructions:
                profile.instructions(self, upstream, queries, label, hits)
        return 0
