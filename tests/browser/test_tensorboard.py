"""What TensorBoard's pages show, read from the pages as a browser has drawn them."""

import json
from urllib.parse import urlsplit

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the logs are those of kerasreg.training", allow_module_level=True)
pytest.importorskip("selenium", reason="needs selenium, which is in the extra `test`")

from browser_page import points, scale

pytestmark = [pytest.mark.browser, pytest.mark.tensorflow]

# The charts of the time series: their lines and axes, and the table below.
CHARTS = """
const charts = deep('card-view').map(card => {
    const all = selector => [...card.querySelectorAll(selector)];
    const ticks = (axis, at) =>
        all(`.${axis} text`).map(text => [words(text.firstChild), Number(text.getAttribute(at))]);
    return [card.querySelector('tb-truncated-path')?.getAttribute('title'), {
        lines: all('.series-view > svg > path').filter(visible).map(path => path.getAttribute('d')),
        x: ticks('x-axis', 'x'),
        y: ticks('y-axis', 'y'),
        runs: all('tb-data-table-content-row').map(words),
    }];
});
return Object.fromEntries(charts);
"""

# Cards of the other pages, with what `arguments[1]` finds in them.
CARDS = """
return deep(arguments[0]).filter(visible).map(card => ({
    tag: deep('[itemprop=name]', card.shadowRoot).map(words)[0],
    run: deep('[itemprop=run]', card.shadowRoot).map(words)[0],
    widths: deep('img', card.shadowRoot).map(image => image.naturalWidth),
    paths: deep(arguments[1] || 'path', card.shadowRoot).length,
    text: deep('#markdown', card.shadowRoot).map(words).join(' '),
}));
"""

TABLE = """
const shown = cell => words(cell.querySelector('slot').assignedNodes()[0]);
const cells = row => [...row.querySelectorAll('th, td:not([hidden])')].map(shown);
const table = deep('#sessionGroupsTable')[0].shadowRoot;
return [...table.querySelectorAll('thead tr, tbody tr:not([hidden])')].map(cells);
"""

# The axes of the parallel coordinates: name, place, and ticks; and a line for each session.
COORDINATES = """
const plot = deep('tf-hparams-parallel-coords-plot').filter(visible)[0].shadowRoot;
const moved = (element, at) => Number(
    element.getAttribute('transform').match(/-?\\d[\\d.e-]*/g)[at]);
return {
    axes: [...plot.querySelectorAll('.axis-parent')].map(axis => ({
        name: words(axis.querySelector('.axis-title')),
        x: moved(axis, 0),
        ticks: [...axis.querySelectorAll('.tick')].map(tick => [words(tick), moved(tick, 1)]),
    })),
    lines: [...plot.querySelectorAll('.foreground path')].map(path => path.getAttribute('d')),
};
"""


def drawn(chart):
    """The lines of a chart as arrays of (step, value)."""
    x, y = scale(chart["x"]), scale(chart["y"])
    return [np.array([(x(a), y(b)) for a, b in points(line)]) for line in chart["lines"]]


def test_time_series_are_the_curves(page, logs):
    curves = logs.curves.set_index(["quantity", "split"]).sort_index()
    expected = {
        quantity: {
            f"digits/{split}": curves.loc[(quantity, split)] for split in ("train", "validation")
        }
        for quantity in ("loss", "data_loss", "penalty")
    }
    zeros = logs.weights.query("variable == 'hidden/kernel'")
    zeros = zeros.assign(value=zeros["n_zero"] / zeros["n_weights"])
    expected["sparsity/hidden/kernel"] = {"digits/train": zeros}

    page.resize(1300, 1250)  # charts that cannot be seen are not drawn
    page.open(
        "timeseries", smoothing="0", runFilter="^digits/", tagFilter=f"^({'|'.join(expected)})$"
    )
    charts = page.wait(
        "charts with a line for each run",
        CHARTS,
        until=lambda charts: all(
            name in charts
            and len(charts[name]["lines"]) == len(charts[name]["runs"]) == len(runs)
            and all(charts[name][axis] for axis in "xy")
            for name, runs in expected.items()
        ),
    )
    page.screenshot("timeseries")
    for name, runs in expected.items():
        for run, table in runs.items():
            points_of_run = table[["epoch", "value"]].to_numpy()
            # The page computes the pixels in float32, and prints all digits.
            tolerance = 1e-4 * points_of_run.max()
            alike = [
                line.shape == points_of_run.shape
                and np.allclose(line, points_of_run, rtol=0, atol=tolerance)
                for line in drawn(charts[name])
            ]
            assert sum(alike) == 1, (name, run, charts[name], points_of_run)
            # The table below the chart has the last epoch, with up to four digits.
            (row,) = (row for row in charts[name]["runs"] if row.startswith(f"{run} "))
            value, step = row.split()[1:3]
            assert float(value) == pytest.approx(points_of_run[-1, 1], rel=1e-3)
            assert int(step) == logs.epochs


def test_histograms_of_every_variable(page, logs):
    page.resize(1300, 850)
    page.open("histograms&regexInput=^digits/&tagFilter=kernel|bias")
    names = ["hidden/bias", "hidden/kernel", "output/bias", "output/kernel"]
    cards = page.wait(
        "histograms of four variables",
        CARDS,
        "tf-histogram-loader",
        ".histogram path",
        until=lambda cards: len(cards) >= 4 and all(card["paths"] for card in cards),
    )
    page.screenshot("histograms")
    outlines = {card["tag"]: card["paths"] for card in cards}
    assert {card["run"] for card in cards} == {"digits/train"}
    assert outlines == dict.fromkeys(names, logs.epochs)


def test_hyperparameters_list_every_strength(page, logs):
    page.resize(1300, 900)
    page.open("hparams")
    head, *rows = page.wait(
        "table with a row for each strength",
        TABLE,
        until=lambda rows: len(rows) == 1 + len(logs.zeros) and all(row[-1] for row in rows),
    )
    page.screenshot("hparams_table")
    table = [dict(zip(head, row, strict=True)) for row in rows]
    last = logs.path.query("epoch == epoch.max() and split == 'validation'")
    expected = last.pivot(index="strength", columns="quantity", values="value")
    assert sorted(float(row["strength"]) for row in table) == sorted(logs.zeros)
    for row in table:
        strength = float(row["strength"])
        for quantity in ("data_loss", "loss", "accuracy"):
            # The table rounds to five digits.
            shown = float(row[f"validation {quantity}"])
            assert shown == pytest.approx(expected.loc[strength, quantity], rel=1e-4)
        assert float(row["zeros"]) == pytest.approx(logs.zeros[strength], rel=1e-4)
        assert row["penalty"] == "L1"


def test_parallel_coordinates_have_a_line_a_strength(page, logs):
    page.resize(1300, 980)
    page.open("hparams")
    page.wait("tabs", "return deep('paper-tab').filter(visible).length >= 3")
    page.read("deep('paper-tab').find(tab => /parallel/i.test(words(tab))).click()")
    page.wait("settings", "return deep('.hparam-checkbox').length > 1")
    page.read(
        "deep('.hparam-checkbox').filter(box => words(box) !== 'strength').forEach(b => b.click())"
    )
    plot = page.wait(
        "lines from the strength to five results",
        COORDINATES,
        until=lambda plot: len(plot["lines"]) == len(logs.zeros) and len(plot["axes"]) == 6,
    )
    axes = {axis["name"]: axis for axis in plot["axes"]}
    lines = [dict(points(line)) for line in plot["lines"]]

    def at(name):
        axis = axes[name]
        # A tick stands half a pixel beside its place.
        value = scale([(label, place - 0.5) for label, place in axis["ticks"]])
        return [value(line[axis["x"]]) for line in lines]

    found = dict(zip(np.round(at("strength"), 7), at("zeros"), strict=True))
    assert found == pytest.approx(logs.zeros, abs=1e-4)

    linear = axes["strength"]["ticks"]
    page.read(
        """
        deep('paper-radio-button').filter(visible)
            .find(button => words(button) === 'Logarithmic').click();
        """
    )
    page.wait(
        "logarithmic axis",
        COORDINATES,
        until=lambda plot: (
            {a["name"]: a["ticks"] for a in plot["axes"]}["strength"] != linear
            and len(plot["lines"]) == len(logs.zeros)
        ),
    )
    page.screenshot("hparams_parallel")


def test_images_are_the_figures(page, logs):
    figures = sorted(path.stem for path in (logs.results / logs.experiment).glob("*.png"))
    page.resize(1300, 1300)
    page.open("images")
    cards = page.wait(
        "loaded images",
        CARDS,
        "tf-image-loader",
        until=lambda cards: len(cards) >= len(figures) and all(any(c["widths"]) for c in cards),
    )
    page.screenshot("images")
    assert figures
    assert sorted(card["tag"] for card in cards) == figures
    assert {card["run"] for card in cards} == {logs.experiment}


def test_texts_are_question_and_verdicts(page, logs):
    found = json.loads((logs.results / logs.experiment / "findings.json").read_text())
    page.resize(1300, 1300)
    claims = {finding["claim"] for finding in found["findings"]}
    tags = "|".join(["question", *claims])
    page.open(f"text&tagFilter=^({tags})$")
    cards = page.wait(
        "texts",
        CARDS,
        "tf-text-loader",
        until=lambda cards: len(cards) > len(claims) and all(card["text"] for card in cards),
    )
    page.screenshot("text")
    texts = {card["tag"]: card["text"] for card in cards}
    assert found["question"] in texts["question"]
    for finding in found["findings"]:
        assert f"{finding['claim']}: {finding['verdict']}." in texts[finding["claim"]]


def test_custom_scalars_are_one_page(page, logs):
    page.resize(1300, 920)
    page.open("custom_scalars&regexInput=^digits/&_smoothingWeight=0")
    # The single model has two runs, two variables with a penalty and four with a sparsity, which
    # `train` alone has.
    expected = {
        "loss = data_loss + penalty": ["Matches (6)", 6],
        "penalty by variable": ["Matches (4)", 4],
        "sparsity by variable": ["Matches (4)", 4],
    }
    # Lines of this page have no corner where the next one would fall upon the same pixels.
    page.wait(
        "three charts with all their lines",
        """
        return Object.fromEntries(
            deep('tf-custom-scalar-multi-line-chart-card').filter(visible).map(card => {
                const all = selector => deep(selector, card.shadowRoot);
                const [matches, ...others] = all('.matches-text, .card-title, h3').map(words);
                const corners = all('.line-plot path')
                    .map(path => (path.getAttribute('d') || '').split('L').length);
                return [all('[itemprop=name]').map(words)[0] || others[0],
                    [matches, corners.filter(n => n > arguments[0] / 2).length]];
            }));
        """,
        logs.epochs,
        until=lambda cards: cards == expected,
    )
    page.screenshot("custom_scalars")


PAGES = {
    "timeseries": "card-view",
    "scalars": "tf-scalar-card",
    "custom_scalars": "tf-custom-scalar-multi-line-chart-card",
    "histograms": "tf-histogram-loader",
    "hparams": "#sessionGroupsTable",
    "images": "tf-image-loader",
    "text": "tf-text-loader",
}


def test_nothing_leaves_loopback(page):
    for name, element in PAGES.items():
        page.open(name)
        page.wait(element, "return deep(arguments[0]).length", element)
    requests = [urlsplit(url) for url in page.requests()]
    assert {url.hostname for url in requests} == {"127.0.0.1"}
    # The log has them: among others, what each page has of its own.
    asked = {url.path for url in requests}
    assert {"/index.js", "/data/plugin/text/tags", "/data/plugin/images/tags"} <= asked
