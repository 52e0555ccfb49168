"""Every penalty by its value, its slope, its prox and what a descent on it alone does to a weight.

One loop over the family: Keras's l1, l2 and l1_l2, and all of kerasreg's, of which those made for
groups are L1 on a single weight. Then two weights of a regression on diabetes, for every pair of
its features: where the minimum of data loss and penalty lies as the strength grows, by proximal
gradient descent. The KL penalty is for activities between 0 and 1; below 0 it is a wall.
"""

from dataclasses import dataclass

import pandas as pd

from experiments.outcome import Outcome, no_progress
from experiments.penalty_shapes.family import family
from experiments.penalty_shapes.figures import draw_contours, draw_pulls, draw_shapes
from experiments.penalty_shapes.findings import findings as findings
from experiments.penalty_shapes.measures import TwoWeights, descents, pulls, shape

QUESTION = "What do the penalties look like, and where do they pull a weight?"
SYSTEMS = ("S3", "S4")
CLAIMS = ("C3", "C24", "C34")


@dataclass(frozen=True)
class Settings:
    strength: float = 0.2
    points: int = 81  # from -1 to 1
    starts: tuple[float, ...] = (0.913, 0.557, 0.253)  # of the descents: any w₀, within KL's range
    learning_rate: float = 0.1
    steps: int = 60
    seeds: tuple[int, ...] = tuple(range(20))  # of the weights at which gradients are added
    n_features: int = 10  # 45 pairs
    strengths: int = 50  # below the one from which on both weights are zero
    optimum_steps: int = 400
    drawn: tuple[str, str] = ("bmi", "bp")  # body mass index, blood pressure
    contours: tuple[str, ...] = (
        *("l2", "l1", "elastic_net"),
        *("group_lasso", "sparse_group_lasso", "mcp"),
    )
    contour_points: int = 34


QUICK = Settings(
    points=21,
    steps=10,
    seeds=(0, 1),
    n_features=4,
    strengths=10,
    optimum_steps=100,
    contours=("l2", "l1", "mcp"),
    contour_points=16,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    del log_dir  # no model is trained
    two = TwoWeights(settings)
    contours = pd.DataFrame(two.grid, columns=["w_1", "w_2"])
    contours["data_loss"] = two.data_loss(two.grid)
    found: dict[str, dict] = {}
    for name, penalty in track(list(family(settings.strength).items()), "penalties"):
        axes, path = two.optima(penalty)
        rows = {
            "shapes": shape(penalty, settings),
            "pulls": pulls(penalty, settings),
            "descents": descents(penalty, settings),
            "sums": two.sums(penalty),
            "axes": axes,
        }
        if name in settings.contours:
            rows["paths"], contours[name] = two.balls(penalty, path)
        for table, part in rows.items():
            found.setdefault(table, {})[name] = part
    tables = {
        table: pd.concat(parts, names=["penalty"]).reset_index("penalty").reset_index(drop=True)
        for table, parts in found.items()
    }
    tables["contours"] = contours
    figures = {
        "shapes": draw_shapes(tables),
        "pulls": draw_pulls(tables, settings),
        "contours": draw_contours(tables, settings),
    }
    return Outcome(tables, figures)
