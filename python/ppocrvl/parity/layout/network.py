# SPDX-License-Identifier: Apache-2.0
"""The stages that both versions of transformers' layout model have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    # torch and transformers have no types that hold without them.
    Tensor: TypeAlias = Any
    Module: TypeAlias = Any
    Named: TypeAlias = Iterator[tuple[str, Tensor]]
    Given: TypeAlias = Mapping[str, Tensor]

N_LEVELS = 3
N_STAGES = 4


class Network(ABC):
    """A model taken apart: a stage is a module, or a few lines of the forward pass between modules.

    Args:
        torch: the package.
        modeling: transformers' module of this version.
        whole: its model, without dropout.
    """

    def __init__(self, torch: Module, modeling: Module, whole: Module) -> None:
        self._torch = torch
        self._modeling = modeling
        self._whole = whole
        self._model = whole.model
        self._dtype = whole.dtype

    def stages(self, given: Given) -> Named:
        """All stages in order, by our names; what one needs of `given` is read when it is due."""
        yield from self.before_choices(given)
        yield from self.from_choices(given)

    def before_choices(self, given: Given) -> Named:
        """The stages that the pixels alone decide."""
        yield from self._backbone(given)
        yield from self._encoder(given)

    def from_choices(self, given: Given) -> Named:
        """The stages from the choice of queries on."""
        yield from self._selection(given)
        yield from self._decoder(given)
        yield from self._heads(given)

    def best(self, given: Given) -> Tensor:
        """The largest class logit of each token of all levels."""
        classes = [given[f"encoder_classes.{level}"] for level in range(N_LEVELS)]
        return self._torch.cat(classes).max(-1).values

    @abstractmethod
    def _encode(self, maps: list[Tensor], given: Given) -> Named:
        """Of the hybrid encoder the maps, and what else it gives."""

    @abstractmethod
    def _first_boxes(self, given: Given, anchors: Tensor) -> Tensor:
        """Of the queries, in inverse sigmoid.

        Args:
            given: the stages before.
            anchors: [n_queries, 4], of the tokens that became queries.
        """

    @abstractmethod
    def _box_head(self, layer: int) -> Module:
        """The head that moves the boxes after a layer of the decoder."""

    @abstractmethod
    def _heads(self, given: Given) -> Named:
        """What comes after the decoder."""

    def _backbone(self, given: Given) -> Named:
        backbone = self._model.backbone.model
        x = backbone.embedder(given["pixels"][None])
        for stage in range(N_STAGES):
            yield f"backbone.{stage}", backbone.encoder.stages[stage](x)[0]
            x = given[f"backbone.{stage}"][None]

    def _encoder(self, given: Given) -> Named:
        model = self._model
        maps = [
            model.encoder_input_proj[level](given[f"backbone.{level + 1}"][None])
            for level in range(N_LEVELS)
        ]
        yield from self._encode(maps, given)
        for level in range(N_LEVELS):
            memory = model.decoder_input_proj[level](given[f"encoder.{level}"][None])[0]
            yield f"memory.{level}", memory.flatten(1).T

    def _shapes(self, given: Given) -> list[tuple[int, int]]:
        return [tuple(given[f"encoder.{level}"].shape[1:]) for level in range(N_LEVELS)]

    def _memory(self, given: Given) -> Tensor:
        return self._torch.cat([given[f"memory.{level}"] for level in range(N_LEVELS)])

    def _selection(self, given: Given) -> Named:
        torch, model = self._torch, self._model
        shapes = self._shapes(given)
        anchors, valid = model.generate_anchors(tuple(shapes), dtype=self._dtype)
        output = model.enc_output(valid[0] * self._memory(given))
        sizes = [rows * columns for rows, columns in shapes]
        classes = torch.split(model.enc_score_head(output), sizes)
        for level, x in enumerate(classes):
            yield f"encoder_classes.{level}", x
        yield "selected", torch.topk(self.best(given), model.config.num_queries).indices
        selected = given["selected"].long()
        yield "queries", output[selected]
        yield "references", torch.sigmoid(self._first_boxes(given, anchors[0][selected]))

    def _decoder(self, given: Given) -> Named:
        torch, decoder = self._torch, self._model.decoder
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
            moved = self._box_head(i)(x) + self._modeling.inverse_sigmoid(references)
            yield f"references.{i}", torch.sigmoid(moved)
            references = given[f"references.{i}"]

    def _decoded(self, given: Given) -> tuple[Tensor, Tensor]:
        """Queries and boxes after the last layer."""
        last = len(self._model.decoder.layers) - 1
        return given[f"decoder.{last}"], given[f"references.{last}"]
