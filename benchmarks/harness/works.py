"""The works: what is measured. Each gives a table: a title, columns, rows of cells, notes, and raw figures."""

import contextlib
import json
import os
import signal
import statistics
import time

from . import evictions, load, machine, processes, servers, zone


class Work:
    """What one work gave."""

    def __init__(self, title, columns):
        self.title = title
        self.columns = columns
        self.rows = []
        self.notes = []
        self.figures = {}
        self.load_average = machine.load_average()
        self.foreign = []

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)
            print(f"  note: {text}", flush=True)

    def saw(self, rounds):
        self.foreign += [r["foreign"] for r in rounds]

    @property
    def is_busy(self):
        return bool(self.foreign) and statistics.median(self.foreign) > load.BUSY

    def as_dictionary(self):
        return {"title": self.title, "columns": self.columns, "rows": self.rows, "notes": self.notes,
                "figures": self.figures, "load average": self.load_average,
                "others used": round(statistics.median(self.foreign), 2) if self.foreign else None,
                "is busy": self.is_busy}


@contextlib.contextmanager
def started(bench, work, kinds, upstream, **options):
    """Starts a server of each kind; one that doesn't start is left out with a note."""
    running = []
    try:
        for kind in kinds:
            server = None
            try:
                server = kind(bench, upstream.port, **options)
                server.start()
                running.append(server)
            except (processes.Failure, OSError) as failure:
                work.note(f"{kind.name} is left out: {str(failure).splitlines()[0]}")
                if server:
                    server.stop()
        yield running
    finally:
        for server in running:
            server.stop()


@contextlib.contextmanager
def shared(bench, work, kinds, upstream):
    """Servers that several works use one after the other; the driver ends them after the last of these works."""
    for kind in kinds:
        if kind in bench.shared:
            continue
        server = None
        try:
            server = kind(bench, upstream.port)
            bench.shared[kind] = server.start()
        except (processes.Failure, OSError) as failure:
            work.note(f"{kind.name} is left out: {str(failure).splitlines()[0]}")
            if server:
                server.stop()
    yield [bench.shared[kind] for kind in kinds if kind in bench.shared]


def rounds_of(bench, work, running, queries, accepted=("NOERROR",), **options):
    """Interleaved rounds. `queries` is a file, or a function of the round. Returns the rounds by server name."""
    rounds = {server.name: [] for server in running}
    for number in range(bench.rounds):
        # Another order each round, so that none always follows the same.
        shift = number % len(running)
        for server in running[shift:] + running[:shift]:
            file = queries(number) if callable(queries) else queries
            try:
                figures = load.measure(bench, server, file, **options)
            except processes.Failure as failure:
                work.note(f"{server.name}: {failure}")
                continue
            good = sum(figures["codes"].get(code, 0) for code in accepted)
            if figures["answered"] == 0 or server.caches and good < 0.98 * figures["answered"]:
                work.note(f"{server.name} gave {figures['codes']} for {figures['answered']} answers in round {number + 1}")
            if figures["lost"] > 0.02 * max(figures["sent"], 1):
                work.note(f"{server.name} lost {figures['lost']} of {figures['sent']} in round {number + 1}")
            rounds[server.name].append(figures)
        print(f"  round {number + 1}: " + "  ".join(
            f"{name} {r[-1]['total']:.2f}" for name, r in rounds.items() if r), flush=True)
    for each in rounds.values():
        work.saw(each)
    return rounds


COST_COLUMNS = ["Server", "user µs", "total µs", "range", "× floor"]


def cost_of(each):
    """User and total microseconds an answer: the kernel tells user from system time by sampling, so the user
    part is over all rounds; the total is exact and the median of rounds, with least and most."""
    answered = sum(r["answered"] for r in each)
    user = sum(r["user"] * r["answered"] for r in each) / max(answered, 1)
    return user, load.summary(each, "total")


def cost_rows(work, running, rounds):
    floor = load.summary(rounds["floor"], "total")[0] if rounds.get("floor") else None
    for server in running:
        each = rounds[server.name]
        if not each:
            continue
        user, total = cost_of(each)
        # The ratio to the floor of the same round, so that the machine's drift cancels.
        if floor:
            pairs = [a["total"] / b["total"] for a, b in zip(each, rounds["floor"]) if b["total"]]
            ratio = statistics.median(pairs)
        else:
            ratio = None
        work.rows.append([label(server), f"{user:.2f}", f"{total[0]:.2f}", f"{total[1]:.2f}–{total[2]:.2f}",
                          f"{ratio:.2f}" if ratio else ""])
        work.figures[server.name] = {"user": user, "total": total[0], "least": total[1], "most": total[2],
                                     "ratio": ratio, "rounds": each}
    work.rows.sort(key=lambda row: float(row[2]))


def label(server):
    version = server.version()
    return f"{server.name} {version}" if version and version[0].isdigit() else (
        f"{server.name} ({version})" if version and server.name == "floor" else server.name)


def warm(bench, work, running, queries, accepted=("NOERROR",)):
    for server in list(running):
        try:
            figures = load.dnsperf(bench, server.port, queries, runs=bench.options.warm_up, limit=20)
        except processes.Failure as failure:
            work.note(f"{server.name} is left out: {failure}")
            running.remove(server)
            bench.shared.pop(type(server), None)
            server.stop()
            continue
        good = sum(figures.codes.get(code, 0) for code in accepted)
        if server.caches and good < 0.9 * figures.sent:
            work.note(f"{server.name} answered {good} of {figures.sent} while warming up")


def hits(title, file_of, accepted=("NOERROR",), floor=True):
    """A work of warm hits over a small file of names."""
    def run(bench, upstream):
        work = Work(title, COST_COLUMNS)
        kinds = ([servers.FloorHit] if floor else []) + bench.kinds
        with shared(bench, work, kinds, upstream) as running:
            queries = file_of(bench.folder)
            warm(bench, work, running, queries, accepted)
            cost_rows(work, running, rounds_of(bench, work, running, queries, accepted, seconds=bench.seconds))
        return work
    return run


def misses(bench, upstream):
    work = Work("Miss, names never seen", COST_COLUMNS)
    with started(bench, work, [servers.FloorMiss, servers.FloorMissPorts] + bench.kinds, upstream) as running:
        count = int(max(100_000, 120_000 * bench.seconds))
        for server in running:
            load.dnsperf(bench, server.port, zone.fresh(bench.folder, "w", 20_000), runs=1, limit=5)
        cost_rows(work, running, rounds_of(
            bench, work, running, lambda number: zone.fresh(bench.folder, f"r{number}s{count // 1000}", count),
            seconds=bench.seconds, runs=1))
    return work


def local(bench, upstream):
    """What the LAN's own names cost those who ask for others, and what it costs to ask for them."""
    work = Work("10,000 names of the LAN, 5 routes and a rule for the zone asked for",
                ["Work", "without, user µs", "total µs", "with, user µs", "total µs", "more by µs", "range"])
    with started(bench, work, [servers.Ours, servers.WithLocalNames], upstream) as running:
        if len(running) < 2:
            return work
        plain, with_names = running
        few = zone.few(bench.folder)
        hosts = with_names.write("hosts.txt", "".join(
            f"host{i}.home.arpa A\n" for i in range(servers.WithLocalNames.lines)))
        warm(bench, work, running, few)
        count = int(max(60_000, 60_000 * bench.seconds))
        both = {
            "hit": rounds_of(bench, work, running, few, seconds=bench.seconds),
            "miss": rounds_of(bench, work, running, lambda number: zone.fresh(bench.folder, f"l{number}", count),
                              seconds=bench.seconds, runs=1)}
        # A hit of the one beside a local name of the other.
        names = {plain.name: [], with_names.name: []}
        for _ in range(bench.rounds):
            names[plain.name].append(load.measure(bench, plain, few, seconds=bench.seconds))
            names[with_names.name].append(load.measure(bench, with_names, hosts, seconds=bench.seconds))
        both["hit beside a local name"] = names
        for what, rounds in both.items():
            one, other = rounds[plain.name], rounds[with_names.name]
            more = sorted(b["total"] - a["total"] for a, b in zip(one, other))
            if not more:
                continue
            (user, total), (user_with, total_with) = cost_of(one), cost_of(other)
            work.rows.append([what, f"{user:.2f}", f"{total[0]:.2f}", f"{user_with:.2f}", f"{total_with[0]:.2f}",
                              f"{statistics.median(more):+.3f}", f"{more[0]:+.3f}–{more[-1]:+.3f}"])
            work.figures[what] = {"without": total[0], "with": total_with[0], "more": statistics.median(more)}
    with started(bench, work, [servers.WithManyLocalNames], upstream) as running:
        for server in running:
            cpu, found = server.cpu().total / 1e9, server.statistics()["local"]
            work.note(f"{server.lines:,} lines of hosts, {found['names']:,} names: {found['bytes'] / found['names']:.0f} bytes a name, "
                      f"{cpu:.2f} s of processor time until it serves")
            work.figures["load"] = {"names": found["names"], "bytes": found["bytes"], "cpu": cpu}
    return work


def streams(bench, upstream):
    work = Work("TCP hits, 32 connections, pipelined",
                ["Server", "user µs", "total µs", "range", "answers a CPU-second"])
    with shared(bench, work, [k for k in bench.kinds if k.speaks_tcp], upstream) as running:
        queries = zone.few(bench.folder)
        warm(bench, work, running, queries)
        for server in running:
            if server.note:
                work.note(f"{server.name}: {server.note}")
        rounds = rounds_of(bench, work, running, queries, seconds=bench.seconds, mode="tcp", clients=32, outstanding=640)
        for server in running:
            each = [r for r in rounds[server.name] if r["answered"] > 1]
            if not each:
                continue
            user, total = cost_of(each)
            work.rows.append([label(server), f"{user:.2f}", f"{total[0]:.2f}", f"{total[1]:.2f}–{total[2]:.2f}",
                              f"{1e6 / total[0]:,.0f}" if total[0] else ""])
            work.figures[server.name] = {"user": user, "total": total[0], "rounds": each}
    work.rows.sort(key=lambda row: float(row[2]))
    return work


def million(bench, upstream):
    """Fill, memory, hits at random, save and restart: all at a million names."""
    work = Work("1,000,000 names, one A record each: memory, and hits at random",
                ["Server", "names held", "octets a name", "user µs", "total µs", "range", "× floor"])
    kinds = [k for k in bench.kinds if not bench.options.quick or k.name in ("dns-cache-server", "dnsdist")]
    if len(kinds) < len(bench.kinds):
        work.note("quick: the slower servers are left out")
    queries = zone.many(bench.folder)
    memory = {}
    restarts = Work("1,000,000 names: save and restart", ["Server", "save s", "its CPU s", "file MB", "first answer ms",
                                                         "all back s", "its CPU s", "longest turn of the loop µs",
                                                         "processor time of the longest µs"])
    with started(bench, work, [servers.FloorHit], upstream) as floor, \
            started(bench, work, kinds, upstream, cache_octets=1 << 30) as running:
        for server in list(running):
            empty = server.resident()
            before = time.monotonic()
            try:
                for _ in range(1 if bench.options.quick else max(1, bench.options.warm_up)):
                    asked = upstream.queries()
                    load.dnsperf(bench, server.port, queries, runs=1, limit=300)
                    missed = upstream.queries() - asked
            except processes.Failure as failure:
                work.note(f"{server.name} is left out: {failure}")
                running.remove(server)
                server.stop()
                continue
            # What the last pass had to ask for again was not held.
            held = zone.MANY - missed if missed < zone.MANY // 2 else zone.MANY
            if server.takes_all_at_start:
                octets = server.resident() / server.entries
                work.note(f"{server.name} takes the memory for all of its {server.entries:,} entries at its start: octets an entry")
            else:
                octets = (server.resident() - empty) / max(held, 1)
            memory[server.name] = (held, octets)
            print(f"  {server.name}: {held:,} held, {octets:.0f} octets a name, filled in {time.monotonic() - before:.0f} s",
                  flush=True)
        rounds = rounds_of(bench, work, floor + running, queries, seconds=bench.seconds)
        for server in running:
            each = rounds[server.name]
            if not each:
                continue
            held, octets = memory[server.name]
            user, total = cost_of(each)
            pairs = [a["total"] / b["total"] for a, b in zip(each, rounds["floor"]) if b["total"]]
            ratio = statistics.median(pairs) if pairs else 0
            work.rows.append([label(server), f"{held:,}", f"{octets:.0f}", f"{user:.2f}", f"{total[0]:.2f}",
                              f"{total[1]:.2f}–{total[2]:.2f}", f"{ratio:.2f}"])
            work.figures[server.name] = {"held": held, "octets": octets, "user": user, "total": total[0],
                                         "ratio": ratio, "rounds": each}
        work.rows.sort(key=lambda row: float(row[4]))
        for server in running:
            try:
                restart(bench, restarts, server)
            except (processes.Failure, OSError, KeyError) as failure:
                restarts.note(f"{server.name}: {failure}")
    names = [s.name for s in running if not s.can_save]
    if names:
        restarts.note(f"{', '.join(names)}: the cache is lost with a restart")
    restarts.foreign = work.foreign
    return [work, restarts]


def restart(bench, work, server):
    """Saves, stops, starts again with the file, and sees how long each took."""
    if not server.can_save:
        return
    before = server.cpu()
    seconds, path = server.save()
    save_cpu, load_cpu = server.cpu().since(before)[1], None
    # What the file takes, holes aside.
    size = os.stat(path).st_blocks * 512 / 1e6
    first = back = turn = turn_cpu = None
    if isinstance(server, servers.Ours):
        before = server.statistics()
        names, turn, turn_cpu = before["cache"]["names"], before["loop"]["longest_slice_us"], before["loop"]["longest_slice_cpu_us"]
        processes.stop(server.process)
        begin = time.monotonic()
        server.process = processes.start(server.command(), bench.server_core, log=f"{server.folder}/out.log",
                                         cwd=server.folder)
        while not (processes.ask(server.port, f"n{500_000:06}.{zone.ZONE}", 0.1)) and time.monotonic() - begin < 60:
            time.sleep(0.0005)
        first = time.monotonic() - begin
        while time.monotonic() - begin < 120:
            try:
                now = server.statistics()
            except processes.Failure:
                continue
            if now["cache"]["names"] >= names and not now["snapshot"]["is_loading"]:
                back, load_cpu = time.monotonic() - begin, server.cpu().total / 1e9
                turn = max(turn, now["loop"]["longest_slice_us"])
                turn_cpu = max(turn_cpu, now["loop"]["longest_slice_cpu_us"])
                break
            time.sleep(0.005)
        if back is None:
            work.note(f"{server.name}: {now['cache']['names']:,} of {names:,} names were back after two minutes")
    elif not bench.options.quick or isinstance(server, servers.Kresd):
        processes.stop(server.process)
        server.start()
        first = server.seconds_to_answer
        back, load_cpu = first + server.load(path), server.cpu().total / 1e9
    work.rows.append([label(server), f"{seconds:.2f}", f"{save_cpu:.2f}", f"{size:.0f}",
                      f"{first * 1000:.0f}" if first else "", f"{back:.2f}" if back else "",
                      f"{load_cpu:.2f}" if load_cpu else "", f"{turn:,}" if turn is not None else "not known",
                      f"{turn_cpu:,}" if turn_cpu is not None else "not known"])
    work.figures[server.name] = {"save": seconds, "save cpu": save_cpu, "load cpu": load_cpu, "megabytes": size, "first": first, "back": back, "turn": turn, "turn cpu": turn_cpu}
    print(f"  {server.name}: " + ", ".join(f"{c}: {v}" for c, v in zip(work.columns[1:], work.rows[-1][1:])), flush=True)


# Rate of the measured hits and of the other half, questions a second: far below what any server can do.
PACE = 4_000


def dead(bench, upstream):
    """Latency of hits while as many questions go to an upstream that says nothing."""
    work = Work("Latency of hits while half of the questions go to a dead upstream",
                ["Server", "idle p50 µs", "idle p99 µs", "dead p50 µs", "dead p99 µs", "p99 more by ms",
                 "hits lost"])
    seconds = max(2, int(bench.seconds))
    few = zone.few(bench.folder)
    unknown = zone.fresh(bench.folder, "dead", PACE * 30)
    with started(bench, work, bench.kinds, upstream) as running:
        warm(bench, work, running, few)
        seen = {(server.name, state): [] for server in running for state in ("idle", "dead")}
        for state, other in [("idle", few), ("dead", unknown)]:
            stopped = machine.descendants(upstream.process.pid) if state == "dead" else []
            signal_all(stopped, signal.SIGSTOP)
            try:
                for _ in range(max(1, bench.rounds // 2)):
                    for server in running:
                        seen[server.name, state].append(paced(bench, server, few, other, seconds))
            finally:
                signal_all(stopped, signal.SIGCONT)
        for server in running:
            idle, dying = seen[server.name, "idle"], seen[server.name, "dead"]
            work.saw(idle + dying)
            if not all(r["answered"] for r in idle + dying):
                work.note(f"{server.name} answered nothing in some round")
                continue
            p = [load.summary(r, key)[0] for r in (idle, dying) for key in ("p50", "p99")]
            work.rows.append([label(server), *(f"{v:.0f}" for v in p), f"{(p[3] - p[1]) / 1e3:+.2f}",
                              str(sum(r["sent"] - r["answered"] for r in dying))])
            work.figures[server.name] = {"idle": idle, "dead": dying}
    work.rows.sort(key=lambda row: float(row[4]))
    work.note(f"{PACE:,} hits and {PACE:,} other questions a second, medians of rounds; the time of an answer is the "
              "kernel's, so that only what the server waits for its core adds noise")
    return work


def signal_all(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def paced(bench, server, measured, other, seconds):
    """Hits at a pace beside another load; the percentiles of their latency."""
    second = processes.start(["dnsperf", "-s", "127.0.0.1", "-p", server.port, "-Q", PACE, "-c", "4", "-T", "1", "-d", other,
                              "-l", seconds + 1, "-q", 20_000, "-t", "1"], bench.load_core)
    try:
        time.sleep(0.7)  # until what waits for the upstream is as much as it gets in this time
        busy, ours, wall = machine.busy_seconds(), machine.CPU(bench.pid), time.monotonic()
        figures = json.loads(processes.run([bench.tool("latency"), server.port, measured, PACE, seconds], bench.load_core, 60))
        wall = time.monotonic() - wall
    finally:
        processes.stop(second)
    figures["foreign"] = max(0.0, (machine.busy_seconds() - busy - machine.CPU(bench.pid).since(ours)[1]) / wall)
    return figures


# Times of filling, and seconds until a name expires: longer than a fill takes.
CHURN_FILLS, CHURN_TTL = 10, 15


def churn(bench, upstream):
    """Fills the cache with names of other sizes again and again; between the fills all of them expire."""
    fills = 3 if bench.options.quick else CHURN_FILLS
    work = Work(f"Churn: {fills} fills with names of other sizes, all expired between",
                ["Fill", "names", "octets in use", "resident MiB after the fill", "× first", "resident MiB when expired"])
    upstream = zone.Upstream(bench.folder, bench.scratch, bench.load_core, CHURN_TTL)
    with started(bench, work, [k for k in bench.kinds if k is servers.Ours], upstream, cache_octets=1 << 30,
                 stale=False) as running:
        for server in running:
            resident = []
            for number in range(fills):
                figures = load.dnsperf(bench, server.port, zone.churned(bench.folder, number), runs=1, limit=60)
                full = server.statistics()["cache"]
                resident.append(server.resident())
                end = time.monotonic() + 60
                while server.statistics()["cache"]["names"] > full["names"] // 100 and time.monotonic() < end:
                    time.sleep(1)
                work.rows.append([f"{number + 1}: {zone.CHURN[number % len(zone.CHURN)][0]}", f"{full['names']:,}",
                                  f"{full['bytes']:,}", f"{resident[-1] / (1 << 20):.1f}", f"{resident[-1] / resident[0]:.2f}",
                                  f"{server.resident() / (1 << 20):.1f}"])
                print("  " + "  ".join(work.rows[-1]), flush=True)
                if figures.lost > 0.02 * figures.sent:
                    work.note(f"{figures.lost} of {figures.sent} questions were lost in fill {number + 1}")
            work.figures[server.name] = {"resident": resident}
    upstream.stop()
    return work


def zipf(bench, upstream):
    """A cold start on a Zipf-shaped load with little memory: how much of it is hits, at what cost."""
    octets = 4 << 20
    count, pieces = (240_000, 6) if bench.options.quick else (1_200_000, 12)
    work = Work(f"Cold start, Zipf 1.1 over 1,000,000 names, {count:,} questions, {octets >> 20} MiB for the cache",
                ["Server", "hits of all", "hits of the last third", "total µs a question", "resident MiB"])
    path = zone.zipf(bench.folder, count)
    with open(path) as file:
        questions = file.readlines()
    kinds = [k for k in bench.kinds if k.name in ("dns-cache-server", "dnsdist", "unbound")]
    each = count // pieces
    held = None
    with started(bench, work, kinds, upstream, entries=octets // 258, cache_octets=octets) as running:
        curves = {server.name: [] for server in running}
        for piece in range(pieces):
            part = os.path.join(bench.scratch, f"zipf-{piece}.queries")
            with open(part, "w") as file:
                file.writelines(questions[piece * each:(piece + 1) * each])
            for server in running:
                asked = upstream.queries()
                figures = load.measure(bench, server, part, runs=1, limit=120)
                asked = upstream.queries() - asked
                curves[server.name].append((1 - asked / max(figures["answered"], 1), figures["total"]))
                work.saw([figures])
        for server in running:
            ratios = [ratio for ratio, _ in curves[server.name]]
            costs = [cost for _, cost in curves[server.name]]
            tail = ratios[-max(1, pieces // 3):]
            work.rows.append([label(server), f"{statistics.mean(ratios):.1%}", f"{statistics.mean(tail):.1%}",
                              f"{statistics.mean(costs):.2f}", f"{server.resident() / (1 << 20):.0f}"])
            work.figures[server.name] = {"ratios": ratios, "costs": costs, "resident": server.resident()}
            if isinstance(server, servers.Ours):
                state = server.statistics()["cache"]
                held = state["names"]
                work.note(f"{server.name} held {held:,} names at the end after {state['evictions']:,} evictions")
    if held:
        # What other ways to evict would have reached on the same questions with as many names.
        numbers = {}
        trace = [numbers.setdefault(q, len(numbers)) for q in questions]
        for name, policy in evictions.POLICIES.items():
            ratios = policy(trace, held, each)
            tail = ratios[-max(1, pieces // 3):]
            work.rows.append([f"*{name}, {held:,} names (computed)*", f"{statistics.mean(ratios):.1%}",
                              f"{statistics.mean(tail):.1%}", "", ""])
            work.figures[name] = {"ratios": ratios, "computed": True}
    work.note("dnsdist has as many entries as fit at 258 octets each; unbound's two caches share the memory 1 to 2")
    for row in work.rows:
        print("  " + "  ".join(row), flush=True)
    return work


WORKS = {
    "hit": hits("Hit, 10,000 names warm, UDP", zone.few),
    "cname": hits("Hit through a CNAME", zone.aliases),
    "eight": hits("Hit with 8 records", zone.eights),
    "nxdomain": hits("NXDOMAIN hit", zone.absent, ("NXDOMAIN",)),
    "tcp": streams,
    "miss": misses,
    "local": local,
    "million": million,
    "dead": dead,
    "churn": churn,
    "zipf": zipf,
}
# Left out of a quick run unless asked for: they wait for names to expire.
SLOW = {"churn"}
# Those that use the same servers, one after the other.
SHARING = {"hit", "cname", "eight", "nxdomain", "tcp"}
