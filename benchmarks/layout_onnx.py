# SPDX-License-Identifier: Apache-2.0
"""Exports transformers' layout model to ONNX: layout_onnx.py CHECKPOINT ENVIRONMENT FILE.

By TorchScript. torch.onnx wants the package onnx, which is taken from ONNX Runtime's environment.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Any

import torch
from transformers import PPDocLayoutV3ForObjectDetection


class Heads(torch.nn.Module):  # type: ignore[misc]
    """The model with plain outputs.

    Args:
        model: a `PPDocLayoutV3ForObjectDetection`.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self._model = model

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Class logits, boxes, logits of order and masks of [1, 3, 800, 800]."""
        found = self._model(pixel_values=pixels)
        return found.logits, found.pred_boxes, found.order_logits, found.out_masks


def main() -> None:
    """Export."""
    checkpoint, environment, file = sys.argv[1:]
    packages = sysconfig.get_path("purelib", vars={"base": environment})
    sys.path.append(str(Path(packages)))
    loaded: Any = PPDocLayoutV3ForObjectDetection.from_pretrained(checkpoint, dtype=torch.float32)
    with torch.no_grad():
        torch.onnx.export(
            Heads(loaded.eval()),
            (torch.rand(1, 3, 800, 800),),
            file,
            input_names=["pixels"],
            output_names=["logits", "boxes", "order_logits", "masks"],
            opset_version=17,
            dynamo=False,
        )


if __name__ == "__main__":
    main()
