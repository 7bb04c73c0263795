"""Results as Markdown, JSON and plots, and the tables in docs/performance.md."""

import json
import os
import shutil

from . import plots, processes

BEGIN = "<!-- The tables from here on are written by benchmarks/run. -->"
END = "<!-- Until here. -->"


def table(work):
    lines = ["| " + " | ".join(work["columns"]) + " |",
             "|---" + "|---:" * (len(work["columns"]) - 1) + "|"]
    for row in work["rows"]:
        cells = [f"**{cell}**" for cell in row] if row[0].startswith("dns-cache-server") else row
        lines.append("| " + " | ".join(c if c.strip("*") else "–" for c in cells) + " |")
    return "\n".join(lines)


def section(name, work, picture=""):
    lines = [f"### {work['title']}", ""]
    if picture:
        lines += [picture, ""]
    lines += [table(work), ""]
    busy = (f" **Taken while the machine was busy** (others used {work['others used']:.2f} cores); read the ratios, "
            "not the microseconds.") if work["is busy"] else ""
    lines.append(f"{work['date']}, {work['machine']}; load average {work['load average']:.1f} at the start.{busy} "
                 f"`{work['command']}`")
    lines += [""] + [f"- {note}" for note in work["notes"]]
    return "\n".join(lines).rstrip() + "\n"


PICTURES = {"hit": "hit.svg", "miss": "miss.svg", "million": "memory.svg", "restart": "restart.svg", "zipf": "zipf.svg"}
ORDER = ["hit", "million", "restart", "cname", "eight", "nxdomain", "miss", "tcp", "dead", "churn", "zipf"]


class Results:
    """A folder of results. Works measured again replace their earlier outcome; others stay."""

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, "results.json")
        self.works = {}
        if os.path.exists(self.path):
            with open(self.path) as file:
                self.works = json.load(file)["works"]

    def write(self):
        os.makedirs(self.folder, exist_ok=True)
        with open(self.path + ".part", "w") as file:
            json.dump({"works": self.works}, file, indent=1, ensure_ascii=False, sort_keys=True)
            file.write("\n")
        os.rename(self.path + ".part", self.path)
        for name, text in plots.from_results(self.works).items():
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(text)

    def sections(self, pictures_in):
        """The works that were measured: title -> Markdown."""
        sections = {}
        for name in ORDER:
            if name in self.works:
                title, picture = self.works[name]["title"], PICTURES.get(name)
                has = picture and os.path.exists(os.path.join(self.folder, picture))
                sections[title] = section(name, self.works[name], f"![{title}]({pictures_in}/{picture})" if has else "")
        return sections

    def record(self, document, pictures):
        """Puts the tables between the marks of a document, each in the place of the one before, and the plots beside."""
        with open(document) as file:
            text = file.read()
        head, begin, rest = text.partition(BEGIN)
        body, end, tail = rest.partition(END)
        if not begin or not end:
            raise processes.Failure(f"{document} has no place for the tables")
        sections = {part.split("\n", 1)[0]: f"### {part.rstrip()}\n" for part in body.split("\n### ")[1:]}
        sections.update(self.sections(os.path.relpath(pictures, os.path.dirname(document))))
        with open(document, "w") as file:
            file.write(f"{head}{BEGIN}\n\n" + "\n".join(sections.values()) + f"\n{END}{tail}")
        for name in plots.from_results(self.works):
            shutil.copy(os.path.join(self.folder, name), pictures)
