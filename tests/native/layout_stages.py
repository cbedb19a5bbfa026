# SPDX-License-Identifier: Apache-2.0
"""Each stage of transformers' layout model, given what ours computed before that stage.

Errors of float32 grow from stage to stage, and a choice of queries that differs in one makes all
later numbers incomparable; with the same input, each stage must agree by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

N_LEVELS = 3
N_STAGES = 4


class ReferenceStages:
    """transformers' model in float64, so that what differs is our error alone.

    Args:
        checkpoint: Folder of a PP-DocLayoutV3 or PP-DocLayoutV2 checkpoint.
    """

    def __init__(self, checkpoint: Path) -> None:
        import torch
        from transformers import AutoModelForObjectDetection

        loaded = AutoModelForObjectDetection.from_pretrained(checkpoint, dtype=torch.float32)
        self._whole: Any = loaded.eval().double()
        self._model: Any = self._whole.model
        self.config: Any = loaded.config
        self._is_v2 = self.config.model_type == "pp_doclayout_v2"
        self._has_masks = not self._is_v2 and self.config.mask_enhanced

    def from_ours(self, ours: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float64]]:
        """Every stage by our name, from our stages before it."""
        import torch

        with torch.no_grad():
            tensors = {name: torch.from_numpy(a).double() for name, a in ours.items()}
            stages = {
                **self._backbone(tensors),
                **self._encoder(tensors),
                **self._selection(tensors),
                **self._decoder(tensors),
                **self._order(tensors),
            }
            return {name: tensor.numpy() for name, tensor in stages.items()}

    def _backbone(self, ours: dict[str, Any]) -> dict[str, Any]:
        backbone = self._model.backbone.model
        inputs = [backbone.embedder(ours["pixels"][None])]
        inputs += [ours[f"backbone.{stage}"][None] for stage in range(N_STAGES - 1)]
        return {
            f"backbone.{stage}": backbone.encoder.stages[stage](inputs[stage])[0]
            for stage in range(N_STAGES)
        }

    def _encoder(self, ours: dict[str, Any]) -> dict[str, Any]:
        model = self._model
        maps = [
            model.encoder_input_proj[level](ours[f"backbone.{level + 1}"][None])
            for level in range(N_LEVELS)
        ]
        more = () if self._is_v2 else ((ours["backbone.0"][None], None),)
        output = model.encoder(maps, *more)
        stages = {f"encoder.{level}": x[0] for level, x in enumerate(output.last_hidden_state)}
        for level in range(N_LEVELS):
            memory = model.decoder_input_proj[level](ours[f"encoder.{level}"][None])[0]
            stages[f"memory.{level}"] = memory.flatten(1).T
        if self._has_masks:
            stages["prototypes"] = output.mask_feat[0]
        return stages

    def _shapes(self, ours: dict[str, Any]) -> list[tuple[int, int]]:
        return [tuple(ours[f"encoder.{level}"].shape[1:]) for level in range(N_LEVELS)]

    def _memory(self, ours: dict[str, Any]) -> Any:
        import torch

        return torch.cat([ours[f"memory.{level}"] for level in range(N_LEVELS)])

    def _selection(self, ours: dict[str, Any]) -> dict[str, Any]:
        import torch
        from transformers.models.pp_doclayout_v3.modeling_pp_doclayout_v3 import (
            inverse_sigmoid,
            mask_to_box_coordinate,
        )

        model = self._model
        anchors, valid = model.generate_anchors(tuple(self._shapes(ours)), dtype=torch.float64)
        output = model.enc_output(valid[0] * self._memory(ours))
        selected = ours["selected"].long()
        queries = ours["queries"]
        if self._has_masks:
            embedded = model.mask_query_head(model.decoder_norm(queries))
            masks = torch.einsum("qc,chw->qhw", embedded, ours["prototypes"])
            references = inverse_sigmoid(mask_to_box_coordinate(masks[None] > 0, torch.float64))[0]
        else:
            references = model.enc_bbox_head(queries) + anchors[0][selected]
        classes = model.enc_score_head(output)
        sizes = [rows * columns for rows, columns in self._shapes(ours)]
        stages = {
            f"encoder_classes.{level}": x for level, x in enumerate(torch.split(classes, sizes))
        }
        return {**stages, "queries": output[selected], "references": torch.sigmoid(references)}

    def _decoder(self, ours: dict[str, Any]) -> dict[str, Any]:
        import torch
        from transformers.models.pp_doclayout_v3.modeling_pp_doclayout_v3 import inverse_sigmoid

        model, decoder = self._model, self._model.decoder
        shapes = self._shapes(ours)
        memory = self._memory(ours)[None]
        starts = torch.tensor([0, *np.cumsum([r * c for r, c in shapes])[:-1].tolist()])
        x, references = ours["queries"], ours["references"]
        stages = {}
        for i, layer in enumerate(decoder.layers):
            stages[f"decoder.{i}"] = layer(
                x[None],
                object_queries_position_embeddings=decoder.query_pos_head(references)[None],
                reference_points=references[None, :, None],
                spatial_shapes=torch.tensor(shapes),
                spatial_shapes_list=shapes,
                level_start_index=starts,
                encoder_hidden_states=memory,
            )[0]
            x = ours[f"decoder.{i}"]
            head = decoder.bbox_embed[i] if self._is_v2 else decoder.bbox_embed
            moved = head(x) + inverse_sigmoid(references)
            stages[f"references.{i}"] = torch.sigmoid(moved)
            references = ours[f"references.{i}"]
        if self._is_v2:
            return stages
        normed = model.decoder_norm(x)
        stages["logits"] = decoder.class_embed(normed)
        order = model.decoder_global_pointer(model.decoder_order_head[-1](normed)[None])[0]
        stages["order_logits"] = torch.triu(order, 1)
        if self._has_masks:
            embedded = model.mask_query_head(normed)
            stages["masks"] = torch.einsum("qc,chw->qhw", embedded, ours["prototypes"])
        return stages

    def _order(self, ours: dict[str, Any]) -> dict[str, Any]:
        """V2: the heads, and the order net over the queries that ours brought to the front."""
        import torch

        if not self._is_v2:
            return {}
        last = self.config.decoder_layers - 1
        logits = self._model.decoder.class_embed[-1](ours[f"decoder.{last}"])
        taken = self._taken(logits)
        front = torch.cat((torch.nonzero(taken)[:, 0], torch.nonzero(~taken)[:, 0]))
        stages = {"logits": logits[front], "boxes": ours[f"references.{last}"][front]}
        count = int(taken.sum())
        taken = taken[front]
        assert torch.equal(self._taken(ours["logits"]), taken)
        centre, size = ours["boxes"].split(2, dim=-1)
        corners = (torch.cat((centre - size / 2, centre + size / 2), -1) * 1000).clamp(0, 1000)
        labels = ours["logits"].argmax(-1) * taken
        net = self._whole.reading_order
        kept: dict[str, Any] = {}
        handles = [net.embeddings.norm.register_forward_hook(_keep(kept, "order_tokens"))]
        for i, layer in enumerate(net.encoder.layer):
            source = "order_tokens" if i == 0 else f"order.{i - 1}"
            handles += [
                layer.register_forward_pre_hook(_give(_padded(ours[source], len(taken) + 2))),
                layer.register_forward_hook(_keep(kept, f"order.{i}")),
            ]
        head = _give(_padded(ours[f"order.{last_layer(net)}"], len(taken) + 2)[1:-1])
        handles.append(net.relative_head.register_forward_pre_hook(head))
        order = net(
            boxes=(corners * taken[:, None])[None],
            labels=torch.tensor(self.config.class_order)[labels][None],
            mask=taken[None],
        )[0]
        for handle in handles:
            handle.remove()
        assert 0 < count < len(taken) - 1
        stages |= {name: values[: count + 3] for name, values in kept.items()}
        return {**stages, "order_logits": torch.triu(order, 1)}

    def _taken(self, logits: Any) -> Any:
        import torch

        best, labels = logits.max(-1)
        return best.sigmoid() >= torch.tensor(self.config.class_thresholds)[labels]


def last_layer(net: Any) -> int:
    """Of the order net."""
    return len(net.encoder.layer) - 1


def _padded(tokens: Any, count: int) -> Any:
    """Our tokens as transformers has them: the last one as often as is needed."""
    import torch

    return torch.cat((tokens[:-1], tokens[-1:].expand(count - len(tokens) + 1, -1)))


def _keep(kept: dict[str, Any], name: str) -> Any:
    def hook(_module: Any, _inputs: Any, output: Any) -> None:
        kept[name] = (output[0] if isinstance(output, tuple) else output)[0]

    return hook


def _give(tokens: Any) -> Any:
    def hook(_module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (tokens[None], *inputs[1:])

    return hook


def relative_error(values: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    """Norm of the difference, by the norm of what is expected."""
    assert values.shape == expected.shape
    return float(np.linalg.norm(values - expected) / np.linalg.norm(expected))
