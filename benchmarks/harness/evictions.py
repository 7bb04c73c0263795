"""Ways to evict, computed on a trace: what hit ratio each reaches with a number of names in the cache.

A policy takes the trace (numbers of names), the capacity, and the length of a piece; it gives the hit ratio
of each piece.
"""

import collections
import heapq


def pieces(outcomes, length):
    return [sum(outcomes[i:i + length]) / len(outcomes[i:i + length]) for i in range(0, len(outcomes), length)]


def lru(trace, capacity, length):
    """The least recently used goes."""
    kept, outcomes = collections.OrderedDict(), []
    for name in trace:
        hit = name in kept
        outcomes.append(hit)
        if hit:
            kept.move_to_end(name)
        else:
            kept[name] = True
            if len(kept) > capacity:
                kept.popitem(last=False)
    return pieces(outcomes, length)


def sieve(trace, capacity, length):
    """SIEVE (Zhang and others, NSDI 2024): a queue in order of insertion, and a hand that goes from the oldest
    to the newest, spares what was visited since it last came by, and evicts the first that was not."""
    visited, newer, older, outcomes = {}, {}, {}, []
    newest = oldest = hand = None
    for name in trace:
        hit = name in visited
        outcomes.append(hit)
        if hit:
            visited[name] = True
            continue
        if len(visited) >= capacity:
            # At most one turn through the queue: each step clears a mark.
            at = hand if hand is not None else oldest
            while visited[at]:
                visited[at] = False
                at = newer[at] if newer[at] is not None else oldest
            hand = newer[at]
            if newer[at] is not None:
                older[newer[at]] = older[at]
            else:
                newest = older[at]
            if older[at] is not None:
                newer[older[at]] = newer[at]
            else:
                oldest = newer[at]
            del visited[at], newer[at], older[at]
        visited[name], newer[name], older[name] = False, None, newest
        if newest is not None:
            newer[newest] = name
        newest = name
        if oldest is None:
            oldest = name
    return pieces(outcomes, length)


def optimum(trace, capacity, length):
    """Belady's: what is needed again last goes, or is not kept at all. No cache can do better."""
    never = len(trace)
    following, last = [never] * len(trace), {}
    for position in range(len(trace) - 1, -1, -1):
        following[position] = last.get(trace[position], never)
        last[trace[position]] = position
    kept, order, outcomes = {}, [], []
    for position, name in enumerate(trace):
        hit = name in kept
        outcomes.append(hit)
        kept[name] = following[position]
        heapq.heappush(order, (-following[position], name))
        if len(kept) > capacity:
            while True:
                due, victim = heapq.heappop(order)
                # An entry that was renewed since is void.
                if kept.get(victim) == -due:
                    del kept[victim]
                    break
    return pieces(outcomes, length)


POLICIES = {"LRU": lru, "SIEVE": sieve, "optimum": optimum}
