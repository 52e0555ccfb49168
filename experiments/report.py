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
from typing import Any, NamedTuple
from urllib.parse import quote

from experiments import ledger, speed_page, storage
from experiments.ledger import Claim
from experiments.outcome import VERDICTS

INDEX = "README.md"
# What the page is drawn from, of the two files of a result; `object` is anything.
_NUMBER = (int, float, str)  # infinity is a text
_DECISIVE = {"name": str, "median": _NUMBER, "least": _NUMBER, "largest": _NUMBER, "n_runs": int}
_FINDING = {
    "claim": str,
    "verdict": VERDICTS,
    "rule": str,
    "statement": str,
    "decisive": _DECISIVE,
    "numbers": {str: object},
}
_FOUND = {
    "experiment": str,
    "title": str,
    "question": str,
    "description": str,
    "findings": [_FINDING],
}
_RUN = {
    "quick": bool,
    "seeds": [int],
    "seconds": (int, float),
    "backend": str,
    "versions": {str: str, "keras": str},
    "device": {str: object, "cpu": str, "cores": object},
}

BADGES = {"confirmed": "✅ confirmed", "qualified": "🟡 qualified", "refuted": "❌ refuted"}


def write_index(out: Path, claims: Sequence[Claim] = ()) -> None:
    """Writes the ledger of the claims, and the pages of the speeds and of all results in `out`.

    Raises:
        CannotWrite: If they cannot be written, or a file that they are drawn from is broken.
    """
    there = list(results(out))
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


class Result(NamedTuple):
    """The folder of an experiment's results, what it found and how it was run."""

    folder: Path
    found: dict[str, Any]
    run: dict[str, Any]


def results(out: Path) -> Iterator[Result]:
    """The results in `out`, in alphabetical order.

    Raises:
        CannotWrite: If a file is broken.
    """
    for folder in sorted(out.iterdir()):
        found, run = folder / storage.FINDINGS, folder / storage.RUN
        if folder.name.startswith(".") or not found.is_file() or not run.is_file():
            continue
        try:
            result = Result(
                folder,
                storage.from_json(found.read_bytes()),
                storage.from_json(run.read_bytes()),
            )
            _check(result.found, _FOUND, storage.FINDINGS)
            _check(result.run, _RUN, storage.RUN)
            # It goes into links as it is.
            if result.found["experiment"] != folder.name or not folder.name.isidentifier():
                raise ValueError("They are of an experiment of another name")
        except (OSError, ValueError) as error:
            raise storage.CannotWrite(
                f"Cannot read the results in '{storage.printable(folder)}': "
                f"{storage.printable(error)}. Delete the folder, and run "
                f"`python -m experiments {storage.printable(folder.name)}`."
            ) from error
        yield result


def _check(value: Any, form: Any, place: str) -> None:
    """Raises a `ValueError` if a value from a file has not the form that the page needs."""
    if isinstance(form, dict):
        if not isinstance(value, dict):
            raise ValueError(f"{place} is no mapping")
        for name in form:
            if name is not str and name not in value:
                raise ValueError(f"{place} has no '{name}'")
        for name, inner in value.items():
            _check(inner, form.get(name, form.get(str, object)), f"{place}, {name}")
    elif isinstance(form, list):
        if not isinstance(value, list):
            raise ValueError(f"{place} is no list")
        for number, inner in enumerate(value):
            _check(inner, form[0], f"{place}[{number}]")
    elif form is VERDICTS:
        if value not in VERDICTS:
            raise ValueError(f"{place} is none of {', '.join(VERDICTS)}")
    # True is an int to Python.
    elif not isinstance(value, form) or (isinstance(value, bool) and form not in (bool, object)):
        raise ValueError(f"{place} is of another type: {value!r:.50}")
    elif isinstance(value, int) and value.bit_length() > 1000:  # no float is as large
        raise ValueError(f"{place} is too large")


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
        yield f"- [{_line(found['title'])}](#{found['experiment']}): {_line(found['question'])}"
    yield ""


def _verdicts(claims: Sequence[Claim], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The ledger as tables, one a topic; claims that are nobody's come last."""
    of: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        of.setdefault(row["claim"], []).append(row)
    others = sorted(set(of).difference(claim.claim for claim in claims), key=_natural)
    listed = [*claims, *(Claim(name, "Other claims", "", "", ()) for name in others)]
    for topic, some in groupby(listed, key=lambda claim: claim.topic):
        yield f"## {_text(topic)}"
        yield ""
        yield "| claim | verdict | what was found |"
        yield "| --- | --- | --- |"
        for claim in some:
            yield _verdict(claim, of.get(claim.claim, []))
        yield ""


def _verdict(claim: Claim, rows: Sequence[Mapping[str, Any]]) -> str:
    badge = BADGES[rows[0]["verdict"]].replace(" ", "&nbsp;") if rows else "not measured yet"
    found = "<br><br>".join(f"{_cell(row['statement'])}<br>{_decisive(row)}" for row in rows)
    text = f"**{_cell(claim.claim)}** {_cell(claim.text)}".strip()
    return f"| {text} | {badge} | {found} |"


def _decisive(row: Mapping[str, Any]) -> str:
    """The number that decided, with its spread and its experiment, in small letters."""
    name, spread = row["experiment"], ""
    if row["n_runs"] > 1:
        spread = f" ({_number(row['least'])} to {_number(row['largest'])}, {row['n_runs']} runs)"
    number = f"{_cell(row['number'])}: {_number(row['median'])}{spread}"
    return f"<sub>[{name}](#{name}): {number}</sub>"


def _section(folder: Path, found: dict[str, Any], run: dict[str, Any]) -> Iterator[str]:
    name = found["experiment"]
    yield f'<a id="{name}"></a>'
    yield ""
    yield f"## {_line(found['title'])}"
    yield ""
    yield f"**{_line(found['question'])}**"
    yield ""
    if found["description"]:
        yield _text(found["description"])
        yield ""
    for figure in _files(folder, "*.png"):
        label = f"{found['title']}: {storage.printable(figure.stem.replace('_', ' '))}"
        yield f"![{_line(label)}]({_link(figure)})"
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
        f"[{_line(storage.printable(table.name))}]({_link(table)}) ({_rows(table):,} rows)"
        for table in _files(folder, "*.csv")
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
    decisive = finding["decisive"]
    yield f"| **{_cell(decisive['name'])}** | {_number(decisive['median'])} |"
    if decisive["n_runs"] > 1:
        yield f"| its least value in {decisive['n_runs']:,} runs | {_number(decisive['least'])} |"
        yield f"| its largest value | {_number(decisive['largest'])} |"
    for label, value in finding["numbers"].items():
        yield f"| {_cell(label)} | {_number(value)} |"
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
    device = run["device"]
    gpus = map(str, device.get("gpus", ()))
    where = ", ".join([device["cpu"], f"{device['cores']} cores", *gpus])
    repeated = f" with the seeds {listed}" if seeds else ""
    versions = run["versions"]
    backend = run["backend"]
    library = f"Keras {versions['keras']} on {backend} {versions.get(backend, '')}".rstrip()
    return f"Took {took}{repeated}, {_line(library)} ({_line(where)})."


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.is_file())


def _link(path: Path) -> str:
    return f"{path.parent.name}/{quote(os.fsencode(path.name))}"


def _rows(table: Path) -> int:
    return table.read_bytes().count(b"\n") - 1  # without the line of the names


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else _cell(str(value))


def _natural(claim: str) -> list[str]:
    """A key that sorts C2 before C10."""
    return [part.zfill(9) if part.isdecimal() else part for part in re.split(r"(\d+)", claim)]


def _cell(text: str) -> str:
    """The text as a cell of a table, where a bar ends the cell even in code."""
    return re.sub(r"(?<!\\)\|", r"\\|", _line(text))


def _line(text: str) -> str:
    """The text as one line of Markdown."""
    return _text(" ".join(text.split()))


# Code begins and ends with as many backticks. It may go on in the next line if that begins with a
# letter: a heading or a list, say, would end it.
_CODE = re.compile(r"(?<!`)(`+)(?:[^`\r\n]|\n(?=[^\W\d_]))+\1(?!`)")


def _text(text: str) -> str:
    """The text with what Markdown would take for markup escaped, except in code.

    Whoever wrote the text, it makes no tags, links or pictures.
    """
    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts += [_escaped(text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _escaped(text[end:])])


def _escaped(text: str) -> str:
    return re.sub(r"[*<~|\\`]|\](?=[(\[:])", r"\\\g<0>", text)
