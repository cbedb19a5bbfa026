# SPDX-License-Identifier: Apache-2.0
"""transformers' PP-DocLayoutV3, taken apart into the stages that ours can show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ppocrvl.errors import CheckpointError, MissingExtraError, OptionError
from ppocrvl.exporter.layout.checkpoint import read_layout_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    Array = npt.NDArray[np.floating[Any]]
    Indices = npt.NDArray[np.int64]
    Named: TypeAlias = Iterator[tuple[str, Any]]

Tensor: TypeAlias = Any  # torch and transformers have no types that hold without them

N_LEVELS = 3
N_STAGES = 4


class LayoutReference:
    """A layout model's checkpoint in transformers, on the CPU.

    A stage is a module of the model, or a few lines that its forward pass has between modules. Each
    can be computed from our values before it: errors of float32 grow from stage to stage, and a
    choice of queries that differs in one makes all later numbers incomparable.

    Args:
        checkpoint: its folder.
        dtype: "float64", so that what differs is our error alone, or "float32", which takes a third
            of the time.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        CheckpointError: transformers cannot load the folder.
        OptionError: it is a PP-DocLayoutV2.
    """

    def __init__(self, checkpoint: Path, dtype: str = "float64") -> None:
        known = read_layout_config(checkpoint)
        if known.version != 3:
            raise OptionError(f"{checkpoint}: parity knows PP-DocLayoutV3 alone, this is a V2")
        try:
            import torch
            import transformers
            from transformers.models.pp_doclayout_v3 import modeling_pp_doclayout_v3 as modeling
        except ImportError as error:
            raise MissingExtraError(
                f"the reference needs torch and transformers ({error}): "
                'pip install "ppocrvl[reference]"'
            ) from error
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self._torch = torch
        self._modeling = modeling
        self._dtype = getattr(torch, dtype)
        self._input = known.input
        self.version = f"transformers {transformers.__version__}, torch {torch.__version__}"
        try:
            loaded = transformers.PPDocLayoutV3ForObjectDetection.from_pretrained(
                checkpoint, dtype=torch.float32
            )
        except Exception as error:  # it raises what it likes on damaged files
            message = " ".join(str(error).split())
            raise CheckpointError(
                f"{checkpoint}: transformers cannot load it: {message}"
            ) from error
        self._model: Any = loaded.eval().to(self._dtype).model
        self._has_masks = bool(loaded.config.mask_enhanced)

    @property
    def least_std(self) -> float:
        """The smallest standard deviation that the model's input is divided by."""
        return min(self._input.std)

    def pixels(self, page: npt.NDArray[np.uint8]) -> Array:
        """The model's input: cubic (a = -0.75) without antialiasing, as transformers resizes.

        Args:
            page: RGB [height, width, 3].

        Returns:
            [3, height, width] of the model's size, normalised.
        """
        torch, wanted = self._torch, self._input
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
            given: all stages of ours, of one page.
        """
        with self._torch.no_grad():
            tensors = {name: self._tensor(array) for name, array in given.items()}
            return {name: tensor.numpy() for name, tensor in self._stages(tensors)}

    def alone(self, pixels: Array, choose: Callable[[Array, Indices], Indices]) -> dict[str, Array]:
        """Every stage by our name, each from the reference's own stages before it.

        Args:
            pixels: [3, height, width], the model's input.
            choose: gets the best class logit of each token and the chosen tokens, the best first;
                gives the tokens to go on with.
        """
        given: dict[str, Tensor] = {"pixels": self._tensor(pixels)}
        with self._torch.no_grad():
            for name, tensor in self._stages(given):
                given[name] = tensor
                if name == "selected":
                    chosen = choose(self._best(given).numpy(), tensor.numpy())
                    given[name] = self._torch.from_numpy(np.asarray(chosen, np.int64))
        return {name: tensor.numpy() for name, tensor in given.items()}

    def _tensor(self, array: Array) -> Tensor:
        return self._torch.from_numpy(np.ascontiguousarray(array)).to(self._dtype)

    def _stages(self, given: Mapping[str, Tensor]) -> Named:
        """All stages in order; what one needs of `given` is looked up when it is due."""
        yield from self._backbone(given)
        yield from self._encoder(given)
        yield from self._selection(given)
        yield from self._decoder(given)

    def _backbone(self, given: Mapping[str, Tensor]) -> Named:
        backbone = self._model.backbone.model
        x = backbone.embedder(given["pixels"][None])
        for stage in range(N_STAGES):
            yield f"backbone.{stage}", backbone.encoder.stages[stage](x)[0]
            x = given[f"backbone.{stage}"][None]

    def _encoder(self, given: Mapping[str, Tensor]) -> Named:
        model = self._model
        maps = [
            model.encoder_input_proj[level](given[f"backbone.{level + 1}"][None])
            for level in range(N_LEVELS)
        ]
        output = model.encoder(maps, (given["backbone.0"][None], None))
        for level, x in enumerate(output.last_hidden_state):
            yield f"encoder.{level}", x[0]
        for level in range(N_LEVELS):
            memory = model.decoder_input_proj[level](given[f"encoder.{level}"][None])[0]
            yield f"memory.{level}", memory.flatten(1).T
        if self._has_masks:
            yield "prototypes", output.mask_feat[0]

    def _shapes(self, given: Mapping[str, Tensor]) -> list[tuple[int, int]]:
        return [tuple(given[f"encoder.{level}"].shape[1:]) for level in range(N_LEVELS)]

    def _memory(self, given: Mapping[str, Tensor]) -> Tensor:
        return self._torch.cat([given[f"memory.{level}"] for level in range(N_LEVELS)])

    def _best(self, given: Mapping[str, Tensor]) -> Tensor:
        """The largest class logit of each token of all levels."""
        classes = [given[f"encoder_classes.{level}"] for level in range(N_LEVELS)]
        return self._torch.cat(classes).max(-1).values

    def _selection(self, given: Mapping[str, Tensor]) -> Named:
        torch, model, modeling = self._torch, self._model, self._modeling
        shapes = self._shapes(given)
        anchors, valid = model.generate_anchors(tuple(shapes), dtype=self._dtype)
        output = model.enc_output(valid[0] * self._memory(given))
        sizes = [rows * columns for rows, columns in shapes]
        classes = torch.split(model.enc_score_head(output), sizes)
        for level, x in enumerate(classes):
            yield f"encoder_classes.{level}", x
        yield "selected", torch.topk(self._best(given), model.config.num_queries).indices
        selected = given["selected"].long()
        yield "queries", output[selected]
        queries = given["queries"]
        if self._has_masks:
            embedded = model.mask_query_head(model.decoder_norm(queries))
            masks = torch.einsum("qc,chw->qhw", embedded, given["prototypes"])
            boxes = modeling.mask_to_box_coordinate(masks[None] > 0, self._dtype)
            references = modeling.inverse_sigmoid(boxes)[0]
        else:
            references = model.enc_bbox_head(queries) + anchors[0][selected]
        yield "references", torch.sigmoid(references)

    def _decoder(self, given: Mapping[str, Tensor]) -> Named:
        torch, model, decoder = self._torch, self._model, self._model.decoder
        shapes = self._shapes(given)
        starts = np.cumsum([0, *(rows * columns for rows, columns in shapes)])[:-1]
        memory = self._memory(given)[None]
        x, references = given["queries"], given["references"]
        for i, layer in enumerate(decoder.layers):
            yield (
                f"decoder.{i}",
                layer(
                    x[None],
                    object_queries_position_embeddings=decoder.query_pos_head(references)[None],
                    reference_points=references[None, :, None],
                    spatial_shapes=torch.tensor(shapes),
                    spatial_shapes_list=shapes,
                    level_start_index=torch.from_numpy(starts),
                    encoder_hidden_states=memory,
                )[0],
            )
            x = given[f"decoder.{i}"]
            moved = decoder.bbox_embed(x) + self._modeling.inverse_sigmoid(references)
            yield f"references.{i}", torch.sigmoid(moved)
            references = given[f"references.{i}"]
        yield "boxes", references
        normed = model.decoder_norm(x)
        yield "logits", decoder.class_embed(normed)
        order = model.decoder_global_pointer(model.decoder_order_head[-1](normed)[None])[0]
        yield "order_logits", torch.triu(order, 1)
        if self._has_masks:
            embedded = model.mask_query_head(normed)
            yield "masks", torch.einsum("qc,chw->qhw", embedded, given["prototypes"])
