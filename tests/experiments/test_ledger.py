"""The ledger says what the committed tables say, and has every claim and every system."""

import importlib
import json
from pathlib import Path

import pytest

from experiments.runner import ledger, report, speed_page, storage
from experiments.runner.discovery import FOLDER, discover

RESULTS = Path(__file__).parents[2] / "results"
EXPERIMENTS = {experiment.name: experiment for experiment in discover()}
CLAIMS = {claim.claim: claim for claim in ledger.read_claims(FOLDER)}

PAGES = (report.INDEX, ledger.FILE, speed_page.PAGE)


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_findings_are_those_of_the_committed_tables(name):
    files = storage.contents(RESULTS / name)
    found = json.loads(files[storage.FINDINGS])
    module = importlib.import_module(f"experiments.{name}")
    assert storage.found_in(files, getattr(module, "findings", None)) == found["findings"]
    assert tuple(found["claims"]) == EXPERIMENTS[name].claims
    assert json.loads(files[storage.RUN])["quick"] is False


@pytest.mark.backend_free
def test_the_committed_ledger_and_page_are_those_of_the_findings(tmp_path):
    for name, content in storage.contents(RESULTS).items():
        assert name in PAGES, f"{name} is nobody's: {content[:80]!r}"
    for folder in RESULTS.iterdir():
        if folder.is_dir():
            (tmp_path / folder.name).symlink_to(folder)
    report.write_index(tmp_path, list(CLAIMS.values()))
    for name in PAGES:
        assert (tmp_path / name).read_text() == (RESULTS / name).read_text(), name


@pytest.mark.backend_free
def test_every_claim_has_a_verdict_and_every_system_an_experiment():
    assert set(CLAIMS) == {f"C{number}" for number in range(1, len(CLAIMS) + 1)}
    rows = storage.table((RESULTS / ledger.FILE).read_bytes())
    assert set(rows["claim"]) == set(CLAIMS)
    settled = {claim for experiment in EXPERIMENTS.values() for claim in experiment.claims}
    assert settled == set(CLAIMS)
    systems = {system for experiment in EXPERIMENTS.values() for system in experiment.systems}
    assert systems == {f"S{number}" for number in range(1, 20)}
    assert {system for claim in CLAIMS.values() for system in claim.systems} <= systems


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("verdicts", "together"),
    [
        (["confirmed"], "confirmed"),
        (["refuted", "refuted"], "refuted"),
        (["confirmed", "refuted"], "qualified"),
        (["confirmed", "qualified"], "qualified"),
        (["qualified", "refuted"], "qualified"),
    ],
)
def test_a_claim_of_several_findings(verdicts, together):
    assert ledger.verdict_of(verdicts) == together
