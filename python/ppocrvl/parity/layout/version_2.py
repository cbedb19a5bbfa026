# SPDX-License-Identifier: Apache-2.0
"""The stages that V2 alone has: heads of each layer, and the order net."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ppocrvl.parity.layout.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable

    from ppocrvl.parity.layout.network import Given, Module, Named, Tensor


PER_MILLE = 1000
"""Of the page: the order net's coordinates go up to it."""


class NetworkV2(Network):
    """PP-DocLayoutV2.

    Queries whose best class reaches its threshold take part in the order net. They come to the
    front, in their order, as ours keeps it: transformers sorts them there by a sort that is not
    stable.
    """

    def _encode(self, maps: list[Tensor], given: Given) -> Named:
        del given  # all that it needs is in the maps
        for level, x in enumerate(self._model.encoder(maps).last_hidden_state):
            yield f"encoder.{level}", x[0]

    def _first_boxes(self, given: Given, anchors: Tensor) -> Tensor:
        return self._model.enc_bbox_head(given["queries"]) + anchors

    def _box_head(self, layer: int) -> Module:
        return self._model.decoder.bbox_embed[layer]

    def _heads(self, given: Given) -> Named:
        torch = self._torch
        x, boxes = self._decoded(given)
        logits = self._model.decoder.class_embed[-1](x)
        best, labels = logits.max(-1)
        thresholds = torch.tensor(self._whole.config.class_thresholds)  # float32, as in its own
        yield "taken", best.sigmoid() - thresholds[labels]
        taken = given["taken"].bool()
        front = torch.cat((torch.nonzero(taken)[:, 0], torch.nonzero(~taken)[:, 0]))
        yield "logits", logits[front]
        yield "boxes", boxes[front]
        centre, size = given["boxes"].split(2, dim=-1)
        corners = torch.cat((centre - size / 2, centre + size / 2), -1)
        yield "corners", (corners * PER_MILLE).clamp(0, PER_MILLE)
        yield from self._order_net(given, taken[front])

    def _order_net(self, given: Given, taken: Tensor) -> Named:
        """The net's own forward pass; each layer gets its input of `given`, where that is there."""
        torch, net = self._torch, self._whole.reading_order
        labels = given["logits"].argmax(-1) * taken
        names = ["order_tokens", *(f"order.{i}" for i in range(len(net.encoder.layer)))]
        kept: dict[str, Tensor] = {}
        with contextlib.ExitStack() as stack:
            outputs = (net.embeddings.norm, *net.encoder.layer)
            for name, module in zip(names, outputs, strict=True):
                stack.callback(module.register_forward_hook(_keep(kept, name)).remove)
            rows = [slice(None)] * len(net.encoder.layer) + [slice(1, -1)]  # no start, no end
            inputs = (*net.encoder.layer, net.relative_head)
            for name, module, part in zip(names, inputs, rows, strict=True):
                if name in given:
                    tokens = self._padded(given[name], len(taken) + 2)[part]
                    stack.callback(module.register_forward_pre_hook(_give(tokens)).remove)
            order = net(
                boxes=(given["corners"] * taken[:, None])[None],
                labels=torch.tensor(self._whole.config.class_order)[labels][None],
                mask=taken[None],
            )[0]
        for name, tokens in kept.items():
            yield name, tokens[: int(taken.sum()) + 3]  # all that follow are like the last
        yield "order_logits", torch.triu(order, 1)

    def _padded(self, tokens: Tensor, count: int) -> Tensor:
        """As transformers has them: the last one as often as is needed, which may be never."""
        last = tokens[-1:].expand(count - len(tokens) + 1, -1)
        return self._torch.cat((tokens[:-1], last))


def _keep(kept: dict[str, Tensor], name: str) -> Callable[..., None]:
    def hook(_module: Module, _inputs: Tensor, output: Tensor) -> None:
        tokens = output[0] if isinstance(output, tuple) else output  # by transformers' version
        kept[name] = tokens[0]

    return hook


def _give(tokens: Tensor) -> Callable[..., tuple[Tensor, ...]]:
    def hook(_module: Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (tokens[None], *inputs[1:])

    return hook
