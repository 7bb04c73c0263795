"""Plots as SVG by hand: no fonts, no scripts, readable on light and dark ground."""

from html import escape

STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #57606a }
.title { font-weight: 600; font-size: 15px }
.ours { font-weight: 600 }
.axis { stroke: #8c959f; stroke-width: 1 }
.grid { stroke: #8c959f; stroke-width: 1; opacity: 0.25 }
@media (prefers-color-scheme: dark) { text { fill: #c9d1d9 } }
</style>"""
BLUE, ORANGE, GREY, GREEN = "#2f81d7", "#d9822b", "#8c959f", "#2da44e"
OURS = "dns-cache-server"
# A line's colour and dashes; servers in colour, what is computed in grey.
LINES = {OURS: (BLUE, ""), "dnsdist": (ORANGE, ""), "unbound": (GREEN, ""),
         "optimum": (GREY, ""), "SIEVE": (GREY, "6 3"), "LRU": (GREY, "2 3")}


def document(width, height, title, body):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" aria-label="{escape(title, quote=True)}">\n{STYLE}\n'
            f'<text class="title" x="10" y="22">{escape(title)}</text>\n{body}\n</svg>\n')


def bars(title, rows, parts, unit):
    """Horizontal bars. `rows`: (name, [value of each part]); `parts`: (name, colour)."""
    width, left, right, top, step = 720, 150, 90, 62, 30
    most = max(sum(values) for _, values in rows) or 1
    scale = (width - left - right) / most
    out, x = [], 150
    if len(parts) > 1:
        for name, colour in parts:
            out.append(f'<rect x="{x}" y="36" width="12" height="12" fill="{colour}"/>'
                       f'<text x="{x + 18}" y="47">{escape(name)}</text>')
            x += 34 + 8 * len(name)
    for number, (name, values) in enumerate(rows):
        y, x = top + number * step, left
        mark = ' class="ours"' if name == OURS else ""
        out.append(f'<text{mark} x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>')
        for value, (_, colour) in zip(values, parts):
            opacity = "1" if name == OURS or name.startswith("floor") else "0.7"
            out.append(f'<rect x="{x:.1f}" y="{y}" width="{max(value * scale, 0.5):.1f}" height="20" fill="{colour}" '
                       f'opacity="{opacity}"/>')
            x += value * scale
        out.append(f'<text{mark} x="{x + 6:.1f}" y="{y + 15}">{sum(values):,.{digits(sum(values))}f} {escape(unit)}</text>')
    bottom = top + len(rows) * step
    out.append(f'<line class="axis" x1="{left}" y1="{top - 6}" x2="{left}" y2="{bottom}"/>')
    return document(width, bottom + 12, title, "\n".join(out))


def digits(value):
    return 0 if value >= 100 else 1 if value >= 10 else 2


def lines(title, curves, horizontal):
    """Lines of shares over time. `curves`: name -> list of shares."""
    width, height, left, right, top, bottom = 720, 340, 60, 170, 46, 44
    values = [v for curve in curves.values() for v in curve]
    low, high = int(min(values) * 20) / 20, min(1.0, int(max(values) * 20 + 1) / 20)
    across, up = width - left - right, height - top - bottom
    out = []
    ticks = round((high - low) * 20)
    for tick in range(ticks + 1):
        y = height - bottom - up * tick / max(ticks, 1)
        out.append(f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{left + across}" y2="{y:.1f}"/>'
                   f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{low + tick / 20:.0%}</text>')
    # The names at the ends of the lines, apart from each other.
    ends = sorted(curves, key=lambda name: -curves[name][-1])
    place = {}
    for name in ends:
        y = height - bottom - up * (curves[name][-1] - low) / (high - low)
        place[name] = max(y, max(place.values(), default=top - 20) + 16)
    # Ours last, on top.
    for name, curve in sorted(curves.items(), key=lambda item: (item[0] == OURS, item[0])):
        colour, dashes = LINES.get(name, (GREY, "1 3"))
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        points = " ".join(f"{left + across * (i + 0.5) / len(curve):.1f},"
                          f"{height - bottom - up * (v - low) / (high - low):.1f}" for i, v in enumerate(curve))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5" '
                   f'stroke-dasharray="{dashes}"/>')
        mark = ' class="ours"' if name == OURS else ""
        out.append(f'<line x1="{left + across + 6}" y1="{place[name]:.1f}" x2="{left + across + 20}" y2="{place[name]:.1f}" '
                   f'stroke="{colour}" stroke-width="2.5"{dashed}/>'
                   f'<text{mark} x="{left + across + 24}" y="{place[name] + 4:.1f}">{escape(name)}</text>')
    out.append(f'<text x="{left + across / 2:.0f}" y="{height - 14}" text-anchor="middle">{escape(horizontal)}</text>')
    return document(width, height, title, "\n".join(out))


def from_results(works):
    """The plots that the results allow: file name -> SVG."""
    plots = {}
    for name, title in [("hit", "CPU time of a hit, 10,000 names warm, UDP"), ("miss", "CPU time of a miss, names never seen")]:
        figures = works.get(name, {}).get("figures")
        if figures:
            rows = sorted(((n, [f["user"], f["total"] - f["user"]]) for n, f in figures.items()), key=lambda r: sum(r[1]))
            plots[f"{name}.svg"] = bars(title, rows, [("the server itself", ORANGE), ("the kernel, on its behalf", BLUE)], "µs")
    figures = works.get("million", {}).get("figures")
    if figures:
        rows = sorted(((n, [f["octets"]]) for n, f in figures.items() if f["octets"]), key=lambda r: r[1][0])
        plots["memory.svg"] = bars("Resident memory a name, 1,000,000 names", rows, [("", BLUE)], "octets")
    figures = works.get("restart", {}).get("figures")
    if figures:
        rows = [(n, [f["save"], f["back"]]) for n, f in figures.items() if f.get("back")]
        if rows:
            rows.sort(key=lambda r: sum(r[1]))
            plots["restart.svg"] = bars("Restart with 1,000,000 names", rows, [("save", ORANGE), ("until all are back", BLUE)], "s")
    figures = works.get("zipf", {}).get("figures")
    if figures:
        plots["zipf.svg"] = lines("Hit ratio after a cold start, Zipf 1.1, little memory",
                                  {n: f["ratios"] for n, f in figures.items()}, "questions asked →")
    return plots
