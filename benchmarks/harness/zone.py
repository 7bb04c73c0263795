"""The zone that the upstream serves, the upstream itself, and the files of queries.

n000000 … n999999.example.net   one A record each, each its own address
c00000 … c09999                 a CNAME to n00000x
m00000 … m09999                 eight A records
*.w.example.net                 one A record, for names never seen
anything else                   does not exist
"""

import itertools
import os
import random

from . import processes

ZONE = "example.net"
MANY = 1_000_000
FEW = 10_000
TTL = 86_400
SEED = 20_260_801


def write_zone(path):
    """Writes the zone file, unless it is there."""
    if os.path.exists(path):
        return
    with open(path + ".part", "w") as file:
        file.write(f"$ORIGIN {ZONE}.\n$TTL {TTL}\n"
                   f"@ SOA ns hostmaster 1 3600 600 864000 3600\n@ NS ns\nns A 192.0.2.53\n*.w A 192.0.2.1\n")
        for i in range(MANY):
            file.write(f"n{i:06} A 10.{i >> 16}.{i >> 8 & 255}.{i & 255}\n")
        for i in range(FEW):
            file.write(f"c{i:05} CNAME n{i:06}\n")
            for j in range(8):
                file.write(f"m{i:05} A 172.{16 + j}.{i >> 8}.{i & 255}\n")
    os.rename(path + ".part", path)


# What the names of a fill have, for the churn: described, how many, so that each fill takes about as many
# octets in our cache, type, records.
CHURN = [
    ("one A record", 200_000, "A", ["A 192.0.2.1"]),
    ("a text of 400 octets", 44_600, "TXT", ["TXT " + " ".join(['"' + "x" * 199 + '"'] * 2)]),
    ("eight A records", 88_000, "A", [f"A 192.0.2.{i}" for i in range(1, 9)]),
    ("a text of 60 octets", 143_000, "TXT", ['TXT "' + "x" * 59 + '"']),
    ("a text of 900 octets", 22_100, "TXT", ["TXT " + " ".join(['"' + "x" * 224 + '"'] * 4)]),
    ("one AAAA record", 176_000, "AAAA", ["AAAA 2001:db8::1"]),
]


def write_churn(path, ttl):
    """Writes a zone with a wildcard for each kind of name in the churn."""
    with open(path, "w") as file:
        file.write(f"$ORIGIN {ZONE}.\n$TTL {ttl}\n@ SOA ns hostmaster 1 3600 600 864000 3600\n@ NS ns\nns A 192.0.2.53\n"
                   f"n000000 A 192.0.2.1\n*.w A 192.0.2.1\n")
        for number, (_, _, _, records) in enumerate(CHURN):
            file.writelines(f"*.k{number} {record}\n" for record in records)


def churned(folder, fill):
    """Queries for the names of a fill."""
    kind = fill % len(CHURN)
    count = CHURN[kind][1]
    return write_queries(f"{folder}/churn-{fill}-{count}.queries", (f"f{fill}x{i:06}.k{kind}" for i in range(count)),
                         CHURN[kind][2])


class Upstream:
    """NSD with the zone, on a core, with one process for answers."""

    def __init__(self, folder, scratch, core, churn_ttl=None):
        self.port = processes.free_port()
        file_name = "churn.zone" if churn_ttl else "example.net.zone"
        if churn_ttl:
            write_churn(os.path.join(folder, file_name), churn_ttl)
        else:
            write_zone(os.path.join(folder, file_name))
        self.run = os.path.join(scratch, f"nsd-{self.port}")
        os.makedirs(self.run, exist_ok=True)
        self.configuration = os.path.join(self.run, "nsd.conf")
        with open(self.configuration, "w") as file:
            file.write(f"""server:
  ip-address: 127.0.0.1@{self.port}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{folder}"
  pidfile: "{self.run}/nsd.pid"
  xfrdfile: "{self.run}/xfrd.state"
  zonelistfile: "{self.run}/zone.list"
  xfrdir: "{self.run}"
  logfile: "{self.run}/nsd.log"
  tcp-count: 1000
  receive-buffer-size: 4194304
  send-buffer-size: 4194304
  minimal-responses: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: yes
  control-interface: "{self.run}/control.sock"
zone:
  name: {ZONE}
  zonefile: "{file_name}"
""")
        self.process = processes.start(["nsd", "-d", "-c", self.configuration], core, log=f"{self.run}/out.log")
        processes.wait_for_answer(self.port, f"n000000.{ZONE}", self.process, 120)

    def queries(self):
        """Queries that it has had since its start."""
        for line in processes.run(["nsd-control", "-c", self.configuration, "stats_noreset"]).splitlines():
            if line.startswith("num.queries="):
                return int(line.split("=")[1])
        raise processes.Failure("nsd-control stats_noreset gives no num.queries")

    def stop(self):
        processes.stop(self.process)


def write_queries(path, names, kind="A"):
    """Writes a file of queries for dnsperf, unless it is there; returns its path."""
    if not os.path.exists(path):
        with open(path + ".part", "w") as file:
            file.writelines(f"{name}.{ZONE} {kind}\n" for name in names)
        os.rename(path + ".part", path)
    return path


def shuffled(count, pattern):
    order = list(range(count))
    random.Random(SEED).shuffle(order)
    return (pattern % i for i in order)


def few(folder):
    return write_queries(f"{folder}/few.queries", shuffled(FEW, "n%06d"))


def aliases(folder):
    return write_queries(f"{folder}/aliases.queries", shuffled(FEW, "c%05d"))


def eights(folder):
    return write_queries(f"{folder}/eights.queries", shuffled(FEW, "m%05d"))


def absent(folder):
    return write_queries(f"{folder}/absent.queries", shuffled(FEW, "x%05d"))


def many(folder):
    """Every name once, at random."""
    return write_queries(f"{folder}/many.queries", shuffled(MANY, "n%06d"))


def fresh(folder, label, count=500_000):
    """Names that no server has seen before, as long as each label is used once a server."""
    return write_queries(f"{folder}/fresh-{label}.queries", (f"{label}x{i:06}.w" for i in range(count)))


def zipf(folder, count, exponent=1.1):
    """A million names, the k-th asked for in proportion to k to the power of -exponent."""
    path = f"{folder}/zipf-{count}.queries"
    if os.path.exists(path):
        return path
    cumulative = list(itertools.accumulate(k ** -exponent for k in range(1, MANY + 1)))
    chosen = random.Random(SEED).choices(range(MANY), cum_weights=cumulative, k=count)
    # The popular names are not neighbours.
    return write_queries(path, (f"n{i * 611_953 % MANY:06}" for i in chosen))
