"""What the tables of `linear_parity` say about elastic net."""

from experiments.outcome import Finding, Spread


def findings(tables):
    differences = tables["differences"]
    identity = tables["added"]["relative_difference"].max()
    chosen = differences.query("penalty == 'elastic net' and stage_a == stage_b")["difference"]
    solvers, off = chosen.max(), tables["middles"]["from_the_middle"].abs().max()
    default = differences.query("system == 'S8' and stage_a != stage_b")["difference"].max()
    yield Finding(
        claim="C13",
        verdict="refuted" if identity > 1e-6 else "confirmed" if solvers < 1e-5 else "qualified",
        rule="Confirmed if elastic net has the value and gradient of L1 + L2 (relative difference "
        "<= 1e-6) and four solvers agree on its coefficients (difference < 1e-5); qualified if "
        "only the former, refuted otherwise.",
        decisive=Spread.of("largest difference of a coefficient, by pair of solvers", chosen),
        numbers={
            "relative difference of value and gradient from L1 + L2": identity,
            "largest difference of a coefficient between two solvers": solvers,
            "largest distance of a coefficient from the middle of lasso and ridge": off,
            "error of the article's printed coefficients, at scikit-learn's tolerance": default,
        },
        statement="As an objective elastic net is the two penalties added, and with converted "
        f"strengths four solvers find its weights to within {solvers:.0e}; its solution is not the "
        f"two solutions averaged: a coefficient is up to {off:.2f} from the middle.",
    )
