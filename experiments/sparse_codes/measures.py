"""What `sparse_codes` measures on its autoencoders, and which of them it compares."""

import numpy as np
import pandas as pd
from keras import ops

KEYS = ["penalty", "strength", "seed"]
ACTIVE = 0.1  # a sigmoid unit is active above
N_FEATURES, N_PARTS = 12, 5
PIXELS = pd.MultiIndex.from_product([range(8), range(8)], names=["row", "column"])


def measured(model, x):
    """By table: what the codes of held-out images are like, and what can be rebuilt from them."""
    activities = ops.convert_to_numpy(model.layers[0](x))
    active = activities > ACTIVE
    codes = {
        "error": np.mean((ops.convert_to_numpy(model(x)) - x) ** 2),
        "active_share": active.mean(),
        "mean_activity": activities.mean(),
        "never_active_share": np.mean(~active.any(axis=0)),
    }
    counts, edges = np.histogram(activities, bins=20, range=(0, 1))
    shares = {"bin_left": edges[:-1], "bin_right": edges[1:], "share": counts / activities.size}
    used = np.sort(active.mean(axis=0))[::-1]
    units = {"rank": np.arange(1, len(used) + 1), "share_of_images": used}
    return {
        "codes": pd.DataFrame([codes]),
        "activities": pd.DataFrame(shares),
        "units": pd.DataFrame(units),
    }


def compared(codes):
    """(penalty, strength) of no penalty, and of each penalty where it doubles the error, nearly.

    That is the strength whose mean held-out error is nearest to twice that of no penalty, on a
    logarithmic scale: penalties are compared at what they cost.
    """
    error = codes.groupby(["penalty", "strength"], sort=False)["error"].mean()
    free = error["none"].iloc[0]
    far = np.log(error / (2 * free)).abs()
    return [group.idxmin() for _, group in far.groupby("penalty", sort=False)]


def features(model, weights, data):
    """Decoder weights of the units whose activity varies most, relative to the largest."""
    found = {}
    for key, values in weights.items():
        model.set_weights(values)
        spread = ops.convert_to_numpy(model.layers[0](data.x_test)).std(axis=0)
        for rank, unit in enumerate(np.argsort(-spread)[:N_FEATURES], 1):
            ink = values[2][unit]
            found[*key, rank] = pd.Series(ink / (ink.max() or 1.0), PIXELS)
    return pd.concat(found, names=[*KEYS[:2], "rank", *PIXELS.names]).reset_index(name="ink")


def example(model, weights, data):
    """A held-out image, what its most active units add to it, and all that is rebuilt of it."""
    found = {}
    image = data.x_test[np.flatnonzero(data.y_test == 2)[:1]]
    for key, values in weights.items():
        model.set_weights(values)
        parts = ops.convert_to_numpy(model.layers[0](image))[0][:, None] * values[2]
        largest = np.argsort(-parts.sum(axis=1))[:N_PARTS]
        found[*key, "image"] = pd.Series(image[0], PIXELS)
        found |= {
            (*key, f"part {i}"): pd.Series(parts[unit], PIXELS) for i, unit in enumerate(largest, 1)
        }
        found[*key, "rebuilt"] = pd.Series(ops.convert_to_numpy(model(image))[0], PIXELS)
    return pd.concat(found, names=[*KEYS[:2], "part", *PIXELS.names]).reset_index(name="ink")
