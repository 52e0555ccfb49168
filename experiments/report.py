"""The index of a folder of results: a page that shows what every experiment found.

It is drawn from the files in the folder alone, so that it keeps what earlier runs wrote.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments import storage
from experiments.outcome import VERDICTS

INDEX = "README.md"
BADGES = {"confirmed": "✅ confirmed", "qualified": "🟡 qualified", "refuted": "❌ refuted"}


def write_index(out: Path) -> None:
    """Writes the index page of the results in `out`.

    Raises:
        CannotWrite: If the page cannot be written, or a file that it is drawn from is broken.
    """
    storage.replace_file(out / INDEX, index(out).encode())


def index(out: Path) -> str:
    """The index page of the results in `out`, as Markdown."""
    results = list(_results(out))
    return "\n".join([*_head(results), *(line for result in results for line in _section(*result))])


def _results(out: Path) -> Iterator[tuple[Path, dict[str, Any], dict[str, Any]]]:
    for folder in sorted(out.iterdir()):
        found, run = folder / storage.FINDINGS, folder / storage.RUN
        if folder.name.startswith(".") or not found.is_file() or not run.is_file():
            continue
        try:
            yield folder, json.loads(found.read_bytes()), json.loads(run.read_bytes())
        except ValueError as error:
            raise storage.CannotWrite(
                f"Cannot read the results in '{folder}': {error}. Delete the folder, and run "
                f"`python -m experiments {folder.name}`."
            ) from error


def _head(results: list[tuple[Path, dict[str, Any], dict[str, Any]]]) -> Iterator[str]:
    findings = [
        (finding, found["experiment"]) for _, found, _ in results for finding in found["findings"]
    ]
    counts = Counter(finding["verdict"] for finding, _ in findings)
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
        "An experiment's section has its figures, what they show, the rule and the numbers behind "
        "each verdict, and the command that makes it all again. Change the settings at the top of "
        "its module to try your own."
    )
    yield ""
    yield "## Experiments"
    yield ""
    for _, found, _ in results:
        yield f"- [{_text(found['title'])}](#{found['experiment']}): {_text(found['question'])}"
    yield ""
    yield "## Verdicts"
    yield ""
    yield "| claim | verdict | what was found | experiment |"
    yield "| --- | --- | --- | --- |"
    for finding, name in sorted(findings, key=lambda pair: (_natural(pair[0]["claim"]), pair[1])):
        badge = BADGES[finding["verdict"]].replace(" ", "&nbsp;")
        statement = _cell(finding["statement"])
        yield f"| {_cell(finding['claim'])} | {badge} | {statement} | [{name}](#{name}) |"
    yield ""


def _section(folder: Path, found: dict[str, Any], run: dict[str, Any]) -> Iterator[str]:
    name = found["experiment"]
    yield f'<a id="{name}"></a>'
    yield ""
    yield f"## {_text(found['title'])}"
    yield ""
    yield f"**{_text(found['question'])}**"
    yield ""
    if found["description"]:
        yield _text(found["description"])
        yield ""
    for figure in sorted(folder.glob("*.png")):
        label = figure.stem.replace("_", " ")
        yield f"![{_text(found['title'])}: {label}]({name}/{figure.name})"
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
        f"[{table.name}]({name}/{table.name}) ({_rows(table):,} rows)"
        for table in sorted(folder.glob("*.csv"))
    ]
    yield f"Tables: {', '.join(tables)}. Numbers: [findings]({name}/{storage.FINDINGS})."
    yield ""
    yield f"{_made_with(run)} [All versions and settings]({name}/{storage.RUN})."
    yield ""


def _finding(finding: dict[str, Any]) -> Iterator[str]:
    badge = BADGES[finding["verdict"]]
    yield f"**{_text(finding['claim'])} {badge}.** {_text(finding['statement'])}"
    yield ""
    yield "<details><summary>How this was decided</summary>"
    yield ""
    yield _text(finding["rule"])
    yield ""
    yield "| number | value |"
    yield "| --- | ---: |"
    for label, value in finding["numbers"].items():
        yield f"| {_cell(label)} | {_number(value)} |"
    yield ""
    yield "</details>"
    yield ""


def _made_with(run: dict[str, Any]) -> str:
    seconds = run["seconds"]
    took = f"{seconds:.2g} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    seeds = run["seeds"]
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        listed = f"{seeds[0]} to {seeds[-1]}"
    else:
        listed = ", ".join(str(seed) for seed in seeds)
    device = run["device"]
    where = ", ".join([device["cpu"], f"{device['cores']} cores", *device.get("gpus", [])])
    repeated = f" with the seeds {listed}" if seeds else ""
    versions = run["versions"]
    backend = run["backend"]
    library = f"Keras {versions['keras']} on {backend} {versions.get(backend, '')}".rstrip()
    return f"Took {took}{repeated}, {library} ({where})."


def _rows(table: Path) -> int:
    return table.read_bytes().count(b"\n") - 1  # without the line of the names


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else _cell(str(value))


def _natural(claim: str) -> list[Any]:
    """A key that sorts C2 before C10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", claim)]


def _cell(text: str) -> str:
    """The text as a cell of a table, where a bar ends the cell even in code."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(_text(text).split()))


def _text(text: str) -> str:
    """The text with what Markdown would take for markup escaped, except in code."""
    parts = re.split(r"(`+[^`]+`+)", text)
    parts[::2] = [re.sub(r"([*<~|\\])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)
