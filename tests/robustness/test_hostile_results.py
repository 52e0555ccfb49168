"""Results that somebody has altered: named in one line, and harmless in pages and tables."""

import html.parser
import json
import os
import urllib.parse

import pandas as pd
import pytest

from experiments.runner import ledger, report, storage
from tests.robustness.altered_results import NOT_JSON, files_below, write_result


def altered(path, keys, value):
    """Puts a value into a file of JSON, at the place that the keys lead to."""
    *way, last = keys
    whole = inner = json.loads(path.read_text())
    for key in way:
        inner = inner[key]
    inner[last] = value
    path.write_text(json.dumps(whole))


FIRST = ("findings", 0)

WRONG = [
    ("findings.json", ("findings",), {"a": 1}, "findings.json, findings is no list"),
    ("findings.json", ("findings",), [3], "findings.json, findings[0] is no mapping"),
    (
        "findings.json",
        (*FIRST, "claim"),
        3,
        "findings.json, findings[0], claim is of another type: 3",
    ),
    (
        "findings.json",
        (*FIRST, "verdict"),
        "<b>proven</b>",
        "findings.json, findings[0], verdict is none of confirmed, qualified, refuted",
    ),
    (
        "findings.json",
        (*FIRST, "decisive"),
        {},
        "findings.json, findings[0], decisive has no 'name'",
    ),
    (
        "findings.json",
        (*FIRST, "decisive", "n_runs"),
        "many",
        "findings.json, findings[0], decisive, n_runs is of another type: 'many'",
    ),
    (
        "findings.json",
        (*FIRST, "decisive", "n_runs"),
        True,
        "findings.json, findings[0], decisive, n_runs is of another type: True",
    ),
    ("findings.json", ("title",), None, "findings.json, title is of another type: None"),
    ("findings.json", ("title",), "\ud800", "'utf-8' codec can't encode character"),
    ("findings.json", ("experiment",), "b", "They are of an experiment of another name"),
    (
        "findings.json",
        ("experiment",),
        '"><script>alert(1)</script>',
        "They are of an experiment of another name",
    ),
    ("run.json", ("seconds",), "12", "run.json, seconds is of another type: '12'"),
    ("run.json", ("seconds",), 10**4000, "run.json, seconds is too large"),
    ("run.json", ("seeds",), ["0"], "run.json, seeds[0] is of another type: '0'"),
    ("run.json", ("versions",), {}, "run.json, versions has no 'keras'"),
    ("run.json", ("device",), [], "run.json, device is no mapping"),
    ("run.json", ("backend",), ["x"], "run.json, backend is of another type: ['x']"),
]


@pytest.mark.backend_free
@pytest.mark.parametrize(("name", "keys", "value", "message"), WRONG, ids=lambda x: str(x)[:30])
def test_results_of_the_wrong_form_are_named_in_one_line(name, keys, value, message, tmp_path):
    write_result(tmp_path)
    altered(tmp_path / "a" / name, keys, value)
    check_refused(tmp_path, message)


def check_refused(out, message):
    before = files_below(out)
    with pytest.raises(storage.CannotWrite) as raised:
        report.write_index(out)
    text = str(raised.value)
    assert text.startswith(f"Cannot read the results in '{out / 'a'}': {message}")
    assert text.endswith(". Delete the folder, and run `python -m experiments a`.")
    assert text.isprintable()
    assert len(text) < 600
    assert files_below(out) == before


@pytest.mark.backend_free
@pytest.mark.parametrize("name", ["findings.json", "run.json"])
@pytest.mark.parametrize(("content", "message"), NOT_JSON.items(), ids=lambda x: repr(x)[:20])
def test_results_that_are_no_json(name, content, message, tmp_path):
    write_result(tmp_path)
    (tmp_path / "a" / name).write_bytes(content)
    check_refused(tmp_path, message)


@pytest.mark.backend_free
def test_numbers_that_are_none_or_endless_are_shown_as_they_are(tmp_path):
    write_result(tmp_path)
    path = tmp_path / "a" / "findings.json"
    path.write_text(path.read_text().replace("0.55", "NaN").replace("0.6", "1e999"))
    altered(path, (*FIRST, "claim"), f"C{'9' * 5000}")
    altered(tmp_path / "a" / "run.json", ("seeds",), [0, 1, 10**15])  # no range of a petabyte
    report.write_index(tmp_path)
    page = (tmp_path / "README.md").read_text()
    assert "nan (0.5 to inf, 2 runs)" in page
    assert "seeds 0, 1, 1000000000000000" in page


HARMFUL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "`<img src=x>``",
    "``<img src=x>`",
    "`",
    "x` <img src=x> `y",
    "`a\n\n<img src=x>`",
    "`a\n# <img src=x> `",
    "`a\r# <img src=x> `",
    "`a\n1. <img src=x> `",
    "`a\n___\n<img src=x> `",
    "\\`<img src=x>\\`",
    "\\<img src=x>",
    "\\\\<img src=x>",
    "[here](javascript:alert(1))",
    "![here](http://example.com/pixel.png)",
    "[here][1]\n\n[1]: http://example.com",
    "[1]: http://example.com",
    "<http://example.com>",
    "| --- |\n| <b>x</b> |",
    "</details></table><h1>",
    "```\n<img src=x>\n",
    "```html\n\n<img src=x>\n```",
    "&lt;img src=x&gt;",
    "<!-- ",
    "<![CDATA[<img>]]>",
    "$\\href{javascript:alert(1)}{x}$",
]


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links = set(), set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            assert name in ("id", "href", "src", "alt", "class", "style", "start"), (name, value)
            if name in ("href", "src"):
                self.links.add(value)

    def handle_comment(self, data):
        raise AssertionError(data)


def rendered(page):
    from markdown_it import MarkdownIt  # Keras's rich brings it along

    tags = Tags()
    tags.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(page))
    return tags


@pytest.mark.backend_free
@pytest.mark.parametrize("text", HARMFUL)
def test_texts_bring_no_tags_links_or_pictures_into_the_page(text, tmp_path):
    write_result(tmp_path)
    findings, run = tmp_path / "a" / "findings.json", tmp_path / "a" / "run.json"
    for key in ("title", "question", "description"):
        altered(findings, (key,), text)
    for key in ("claim", "rule", "statement"):
        altered(findings, (*FIRST, key), text)
    altered(findings, (*FIRST, "decisive", "name"), text)
    altered(findings, (*FIRST, "decisive", "median"), text)
    altered(findings, (*FIRST, "numbers"), {text: text, "n": [text]})
    altered(run, ("device",), {"cpu": text, "cores": text, "gpus": [text]})
    altered(run, ("versions",), {"keras": text})
    altered(run, ("backend",), text)
    stem = text.replace("/", "∕").replace("\n", "\x1b")
    for suffix in (".png", ".csv"):
        (tmp_path / "a" / f"{stem}{suffix}").write_text("a\n1\n")
    report.write_index(tmp_path)
    tags = rendered((tmp_path / "README.md").read_text())
    ours = {"h1", "h2", "p", "blockquote", "strong", "em", "code", "pre", "ul", "ol", "li", "hr"}
    ours |= {"table", "thead", "tbody", "tr", "th", "td", "a", "br", "sub", "details", "summary"}
    assert tags.tags <= ours | {"img"}
    files_there = {f"a/{name}" for name in os.listdir(tmp_path / "a")}
    links = {urllib.parse.unquote(link) for link in tags.links}
    assert links <= files_there | {"claims.csv", "#a"}


FORMULAS = ["=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1"]


@pytest.mark.backend_free
@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_computes_nothing_of_the_ledger(text, tmp_path):
    write_result(tmp_path)
    findings = tmp_path / "a" / "findings.json"
    for key in ("claim", "rule", "statement"):
        altered(findings, (*FIRST, key), text)
    altered(findings, (*FIRST, "decisive", "name"), text)
    altered(findings, (*FIRST, "decisive", "least"), "-inf")
    report.write_index(tmp_path)
    row = pd.read_csv(tmp_path / ledger.FILE, dtype=str, keep_default_na=False).iloc[0]
    for name in ("claim", "number", "rule", "statement"):
        assert row[name] == f"'{text}".replace("\r", " "), name
    assert row["least"] == "-inf"


@pytest.mark.backend_free
def test_texts_that_are_no_formulas_stay():
    for text in ("L1 = zeros", "−1 is a number", "'quoted'", "-0.5", "-inf", "+3e5", ""):
        assert ledger._no_formula(text) == text
    assert ledger._no_formula(-0.5) == -0.5
