# SPDX-License-Identifier: Apache-2.0
"""transformers' PP-DocLayoutV3 and V2, by the stages that ours can show."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ppocrvl.errors import CheckpointError, MissingExtraError
from ppocrvl.exporter.layout.checkpoint import read_layout_config
from ppocrvl.parity.layout.version_2 import NetworkV2
from ppocrvl.parity.layout.version_3 import NetworkV3

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from ppocrvl.parity.layout.network import Tensor

    Array = npt.NDArray[np.floating[Any]]
    Indices = npt.NDArray[np.int64]
    Page = npt.NDArray[np.uint8]


class Choices(Protocol):
    """What to go on with where numbers become a choice."""

    def queries(self, best: Array, theirs: Indices) -> Indices:
        """The tokens that become queries.

        Args:
            best: [n_tokens], the largest class logit of each.
            theirs: what the reference chooses, the best first.
        """

    def taken(self, margins: Array) -> npt.NDArray[np.bool_]:
        """Which queries take part in V2's order net.

        Args:
            margins: [n_queries], of the best class how far its score is above its threshold; the
                reference takes those from 0 on.
        """

    def corners(self, theirs: Array) -> Array:
        """What V2's order net gets as boxes; it cuts them to integers.

        Args:
            theirs: [n_queries, 4], the reference's: left, top, right, bottom, 0 to 1000.
        """

    def boxes(self, masks: Array, theirs: Array) -> Array:
        """The first reference boxes, which enclose what is positive in the queries' masks.

        Args:
            masks: [n_queries, height, width].
            theirs: [n_queries, 4], the reference's: centre, width and height, 0 to 1.
        """


class LayoutReference:
    """A layout model's checkpoint in transformers, on the CPU.

    Each stage can be computed from our values before it: errors of float32 grow from stage to
    stage, and a choice of queries that differs in one makes all later numbers incomparable.

    Args:
        checkpoint: its folder.
        dtype: "float64", so that what differs is our error alone, or "float32", which takes a third
            of the time.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        CheckpointError: transformers cannot load the folder.
    """

    def __init__(self, checkpoint: Path, dtype: str = "float64") -> None:
        known = read_layout_config(checkpoint)
        try:
            import torch
            import transformers

            name = f"pp_doclayout_v{known.version}"
            modeling = import_module(f"transformers.models.{name}.modeling_{name}")
        except ImportError as error:
            raise MissingExtraError(
                f"the reference needs torch and transformers ({error}): "
                'pip install "ppocrvl[reference]"'
            ) from error
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self._torch = torch
        self._dtype = getattr(torch, dtype)
        self._input = known.input
        self._pixels: Array | None = None
        self._kept: dict[str, Tensor] = {}
        self.version = f"transformers {transformers.__version__}, torch {torch.__version__}"
        try:
            loaded = transformers.AutoModelForObjectDetection.from_pretrained(
                checkpoint, dtype=torch.float32
            )
        except Exception as error:  # it raises what it likes on damaged files
            message = " ".join(str(error).split())
            raise CheckpointError(
                f"{checkpoint}: transformers cannot load it: {message}"
            ) from error
        whole = loaded.eval().to(self._dtype)
        self._network: NetworkV2 | NetworkV3 = (
            NetworkV2(torch, modeling, whole)
            if known.version == 2
            else NetworkV3(torch, modeling, whole, known.mask)
        )

    @property
    def least_std(self) -> float:
        """The smallest standard deviation that the model's input is divided by."""
        return min(self._input.std)

    def pixels(self, page: Page) -> Array:
        """The model's input: cubic (a = -0.75) without antialiasing, as transformers resizes.

        A model that was trained on halved pages gets them halved, which transformers leaves to
        whoever calls it.

        Args:
            page: RGB [height, width, 3].

        Returns:
            [3, height, width] of the model's size, normalised.
        """
        torch, wanted = self._torch, self._input
        if wanted.halves:
            page = halved(page, wanted.width, wanted.height)
        with torch.no_grad():
            image = torch.from_numpy(np.ascontiguousarray(page)).permute(2, 0, 1)[None].float()
            resized = torch.nn.functional.interpolate(
                image, (wanted.height, wanted.width), mode="bicubic", align_corners=False
            )
            scaled = resized[0].round().clamp(0, 255).double().numpy() / 255.0
        mean, std = (np.reshape(one, (3, 1, 1)) for one in (wanted.mean, wanted.std))
        return np.asarray((scaled - mean) / std)

    def from_given(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """Every stage by our name, from our stages before it.

        Args:
            given: all stages of ours, of one page, as `stages.comparable` gives them.
        """
        with self._torch.no_grad():
            tensors = {name: self._tensor(array) for name, array in given.items()}
            return {name: tensor.numpy() for name, tensor in self._network.stages(tensors)}

    def alone(self, pixels: Array, choices: Choices) -> dict[str, Array]:
        """Every stage by our name, each from the reference's own stages before it.

        Args:
            pixels: [3, height, width], the model's input.
            choices: is asked at the places where the model chooses.
        """
        with self._torch.no_grad():
            given = self._before_choices(pixels)
            for name, tensor in self._network.from_choices(given):
                given[name] = tensor
                if name in {"selected", "references", "taken", "corners"}:
                    given[name] = self._chosen(name, given, choices)
        return {name: tensor.numpy() for name, tensor in given.items()}

    def _before_choices(self, pixels: Array) -> dict[str, Tensor]:
        """Most of the work on a page; kept for who asks about it again with other choices."""
        if self._pixels is None or not np.array_equal(self._pixels, pixels):
            given: dict[str, Tensor] = {"pixels": self._tensor(pixels)}
            for name, tensor in self._network.before_choices(given):
                given[name] = tensor  # noqa: PERF403 - the next stage reads it
            self._pixels, self._kept = pixels, given
        return dict(self._kept)

    def _chosen(self, name: str, given: Mapping[str, Tensor], choices: Choices) -> Tensor:
        network, theirs = self._network, given[name]
        if name == "selected":
            chosen = choices.queries(network.best(given).numpy(), theirs.numpy())
            return self._torch.from_numpy(np.asarray(chosen, np.int64))
        if name == "taken":
            return self._torch.from_numpy(choices.taken(theirs.numpy()))
        if name == "corners":
            return self._tensor(choices.corners(theirs.numpy()))
        if isinstance(network, NetworkV3) and network.boxes_of_masks:
            masks = network.masks(given, given["queries"])
            return self._tensor(choices.boxes(masks.numpy(), theirs.numpy()))
        return theirs

    def _tensor(self, array: Array) -> Tensor:
        return self._torch.from_numpy(np.ascontiguousarray(array)).to(self._dtype)


def halved(page: Page, width: int, height: int) -> Page:
    """Rounded means of 2 x 2 pixels, as often as both sides are at least twice as large.

    Args:
        page: RGB [height, width, 3].
        width: of the model's input.
        height: likewise.
    """
    while page.shape[0] >= 2 * height and page.shape[1] >= 2 * width:
        # At the edge of an odd side, a pixel twice has the mean of what there is.
        even = np.pad(page, [(0, side % 2) for side in page.shape[:2]] + [(0, 0)], "edge")
        rows = even[0::2].astype(np.int32) + even[1::2]
        page = ((rows[:, 0::2] + rows[:, 1::2] + 2) // 4).astype(np.uint8)
    return page
