# SPDX-License-Identifier: Apache-2.0
"""The stages that V3 alone has: masks, and an order head on the queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ppocrvl.parity.layout.network import Network

if TYPE_CHECKING:
    from ppocrvl.exporter.layout.config import MaskConfig
    from ppocrvl.parity.layout.network import Given, Module, Named, Tensor


class NetworkV3(Network):
    """PP-DocLayoutV3.

    Args:
        torch: as `Network` has them.
        modeling: likewise.
        whole: likewise.
        mask: None: there is no mask branch, or it is not used.
    """

    def __init__(
        self, torch: Module, modeling: Module, whole: Module, mask: MaskConfig | None
    ) -> None:
        super().__init__(torch, modeling, whole)
        self._has_masks = mask is not None
        self.boxes_of_masks = mask is not None and mask.enhanced

    def masks(self, given: Given, queries: Tensor) -> Tensor:
        """Logits [n_queries, height, width]."""
        embedded = self._model.mask_query_head(self._model.decoder_norm(queries))
        return self._torch.einsum("qc,chw->qhw", embedded, given["prototypes"])

    def _encode(self, maps: list[Tensor], given: Given) -> Named:
        output = self._model.encoder(maps, (given["backbone.0"][None], None))
        for level, x in enumerate(output.last_hidden_state):
            yield f"encoder.{level}", x[0]
        if self._has_masks:
            yield "prototypes", output.mask_feat[0]

    def _first_boxes(self, given: Given, anchors: Tensor) -> Tensor:
        queries = given["queries"]
        if not self.boxes_of_masks:
            return self._model.enc_bbox_head(queries) + anchors
        masks = self.masks(given, queries)
        boxes = self._modeling.mask_to_box_coordinate(masks[None] > 0, self._dtype)
        return self._modeling.inverse_sigmoid(boxes)[0]

    def _box_head(self, layer: int) -> Module:
        del layer  # one head for all
        return self._model.decoder.bbox_embed

    def _heads(self, given: Given) -> Named:
        model = self._model
        x, boxes = self._decoded(given)
        yield "boxes", boxes
        normed = model.decoder_norm(x)
        yield "logits", model.decoder.class_embed(normed)
        order = model.decoder_global_pointer(model.decoder_order_head[-1](normed)[None])[0]
        yield "order_logits", self._torch.triu(order, 1)
        if self._has_masks:
            yield "masks", self.masks(given, x)
