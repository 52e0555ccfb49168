"""The page of the results, and the ledger beside it."""

import re
from pathlib import Path

import pandas as pd
import pytest
from fake_experiments import finding_on, page_of, write_result

from experiments.outcome import Finding, Spread
from experiments.runner.ledger import Claim

pytestmark = pytest.mark.backend_free


def test_the_section_of_an_experiment(tmp_path):
    finding = Finding(
        claim="C1",
        verdict="qualified",
        rule="Qualified if `|w|` < 1 or w*v > 0.",
        decisive=Spread.of("mean `|w|`", [0.123456, 0.1, 2000.0]),
        numbers={"largest `|w|`": 0.123456, "weights": 12000},
        statement="True below |w| = 1.",
    )
    write_result(tmp_path, "a_b", [finding])
    (tmp_path / "a_b" / "small_steps.png").touch()
    page = page_of(tmp_path)
    assert page.endswith(
        r"""<a id="a_b"></a>

## Title of a_b

**Why?**

![Title of a_b: small steps](a_b/small_steps.png)

**C1 🟡 qualified.** True below \|w\| = 1.

<details><summary>How this was decided</summary>

Qualified if `|w|` \< 1 or w\*v > 0.

| number | value |
| --- | ---: |
| **mean `\|w\|`** | 0.1235 |
| its least value in 3 runs | 0.1 |
| its largest value | 2000 |
| largest `\|w\|` | 0.1235 |
| weights | 12,000 |

</details>

Again, with the settings at the top of the module:

```sh
python -m experiments a_b
```

Tables: [t.csv](a_b/t.csv) (1,200 rows). Numbers: [findings](a_b/findings.json).

Took 12 s with the seeds 0, 1, Keras 3.15.1 on tensorflow 2.21.0 (Some CPU, 2 cores). """
        "[All versions and settings](a_b/run.json).\n"
    )
    assert (
        "| **C1** | 🟡&nbsp;qualified | True below \\|w\\| = 1.<br>"
        "<sub>[a_b](#a_b): mean `\\|w\\|`: 0.1235 (0.1 to 2000, 3 runs)</sub> |"
    ) in page
    assert "- [Title of a_b](#a_b): Why?" in page


@pytest.mark.parametrize(
    ("seeds", "text"),
    [
        ([], "12 s, Keras"),
        ([7], "12 s with the seeds 7, Keras"),
        ([0, 1], "12 s with the seeds 0, 1, Keras"),
        ([0, 1, 2, 3], "12 s with the seeds 0 to 3, Keras"),
        ([0, 1, 3], "12 s with the seeds 0, 1, 3, Keras"),
    ],
    ids=str,
)
def test_seeds_in_the_index(tmp_path, seeds, text):
    write_result(tmp_path, "a", seeds=seeds)
    assert f"Took {text} 3.15.1" in page_of(tmp_path)


def test_claims_are_sorted_as_numbers_and_counted(tmp_path):
    verdicts = {"C10": "confirmed", "C2": "refuted", "C1": "confirmed"}
    write_result(tmp_path, "b", [finding_on(c, v, f"On {c}.") for c, v in verdicts.items()])
    write_result(tmp_path, "a", [finding_on("C2", "confirmed", "Also on C2.")])
    rows = re.findall(r"^\| \*\*(C\d+)\*\* .*", page := page_of(tmp_path), flags=re.MULTILINE)
    assert rows == ["C1", "C2", "C10"]
    # Of two that disagree the claim is neither.
    assert (
        "| **C2** | 🟡&nbsp;qualified | Also on C2.<br><sub>[a](#a): share: 0.5</sub>"
        "<br><br>On C2.<br><sub>[b](#b): share: 0.5</sub> |"
    ) in page
    assert "So far: 2 confirmed, 1 qualified, 0 refuted." in page


def test_the_ledger_follows_the_list_of_claims(tmp_path):
    claims = [
        Claim("C9", "Logistic | weights", "lecture", "They *grow*", ("S2",)),
        Claim("C1", "Zeros", "all", "L1 makes zeros", ("S1", "S8")),
        Claim("C3", "Zeros", "lecture", "Nobody measured it", ()),
    ]
    found = [finding_on("C1", "confirmed", "It does."), finding_on("C9", "refuted", "They do not.")]
    write_result(tmp_path, "a", found)
    page = page_of(tmp_path, claims)
    headings = re.findall("^## (.*)", page, flags=re.MULTILINE)
    assert headings == ["Logistic \\| weights", "Zeros", "Experiments", "Title of a"]
    assert re.findall(r"\*\*(C\d+)\*\* (.*?) \| (.*?) \|", page)[:3] == [
        ("C9", r"They \*grow\*", "❌&nbsp;refuted"),
        ("C1", "L1 makes zeros", "✅&nbsp;confirmed"),
        ("C3", "Nobody measured it", "not measured yet"),
    ]
    rows = pd.read_csv(tmp_path / "claims.csv")
    assert rows["claim"].tolist() == ["C9", "C1"]
    assert rows["verdict"].tolist() == ["refuted", "confirmed"]
    assert rows["n_runs"].tolist() == [1, 1]


def test_the_index_keeps_the_experiments_of_earlier_runs(package):
    package.add("a")
    package.add("b")
    package.run("b")
    package.run("a")
    page = Path("results/README.md").read_text()
    assert page.index("## Measures a") < page.index("## Measures b")


def test_the_index_leaves_out_what_is_no_result(tmp_path):
    write_result(tmp_path, "a")
    for name in ("stray", "half", ".a.1.tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "half" / "findings.json").write_text("{}")
    for name in ("findings.json", "run.json"):
        (tmp_path / ".a.1.tmp" / name).write_text("{")
    assert len(re.findall("^## Title", page_of(tmp_path), flags=re.MULTILINE)) == 1


def test_a_broken_file_is_named_with_the_remedy(package, capsys):
    package.add("a")
    package.run()
    Path("results/a/findings.json").rename("results/b.json")
    Path("results/b").mkdir()
    Path("results/b.json").rename("results/b/findings.json")
    Path("results/b/run.json").write_text("{")
    assert package.run() == 1
    assert capsys.readouterr().err == (
        "Cannot read the results in 'results/b': Expecting property name enclosed in double "
        "quotes: line 1 column 2 (char 1). Delete the folder, and run `python -m experiments b`.\n"
    )
