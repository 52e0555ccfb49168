"""The index of a folder of results: a page that shows what every experiment found.

It is drawn from the files in the folder, and the list of the claims, alone, so that it keeps what
earlier runs wrote.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from experiments.outcome import VERDICTS
from experiments.runner import ledger, speed_page, storage
from experiments.runner.ledger import Claim
from experiments.runner.markdown import cell, escaped_text, in_one_line
from experiments.runner.provenance import device_in_words
from experiments.runner.results import Result, results_in

INDEX = "README.md"
BADGES = {"confirmed": "✅ confirmed", "qualified": "🟡 qualified", "refuted": "❌ refuted"}


def write_index(out: Path, claims: Sequence[Claim] = ()) -> None:
    """Writes the ledger of the claims, and the pages of the speeds and of all results in `out`.

    Raises:
        CannotWrite: If they cannot be written, or a file that they are drawn from is broken.
    """
    there = list(results_in(out))
    rows = ledger.ledger(claims, [result.found for result in there])
    storage.replace_file(out / ledger.FILE, ledger.as_csv(rows))
    speeds = speed_page.page(there)
    if speeds:
        storage.replace_file(out / speed_page.PAGE, speeds.encode())
    lines = [
        *_head(there, claims, rows, bool(speeds)),
        *(line for one in there for line in _section(*one)),
    ]
    storage.replace_file(out / INDEX, "\n".join(lines).encode())


def _head(
    results: Sequence[Result],
    claims: Sequence[Claim],
    rows: Sequence[Mapping[str, Any]],
    has_speeds: bool,
) -> Iterator[str]:
    verdicts = {row["claim"]: row["verdict"] for row in rows}
    counts = Counter(verdicts.values())
    tally = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
    yield "# What the experiments found"
    yield ""
    if any(run["quick"] for _, _, run in results):
        yield "> **Quick settings.** These results only show that everything runs."
        yield ""
    yield (
        "Every claim below is one that texts on L1 and L2 regularization make. A program measured "
        "it and decided, by a rule that stands beside the numbers: "
        f"{BADGES['confirmed']}, {BADGES['qualified']} (true under conditions that the sentence "
        f"names) or {BADGES['refuted']}. So far: {tally}."
    )
    yield ""
    yield (
        "Where several experiments looked at a claim, it is confirmed or refuted only if all of "
        "them say so. A number is the median over the runs (seeds, splits, resamples), with the "
        f"least and the largest. The same as a table: [{ledger.FILE}]({ledger.FILE})."
    )
    yield ""
    if has_speeds:
        link = f"[{speed_page.PAGE}]({speed_page.PAGE})"
        yield f"How fast all of it is, beside what was asked and what others do: {link}."
        yield ""
    yield from _verdicts(claims, rows)
    yield "## Experiments"
    yield ""
    yield (
        "A section has the experiment's figures, what they show, the rule and the numbers behind "
        "each verdict, and the command that makes it all again. Change the settings at the top of "
        "its module to try your own."
    )
    yield ""
    for _, found, _ in results:
        title, question = (in_one_line(found[name]) for name in ("title", "question"))
        yield f"- [{title}](#{found['experiment']}): {question}"
    yield ""


def _verdicts(claims: Sequence[Claim], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The ledger as tables, one a topic; claims that are nobody's come last."""
    of: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        of.setdefault(row["claim"], []).append(row)
    others = sorted(set(of).difference(claim.claim for claim in claims), key=_natural)
    listed = [*claims, *(Claim(name, "Other claims", "", "", ()) for name in others)]
    for topic, some in groupby(listed, key=lambda claim: claim.topic):
        yield f"## {escaped_text(topic)}"
        yield ""
        yield "| claim | verdict | what was found |"
        yield "| --- | --- | --- |"
        for claim in some:
            yield _verdict(claim, of.get(claim.claim, []))
        yield ""


def _verdict(claim: Claim, rows: Sequence[Mapping[str, Any]]) -> str:
    badge = BADGES[rows[0]["verdict"]].replace(" ", "&nbsp;") if rows else "not measured yet"
    found = "<br><br>".join(f"{cell(row['statement'])}<br>{_decisive(row)}" for row in rows)
    text = f"**{cell(claim.claim)}** {cell(claim.text)}".strip()
    return f"| {text} | {badge} | {found} |"


def _decisive(row: Mapping[str, Any]) -> str:
    """The number that decided, with its spread and its experiment, in small letters."""
    name, spread = row["experiment"], ""
    if row["n_runs"] > 1:
        spread = f" ({_number(row['least'])} to {_number(row['largest'])}, {row['n_runs']} runs)"
    number = f"{cell(row['number'])}: {_number(row['median'])}{spread}"
    return f"<sub>[{name}](#{name}): {number}</sub>"


def _section(folder: Path, found: dict[str, Any], run: dict[str, Any]) -> Iterator[str]:
    name = found["experiment"]
    yield f'<a id="{name}"></a>'
    yield ""
    yield f"## {in_one_line(found['title'])}"
    yield ""
    yield f"**{in_one_line(found['question'])}**"
    yield ""
    if found["description"]:
        yield escaped_text(found["description"])
        yield ""
    for figure in _files(folder, "*.png"):
        label = f"{found['title']}: {storage.printable(figure.stem.replace('_', ' '))}"
        yield f"![{in_one_line(label)}]({_link(figure)})"
        yield ""
    for finding in found["findings"]:
        yield from _finding(finding)
    yield "Again, with the settings at the top of the module:"
    yield ""
    yield "```sh"
    yield f"python -m experiments {name}"
    yield "```"
    yield ""
    tables = [
        f"[{in_one_line(storage.printable(table.name))}]({_link(table)}) ({_rows(table):,} rows)"
        for table in _files(folder, "*.csv")
    ]
    yield f"Tables: {', '.join(tables)}. Numbers: [findings]({name}/{storage.FINDINGS})."
    yield ""
    yield f"{_made_with(run)} [All versions and settings]({name}/{storage.RUN})."
    yield ""


def _finding(finding: dict[str, Any]) -> Iterator[str]:
    badge = BADGES[finding["verdict"]]
    yield f"**{escaped_text(finding['claim'])} {badge}.** {escaped_text(finding['statement'])}"
    yield ""
    yield "<details><summary>How this was decided</summary>"
    yield ""
    yield escaped_text(finding["rule"])
    yield ""
    yield "| number | value |"
    yield "| --- | ---: |"
    decisive = finding["decisive"]
    yield f"| **{cell(decisive['name'])}** | {_number(decisive['median'])} |"
    if decisive["n_runs"] > 1:
        yield f"| its least value in {decisive['n_runs']:,} runs | {_number(decisive['least'])} |"
        yield f"| its largest value | {_number(decisive['largest'])} |"
    for label, value in finding["numbers"].items():
        yield f"| {cell(label)} | {_number(value)} |"
    yield ""
    yield "</details>"
    yield ""


def _made_with(run: dict[str, Any]) -> str:
    seconds = run["seconds"]
    took = f"{seconds:.2g} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    seeds = run["seeds"]
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[0] + len(seeds))):
        listed = f"{seeds[0]} to {seeds[-1]}"
    else:
        listed = ", ".join(str(seed) for seed in seeds)
    where = device_in_words(run["device"])
    repeated = f" with the seeds {listed}" if seeds else ""
    versions = run["versions"]
    backend = run["backend"]
    library = f"Keras {versions['keras']} on {backend} {versions.get(backend, '')}".rstrip()
    return f"Took {took}{repeated}, {in_one_line(library)} ({in_one_line(where)})."


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.is_file())


def _link(path: Path) -> str:
    return f"{path.parent.name}/{quote(os.fsencode(path.name))}"


def _rows(table: Path) -> int:
    return table.read_bytes().count(b"\n") - 1  # without the line of the names


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else cell(str(value))


def _natural(claim: str) -> list[str]:
    """A key that sorts C2 before C10."""
    return [part.zfill(9) if part.isdecimal() else part for part in re.split(r"(\d+)", claim)]
