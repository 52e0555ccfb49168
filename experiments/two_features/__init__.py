"""Two features, two penalties.

The article's regression y = w₁x₁ + w₂x₂ + b on 100 samples, mean squared error + λ·(|w₁| + |w₂|) or
+ λ·(w₁² + w₂²) as in Keras, the bias free. The weights, the correlation ½ of the features and the
noise are our choice. Keras takes the steps that are drawn (SGD follows the subgradient as taught,
ProximalSGD takes the prox), and all other minima are exact: with two weights L1 has nine sign
patterns. Asked are how many minima there are, what formulas give, how even the weights are, what λ
buys, what outliers do, and what cross-validated penalties gain, also on pairs of features and 100
patients of the diabetes data.
"""

from dataclasses import dataclass, field

from experiments.outcome import Outcome, no_progress
from experiments.two_features.absolute import solvers
from experiments.two_features.descents import contours, descents
from experiments.two_features.figures import draw_descents
from experiments.two_features.findings import findings as findings
from experiments.two_features.formulas import closed_forms, patterns
from experiments.two_features.gain import gains
from experiments.two_features.measures import budgets, spreads, uniqueness
from experiments.two_features.minima_figure import draw_minima
from experiments.two_features.outliers import outliers
from experiments.two_features.outliers_figure import draw_outliers

QUESTION = "With two features, what do L1 and L2 do to the weights, and is it of use?"
SYSTEMS = ("S10",)
CLAIMS = ("C16", "C17", "C19", "C36", "C37", "C39")


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = tuple(range(20))  # of the data, and of the patients to train on
    n_samples: int = 100  # the article's
    weights: tuple[float, float] = (2.0, 0.5)
    bias: float = 1.0
    pair: tuple[str, str] = ("bmi", "bp")  # of diabetes: body mass index, blood pressure
    drawn_strengths: dict[str, float] = field(default_factory=lambda: {"l1": 2.0, "l2": 0.5})
    start: tuple[float, float] = (-1.0, 2.0)  # of the descents that are drawn
    learning_rate: float = 0.1
    steps: int = 60
    contour_points: int = 31
    strengths: int = 6  # of the formulas, to 0.9·strength_max
    most_features: int = 10  # 3¹⁰ sign patterns
    starts: int = 50
    descent_steps: int = 2000
    budgets: int = 5  # strengths
    correlations: tuple[float, ...] = (0.0, 0.5, 0.9, 0.99)
    loss_share: float = 0.25  # of the way from least squares to no weights
    outlier_shares: tuple[float, ...] = (0.05, 0.2)  # of the rows
    outlier_size: float = 10.0  # standard deviations of the noise, or of x₁
    outlier_strengths: int = 10
    iterations: int = 150  # of reweighting
    absolute_epochs: int = 10  # of Keras's descent on the absolute error, 100 steps each
    draws: int = 150  # of the data for the gain
    noises: tuple[float, ...] = (0.5, 2.0, 8.0)
    pairs: int = 45  # all pairs of ten features
    folds: int = 5
    cv_strengths: int = 40


QUICK = Settings(
    seeds=(0, 1),
    steps=15,
    contour_points=16,
    strengths=3,
    most_features=4,
    starts=10,
    descent_steps=500,
    budgets=3,
    correlations=(0.0, 0.9),
    outlier_strengths=4,
    iterations=40,
    absolute_epochs=2,
    draws=10,
    pairs=4,
    cv_strengths=10,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    del log_dir  # the descents are called step by step
    tables = {"outliers": outliers(settings, track), "gains": gains(settings, track)}
    tables["absolute_error"] = solvers(settings)
    tables["copies"], tables["splits"] = uniqueness(settings)
    tables |= {"formulas": closed_forms(settings), "patterns": patterns(settings)}
    tables |= {"budgets": budgets(settings), "spreads": spreads(settings)}
    tables["steps"], tables["ends"] = descents(settings)
    tables["contours"], tables["minima"] = contours(settings)
    figures = {"descents": draw_descents(tables), "minima": draw_minima(tables)}
    return Outcome(tables, figures | {"outliers": draw_outliers(tables["outliers"])})
