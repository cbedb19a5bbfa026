# SPDX-License-Identifier: Apache-2.0
"""How many workers a cluster has places for."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ppocrvl.batch.on_ray import Workers, sized
from ppocrvl.errors import ClusterError, OptionError

NODES = [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 6.0}, {"memory": 1e9}]
"""One with GPUs, one without, one that computes nothing."""


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Workers(), Workers(3, 4)),
        (Workers(2), Workers(2, 4)),
        (Workers(cpus=3), Workers(4, 3)),
        (Workers(cpus=8), Workers(1, 8)),
        (Workers(gpus=1), Workers(2, 4, 1)),
        (Workers(gpus=0.5), Workers(2, 4, 0.5)),  # the CPUs are what is short
        (Workers(cpus=1, gpus=1 / 3), Workers(6, 1, 1 / 3)),
        (Workers(cpus=1, gpus=2), Workers(1, 1, 2)),
        (Workers(9, 1, 0.1), Workers(9, 1, 0.1)),
    ],
)
def test_sizes(asked: Workers, found: Workers) -> None:
    assert sized(asked, NODES) == found


def test_small_nodes_have_small_workers() -> None:
    assert sized(Workers(), [{"CPU": 2.0}, {"CPU": 1.0}]) == Workers(3, 1)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Workers(cpus=9), "no node has 9 CPUs for a worker, the largest has 8"),
        (Workers(gpus=3), "no node has 3 GPUs for a worker, the largest has 2"),
    ],
)
def test_no_node_is_large_enough(asked: Workers, message: str) -> None:
    with pytest.raises(ClusterError, match=re.escape(message)):
        sized(asked, NODES)


@pytest.mark.parametrize(
    "values",
    [{"count": 0}, {"cpus": -1}, {"gpus": -0.5}, {"gpus": 1.5}, {"gpus": float("nan")}],
)
def test_out_of_range(values: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="must be"):
        Workers(**values)
