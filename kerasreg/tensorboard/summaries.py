"""What TensorBoard shows, as the entries of an event: numbers, histograms, pictures, texts, pages.

They are made with the tensorboard package alone, see `kerasreg.tensorboard.event_files`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

# One page for every run: what the loss is made of, and where its penalty and the zeros are.
PAGE = {
    "Regularization": {
        "loss = data_loss + penalty": ["^loss$", "^data_loss$", "^penalty$"],
        "penalty by variable": ["^penalty/"],
        "sparsity by variable": ["^sparsity/"],
    }
}


class Entry(NamedTuple):
    """One value of an event: its tag, the plugin that draws it, and a tensor."""

    tag: str
    metadata: Any
    value: Any


def scalar(tag: str, value: float) -> Entry:
    """A point of a curve, in float32: TensorBoard draws no larger numbers."""
    with np.errstate(over="ignore"):  # infinite is what it is to the chart
        return Entry(tag, _scalar_metadata(), np.float32(value))


def histogram(tag: str, edges_and_counts: np.ndarray) -> Entry:
    """A histogram given as rows (left edge, right edge, count)."""
    return Entry(tag, _histogram_metadata(), edges_and_counts)


def image(tag: str, png: bytes) -> Entry:
    """A picture, given as the bytes of a PNG file."""
    from tensorboard.plugins.image.metadata import create_summary_metadata

    # A PNG file has width and height at a fixed place, as big-endian 32-bit numbers.
    size = [str(int.from_bytes(png[at : at + 4], "big")).encode() for at in (16, 20)]
    metadata = create_summary_metadata(display_name="", description="", converted_to_tensor=False)
    return Entry(tag, metadata, np.array([*size, png], dtype=object))


def text(tag: str, markdown: str) -> Entry:
    """A text in Markdown."""
    from tensorboard.plugins.text.metadata import create_summary_metadata

    metadata = create_summary_metadata(display_name="", description="")
    # Without an axis: TensorBoard draws a list of texts as a table.
    return Entry(tag, metadata, np.array(markdown.encode(), dtype=object))


def layout(categories: Mapping[str, Mapping[str, Sequence[str]]]) -> Entry:
    """A page of the custom scalars: titles of categories, of charts, and the tags of a chart.

    A tag is a regular expression; all runs that have it are drawn into the chart.
    """
    from tensorboard.plugins.custom_scalar import layout_pb2
    from tensorboard.plugins.custom_scalar.metadata import (
        CONFIG_SUMMARY_TAG,
        create_summary_metadata,
    )

    page = layout_pb2.Layout(
        category=[
            layout_pb2.Category(
                title=title,
                chart=[
                    layout_pb2.Chart(
                        title=name, multiline=layout_pb2.MultilineChartContent(tag=tags)
                    )
                    for name, tags in charts.items()
                ],
            )
            for title, charts in categories.items()
        ]
    )
    value = np.array(page.SerializeToString(), dtype=object)
    return Entry(CONFIG_SUMMARY_TAG, create_summary_metadata(), value)


# Made once: an epoch has a number of these for each variable.
@cache
def _scalar_metadata() -> Any:
    from tensorboard.plugins.scalar.metadata import create_summary_metadata

    return create_summary_metadata(display_name="", description="")


@cache
def _histogram_metadata() -> Any:
    from tensorboard.plugins.histogram.metadata import create_summary_metadata

    return create_summary_metadata(display_name="", description="")
