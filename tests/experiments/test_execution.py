"""How experiments are run: several at a time, with progress, logs and failures."""

import os
import sys
from pathlib import Path

import pytest
from fake_experiments import FAKE, contents, ran

from experiments.runner import execution

pytestmark = pytest.mark.backend_free


@pytest.mark.parametrize("jobs", [1, 2])
def test_jobs_change_nothing_but_the_time(package, jobs, capsys):
    for name in "abc":
        package.add(name)
    path = package.add("d", body="import os; assert os.getpid() == int(Path('main').read_text())")
    path.write_text(path.read_text().replace("CLAIMS", 'TIMED = ("values",)\nCLAIMS'))
    Path("main").write_text(str(os.getpid()))
    assert package.run("--jobs", jobs) == 0
    assert sorted(ran()) == ["a", "b", "c", "d"]
    # What measures seconds runs alone, after the others, in the process of the command.
    assert ran()[-1] == "d"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == ("3 experiments, 2 at a time" if jobs == 2 else "[1/4] a: How large is a?")
    assert lines[-1] == "Now read results/README.md."
    assert {line[:7] for line in lines if line.endswith("new")} == {
        f"[{number}/4] {name}" for number, name in enumerate("abcd", 1)
    }
    assert len(contents("results")) == 4 * 3 + 2


def test_an_experiment_that_fails_among_several_at_a_time(package, capsys):
    package.add("a")
    package.add("b", body="raise ValueError('no data\\nat all')")
    package.add("c", body="import os; os._exit(1)")
    assert package.run("a", "b", "--jobs", 2) == 1
    out, err = capsys.readouterr()
    assert err.splitlines()[0] == "[2/2] b: failed: ValueError: no data"
    assert "in run" in err
    assert "[1/2] a: " in out
    assert package.run("c", "--jobs", 2) == 1
    assert "c: failed: BrokenProcessPool" in capsys.readouterr().err


# What goes wrong


def test_a_failing_experiment_stops_no_other_and_keeps_its_old_results(package, capsys):
    for name in "abc":
        package.add(name)
    package.run()
    before = contents("results/b")
    package.add("b", body="raise ValueError('no data\\nat all')")
    capsys.readouterr()
    assert package.run() == 1
    out, err = capsys.readouterr()
    assert ran()[3:] == ["a", "b", "c"]
    assert contents("results/b") == before
    assert "Now read" not in out
    lines = err.splitlines()
    assert lines[0] == "[2/3] b: failed: ValueError: no data"
    assert lines[2:4] == ["b failed:", "Traceback (most recent call last):"]
    assert lines[-1] == "1 of 3 experiments failed: b."
    package.add("b")
    assert package.run() == 0
    assert ran()[6:] == ["b"]


@pytest.mark.parametrize("body", ["import no_such_module", "return None"])
def test_whatever_is_wrong_with_an_experiment_is_said_in_its_name(package, body, capsys):
    package.add("a", body=body)
    assert package.run() == 1
    assert capsys.readouterr().err.startswith("[1/1] a: failed: ")
    assert contents("results").keys() == {".progress.json"}


def test_a_file_in_place_of_the_folder(package, capsys):
    package.add("a")
    Path("results").touch()
    assert package.run() == 1
    assert capsys.readouterr() == ("", "Cannot write 'results/.progress.json': File exists.\n")
    assert ran() == []


# Progress


def test_track_is_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(execution.track(range(3), "seeds")) == [0, 1, 2]
    out, err = capsys.readouterr()
    assert out == ""
    assert "seeds:   0%|" in err


def test_track_is_a_line_now_and_then_elsewhere(monkeypatch, capsys):
    clock = iter([0.0, 10.0, 31.0, 31.0, 50.0, 62.0, 62.0, 63.0])
    monkeypatch.setattr(execution.time, "monotonic", lambda: next(clock))
    assert list(execution.track(range(5), "seeds")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().out == "    seeds: 1 of 5\n    seeds: 3 of 5\n"


def test_track_takes_what_has_no_length(monkeypatch, capsys):
    clock = iter([0.0, 40.0, 40.0])
    monkeypatch.setattr(execution.time, "monotonic", lambda: next(clock))
    assert list(execution.track(iter("a"), "letters")) == ["a"]
    assert capsys.readouterr().out == "    letters: 0 of ?\n"


# What TensorBoard shows

DRAWS = FAKE.replace(
    'return Outcome({{"values": table}}, {{}})',
    """from matplotlib.figure import Figure
    figures = {{name: Figure() for name in ("steps", "weights")}}
    figures["steps"].add_subplot().plot(table["seed"], table["value"])
    return Outcome({{"values": table}}, figures)""",
)


def logged(folder):
    """The pictures and texts in the event files right in a folder, by tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), {"tensors": 0})
    events.Reload()
    by_tag = {tag: events.Tensors(tag) for tag in events.Tags()["tensors"]}
    found = {"images": {}, "text": {}}
    for tag, entries in by_tag.items():
        (entry,) = entries
        assert entry.step == 0
        plugin = events.SummaryMetadata(tag).plugin_data.plugin_name
        if plugin in found:
            found[plugin][tag] = make_ndarray(entry.tensor_proto).reshape(-1).tolist()
    return found


def test_figures_and_findings_are_logged(package):
    package.add("a", source=DRAWS)
    assert package.run("--logs", "logs") == 0
    (path,) = Path("logs").rglob("*.tfevents.*")
    assert path.parent == Path("logs/a")
    there = logged("logs/a")
    assert sorted(there["images"]) == ["steps", "weights"]
    for name, (width, height, png) in there["images"].items():
        assert (width, height) == (b"704", b"528")
        assert png == Path(f"results/a/{name}.png").read_bytes()
    assert there["text"] == {
        "question": [b"**How large is a?**"],
        "description": [b"Counts up, for the tests."],
        "C2": [b"**C2: confirmed.** It grows.\n\nHow this was decided: Confirmed if it grows."],
    }
    # Once more: not beside what was there.
    assert package.run("--logs", "logs") == 0
    assert len(list(Path("logs").rglob("*.tfevents.*"))) == 1
    assert logged("logs/a") == there


def test_a_claim_that_was_decided_twice(package):
    package.add("a", source=FAKE + FAKE[FAKE.index("    yield") :].replace("It grows", "Again"))
    assert package.run("--logs", "logs") == 0
    (text,) = logged("logs/a")["text"]["C2"]
    first, _, second, _ = text.decode().split("\n\n")
    assert (first, second) == ("**C2: confirmed.** It grows.", "**C2: confirmed.** Again.")


# What tensorboard brings along of it.
@pytest.mark.filterwarnings("ignore:html5lib's sanitizer is deprecated:DeprecationWarning")
def test_texts_are_shown_as_they_are():
    from tensorboard.plugin_util import markdown_to_safe_html

    text = "If |w| < 1, 2*3*4, a~b, group_lasso_2, <b> & \\n: `|w| < 1*2*3`"
    assert markdown_to_safe_html(execution._markdown(text)) == (
        "<p>If |w| &lt; 1, 2*3*4, a~b, group_lasso_2, &lt;b&gt; &amp; \\n: "
        "<code>|w| &lt; 1*2*3</code></p>"
    )


def test_results_are_kept_where_nothing_can_be_logged(package, recwarn):
    package.add("a", source=DRAWS)
    Path("logs").touch()  # a file in the place of the folder
    assert package.run("--logs", "logs") == 0
    assert Path("results/a/steps.png").exists()
    (warning,) = [w for w in recwarn if "logs" in str(w.message)]
    assert "logs" in str(warning.message)


def test_what_needs_another_machine_is_skipped_and_its_results_stay(package, capsys):
    package.add("a")
    package.run()
    before = contents("results")
    needy = FAKE + "\n\ndef missing():\n    return 'a lathe'\n"
    for name in "ab":
        package.add(name, source=needy)
    package.add("c")
    capsys.readouterr()
    assert package.run() == 0
    out = capsys.readouterr().out
    assert "[1/3] a: skipped, for it needs a lathe" in out.splitlines()
    assert ran() == ["a", "c"]
    assert contents("results/a") == {
        name.removeprefix("a/"): content
        for name, content in before.items()
        if name.startswith("a/")
    }
    assert not Path("results/b").exists()
    # Nor does it count among what was found again.
    assert package.run("--verify") == 0
    assert "1 experiments found again what is in results." in capsys.readouterr().out
