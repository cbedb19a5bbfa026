# SPDX-License-Identifier: Apache-2.0
"""Batch norms and parallel branches as part of a convolution, in double precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ppocrvl.errors import CheckpointError

if TYPE_CHECKING:
    from ppocrvl.exporter.layout.constants import Array
    from ppocrvl.exporter.layout.table import Values


@dataclass(frozen=True, slots=True)
class Norm:
    """A batch norm of the checkpoint."""

    module: str
    epsilon: float

    @property
    def names(self) -> tuple[str, ...]:
        """Its tensors."""
        return tuple(
            f"{self.module}.{name}" for name in ("weight", "bias", "running_mean", "running_var")
        )


def scale_and_shift(values: Values, norm: Norm) -> tuple[Array, Array]:
    """What the norm multiplies each channel by, and then adds.

    Raises:
        CheckpointError: A variance is negative.
    """
    weight, bias, mean, variance = (values.whole(name) for name in norm.names)
    if np.any(variance < 0):
        raise CheckpointError(f"{norm.module}.running_var is negative; the checkpoint is damaged")
    with np.errstate(all="ignore"):  # what is not finite is told when it is written
        scale = weight / np.sqrt(variance + norm.epsilon)
        return scale, bias - mean * scale


def centred(kernels: Array, size: int) -> Array:
    """Kernels [out, in, k, k] in the middle of kernels of a larger odd size."""
    margin = (size - kernels.shape[-1]) // 2
    if margin == 0:
        return kernels
    return np.pad(kernels, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
