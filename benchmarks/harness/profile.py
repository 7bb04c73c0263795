"""Where our server's time goes: samples by perf, instructions by callgrind, time between calls by its cycles."""

import collections
import glob
import os
import re
import shutil
import statistics
import subprocess
import time

from . import load, machine, processes, servers, zone

SYMBOLS = 40
# Names that the symbol demangler leaves long are cut here.
WIDTH = 150


def demangle(text):
    """Swift's symbols in a text as people write them."""
    if not shutil.which("swift"):
        return text
    result = subprocess.run(["swift", "demangle", "--simplified"], input=text, capture_output=True, text=True)
    return result.stdout if result.returncode == 0 else text


def ours(bench, upstream, copy=None):
    """Our server, not yet started, with another's snapshot when given."""
    server = servers.Ours(bench, upstream.port, cache_octets=512 << 20)
    if copy:
        shutil.copy(copy, f"{server.folder}/cache.snapshot")
    return server


def warm(server, queries, runs=2):
    load.dnsperf(server.bench, server.port, queries, runs=runs, limit=120)


def sample(bench, upstream, queries, label, seconds, unseen=None):
    """Samples our server under a load and prints where they fell; `unseen` names, each asked for once, follow
    on the warm ones."""
    perf = shutil.which("perf")
    if not perf:
        print("no perf here: scripts/setup bench installs it")
        return
    server = ours(bench, upstream).start()
    try:
        warm(server, queries)
        data = f"{server.folder}/perf.data"
        recorder = processes.start([perf, "record", "-q", "-e", "cpu-clock", "-F", "4999", "-g", "-p", server.pid,
                                    "-o", data], bench.load_core, log=f"{server.folder}/perf.log")
        time.sleep(0.5)
        figures = load.measure(bench, server, unseen or queries, seconds=seconds, runs=1 if unseen else None)
        recorder.send_signal(2)
        recorder.wait(60)
        processes.stop(recorder)
        print(f"\n## perf, {label}: {figures['answered']} answers, {figures['rate']:.0f} a second, "
              f"user {figures['user']:.3f} µs, total {figures['total']:.3f} µs (sampling included)\n")
        plain = ["--no-children", "-g", "none"]
        own = ",".join([os.path.basename(server.path()), "libc.so.6", "[vdso]"] + libraries(server.pid, "libevent"))
        for title, options in [("all", plain), ("outside the kernel", plain + ["--dsos", own])]:
            text = processes.run([perf, "report", "-i", data, "--stdio", "--percent-limit", "0", *options,
                                  "-F", "overhead,sample,dso,symbol"])
            lines = [l for l in text.splitlines() if re.match(r"\s+\d", l)]
            print(f"### {title}: share, samples, file, symbol\n")
            print("\n".join(l[:WIDTH + 60] for l in demangle("\n".join(lines[:SYMBOLS])).splitlines()) + "\n")
        for symbol in bench.options.annotate or []:
            print(f"### {symbol}\n")
            print(processes.run([perf, "annotate", "-i", data, "--stdio", "-s", symbol]))
    finally:
        server.stop()


def between_calls(bench, upstream, queries, label, seconds, unseen=None):
    """Measures what our server takes between its system calls under a load; see floor/between-calls.c."""
    server = ours(bench, upstream)
    path = f"{server.folder}/between-calls"
    server.start(["env", f"LD_PRELOAD={bench.tool('between-calls', 'between-calls.so', '-shared', '-fPIC', '-ldl')}",
                  f"BETWEEN_CALLS_OF={os.path.basename(server.path())}", f"BETWEEN_CALLS_FILE={path}"])
    try:
        warm(server, queries)
        figures = load.measure(bench, server, unseen or queries, seconds=seconds, runs=1 if unseen else None)
    finally:
        server.stop()
    rows = [[float(word) for word in line.split()] for line in machine.read(path).splitlines()]
    # Full ones: neither the warm-up's nor those at the ends.
    most = max((datagrams for _, datagrams, _, _ in rows), default=0)
    rows = [row for row in rows if row[1] > most / 2]
    if not rows:
        raise processes.Failure("too short a load: nothing was measured between calls")
    times = sorted(time / datagrams / 1_000 for time, datagrams, _, _ in rows)
    datagrams, batches, calls = (sum(row[i] for row in rows) for i in (1, 2, 3))
    print(f"\n## between calls, {label}: {statistics.median(times):.3f} µs a query, {times[0]:.3f} to {times[-1]:.3f} "
          f"in {len(rows)} half seconds; {datagrams / batches:.1f} queries a batch, {calls / datagrams:.2f} calls a "
          f"query\n\nBy the kernel's samples: user {figures['user']:.3f} µs, total {figures['total']:.3f} µs.")


def libraries(pid, word):
    """File names of the libraries of a process with a word in their names."""
    maps = machine.read(f"/proc/{pid}/maps")
    return sorted({os.path.basename(l.split()[-1]) for l in maps.splitlines() if word in l.split()[-1]})


def snapshot(bench, upstream, queries):
    """The snapshot of a server that has seen a file of queries, made at full speed."""
    server = ours(bench, upstream).start()
    try:
        warm(server, queries)
        _, path = server.save()
        kept = os.path.join(bench.scratch, os.path.basename(queries) + ".snapshot")
        shutil.copy(path, kept)
        return kept
    finally:
        server.stop()


def instructions(bench, upstream, queries, label, count, unseen=None):
    """Counts the instructions of a number of answers, by function, of our server under callgrind."""
    if not shutil.which("valgrind"):
        print("no valgrind here: scripts/setup bench installs it")
        return
    server = ours(bench, upstream, copy=snapshot(bench, upstream, queries))
    expected = sum(1 for _ in open(queries))
    prefix = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=yes",
              f"--callgrind-out-file={server.folder}/callgrind.out", "--dump-instr=no", "--error-limit=no"]
    server.start(prefix, seconds=300)
    try:
        deadline = time.monotonic() + 300
        while server.statistics()["cache"]["names"] < expected and time.monotonic() < deadline:
            time.sleep(0.5)
        load.dnsperf(bench, server.port, queries, runs=1, seconds=5)
        control = ["callgrind_control"]
        before = server.statistics()
        processes.run(control + ["-i", "on", server.pid])
        sent = f"{server.folder}/hits.queries"
        with open(unseen or queries) as source, open(sent, "w") as target:
            for number, line in enumerate(source):
                if number == count:
                    break
                target.write(line)
        figures = load.dnsperf(bench, server.port, sent, runs=1 if unseen else max(1, count // expected),
                               timeout=30)
        processes.run(control + ["-i", "off", server.pid])
        after = server.statistics()
        processes.run(control + ["-d", server.pid])
        time.sleep(1)
        missed = after["cache"]["misses"] - before["cache"]["misses"]
        print(f"\n## callgrind, {label}: {figures.answered} answered, {missed} misses\n")
        files = sorted(glob.glob(f"{server.folder}/callgrind.out*"), key=os.path.getsize)
        report(files[-1], figures.answered)
    finally:
        server.stop()


class Callgrind:
    """A callgrind file: instructions and calls, by function."""

    def __init__(self, path):
        self.alone = collections.Counter()
        self.inclusive = collections.Counter()
        self.calls = collections.Counter()
        self.edges = collections.Counter()  # (caller, callee): calls
        names, objects = {}, {}
        function = callee = place = None
        count = 0

        def name(table, text):
            number, _, rest = text.partition(" ")
            if rest:
                table[number] = rest
            return table.get(number, number)

        with open(path) as file:
            for line in file:
                line = line.rstrip("\n")
                if line.startswith("fn="):
                    function = name(names, line[3:])
                elif line.startswith("ob="):
                    place = name(objects, line[3:])
                elif line.startswith("cob="):
                    name(objects, line[4:])
                elif line.startswith("cfn="):
                    callee = name(names, line[4:])
                elif line.startswith("calls="):
                    count = int(line[6:].split()[0])
                elif line and (line[0].isdigit() or line[0] in "+-*") and function:
                    cost = int(line.split()[1])
                    if count:
                        self.calls[callee] += count
                        self.edges[function, callee] += count
                        if function != callee:
                            self.inclusive[function] += cost
                        count = 0
                    else:
                        self.alone[function] += cost
                        self.inclusive[function] += cost
        self.total = sum(self.alone.values())


def report(path, answered):
    """Prints a callgrind file as instructions per query, alone and with what is called."""
    counts = Callgrind(path)
    names = list(counts.alone)
    plain = dict(zip(names, demangle("\n".join(names)).split("\n")))

    def rows(table, limit):
        return [f"{count / answered:9.1f}  {count / counts.total:6.1%}  {counts.calls[f] / answered:7.2f}  "
                f"{plain[f][:WIDTH]}" for f, count in table.most_common(limit) if count / answered >= 0.1]

    heading = "instructions a query, share, calls a query, function"
    print(f"### alone: {heading} ({counts.total / answered:.0f} in all)\n")
    print("\n".join(rows(counts.alone, SYMBOLS)) + "\n")
    print(f"### with what is called: {heading}\n")
    print("\n".join(rows(counts.inclusive, SYMBOLS)) + "\n")
    copies = [(n, caller, callee) for (caller, callee), n in counts.edges.items()
              if re.search(r"mem(cpy|move|set|cmp)|swift_(retain|release|alloc)|malloc|free", callee)
              and n / answered >= 0.05]
    print("### who copies, compares, counts or allocates: calls a query, caller, callee\n")
    for n, caller, callee in sorted(copies, reverse=True):
        print(f"{n / answered:9.2f}  {plain.get(caller, caller)[:WIDTH]}  ->  {callee}")
    print()
