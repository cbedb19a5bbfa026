# SPDX-License-Identifier: Apache-2.0
"""A layout file computed as docs/layout-format.md says, in torch and float64, slow and plain.

It reads nothing but the file. What it gives beside transformers' own model shows that the file and
the document are complete.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

EPSILON = 1e-5


class Graph:
    """The file's keys and tensors, and the stages of the computation."""

    def __init__(self, path: Path) -> None:
        reader = gguf.GGUFReader(path)
        self.keys: dict[str, Any] = {
            name.removeprefix("ppdoclayout."): field.contents()
            for name, field in reader.fields.items()
        }
        self.tensors = {
            tensor.name: torch.from_numpy(
                gguf.quants.dequantize(tensor.data, tensor.tensor_type)
                .reshape(tuple(int(n) for n in reversed(tensor.shape)))
                .astype(np.float64)
            )
            for tensor in reader.tensors
        }
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        self.used.add(name)
        return self.tensors[name]

    # ---- layers ------------------------------------------------------------------------------

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self[f"{name}.weight"]
        size = math.isqrt(weight.shape[1] // x.shape[1])
        weight = weight.reshape(weight.shape[0], x.shape[1], size, size)
        padding = (size - 1) // 2
        return F.conv2d(x, weight, self[f"{name}.bias"], stride=stride, padding=padding)

    def depthwise(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self[f"{name}.weight"]
        size = math.isqrt(weight.shape[1])
        weight = weight.reshape(-1, 1, size, size)
        bias = self[f"{name}.bias"]
        return F.conv2d(x, weight, bias, stride=stride, padding=size // 2, groups=x.shape[1])

    def linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self[f"{name}.weight"], self[f"{name}.bias"])

    def norm(self, name: str, x: Tensor, key: str = "layer_norm_epsilon") -> Tensor:
        weight, bias = self[f"{name}.weight"], self[f"{name}.bias"]
        return F.layer_norm(x, weight.shape, weight, bias, self.keys[key])

    def mlp(self, name: str, x: Tensor, layers: int = 3) -> Tensor:
        for i in range(layers):
            x = self.linear(f"{name}.{i}", F.relu(x) if i else x)
        return x

    def attention(
        self, name: str, x: Tensor, position: Tensor | float, heads: int, bias: Tensor | float = 0
    ) -> Tensor:
        def split(part: str, x: Tensor) -> Tensor:
            return self.linear(f"{name}.attn_{part}", x).unflatten(-1, (heads, -1)).transpose(0, 1)

        query, key = split("q", x + position), split("k", x + position)
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1]) + bias
        mixed = (scores.softmax(-1) @ split("v", x)).transpose(0, 1).flatten(1)
        return self.linear(f"{name}.attn_out", mixed)

    # ---- stages ------------------------------------------------------------------------------

    def backbone(self, pixels: Tensor) -> list[Tensor]:
        def pad(x: Tensor) -> Tensor:
            return F.pad(x, (0, 1, 0, 1))

        a = pad(F.relu(self.conv("backbone.stem1", pixels, 2)))
        b = pad(F.relu(self.conv("backbone.stem2a", a)))
        b = F.relu(self.conv("backbone.stem2b", b))
        x = torch.cat((F.max_pool2d(a, 2, 1), b), 1)
        x = F.relu(self.conv("backbone.stem3", x, 2))
        x = F.relu(self.conv("backbone.stem4", x))
        stages = []
        for stage in range(4):
            if stage:
                x = self.depthwise(f"backbone.{stage}.down", x, 2)
            for block in range(self.keys["backbone.stage_block_counts"][stage]):
                y = self.block(f"backbone.{stage}.{block}", stage, x)
                x = x + y if block else y
            stages.append(x)
        return stages

    def block(self, name: str, stage: int, x: Tensor) -> Tensor:
        parts = [x]
        for layer in range(self.keys["backbone.stage_layer_counts"][stage]):
            if self.keys["backbone.stage_light"][stage]:
                x = self.depthwise(f"{name}.{layer}.depth", self.conv(f"{name}.{layer}.point", x))
            else:
                x = self.conv(f"{name}.{layer}.conv", x)
            x = F.relu(x)
            parts.append(x)
        x = F.relu(self.conv(f"{name}.squeeze", torch.cat(parts, 1)))
        return F.relu(self.conv(f"{name}.excite", x))

    def aifi(self, x: Tensor) -> Tensor:
        tokens = x[0].flatten(1).T
        for layer in range(self.keys["encoder.block_count"]):
            name, heads = f"enc.aifi.{layer}", self.keys["encoder.head_count"]
            y = self.attention(name, tokens, self["enc.pos_embd"], heads)
            tokens = self.norm(f"{name}.attn_norm", tokens + y)
            y = self.linear(f"{name}.ffn_down", F.gelu(self.linear(f"{name}.ffn_up", tokens)))
            tokens = self.norm(f"{name}.ffn_norm", tokens + y)
        return tokens.T.reshape(x.shape)

    def csp(self, name: str, x: Tensor) -> Tensor:
        y = F.silu(self.conv(f"{name}.conv1", x))
        for i in range(3):
            y = F.silu(self.conv(f"{name}.rep.{i}", y))
        y = y + F.silu(self.conv(f"{name}.conv2", x))
        if self.keys["encoder.csp_length"] != self.keys["encoder.embedding_length"]:
            y = F.silu(self.conv(f"{name}.conv3", y))
        return y

    def encoder(self, stages: list[Tensor]) -> list[Tensor]:
        """PAN's maps of strides 8, 16, 32."""
        maps = [self.conv(f"enc.proj.{i}", stages[i + 1]) for i in range(3)]
        top = F.silu(self.conv("enc.lateral.0", self.aifi(maps[2])))
        down = [top]
        for i in range(2):
            x = torch.cat((F.interpolate(down[0], scale_factor=2), maps[1 - i]), 1)
            x = self.csp(f"enc.fpn.{i}", x)
            down.insert(0, F.silu(self.conv("enc.lateral.1", x)) if i == 0 else x)
        pan = [down[0]]
        for i in range(2):
            x = F.silu(self.conv(f"enc.down.{i}", pan[-1], 2))
            pan.append(self.csp(f"enc.pan.{i}", torch.cat((x, down[i + 1]), 1)))
        return pan

    def prototypes(self, first_stage: Tensor, pan: list[Tensor]) -> Tensor:
        def enlarge(x: Tensor) -> Tensor:
            return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

        def conv(name: str, x: Tensor) -> Tensor:
            return F.silu(self.conv(f"mask.{name}", x))

        x = conv("fpn.0.0", pan[0]) + enlarge(conv("fpn.1.0", pan[1]))
        x = x + enlarge(conv("fpn.2.1", enlarge(conv("fpn.2.0", pan[2]))))
        x = enlarge(conv("fpn_out", x)) + conv("lateral", first_stage)
        return self.conv("mask.prototypes", conv("base", x))[0]

    def masks(self, x: Tensor, prototypes: Tensor) -> Tensor:
        return torch.einsum("qm,mhw->qhw", self.mlp("mask.query", x), prototypes)

    def select(self, tokens: Tensor, prototypes: Tensor | None) -> tuple[Tensor, Tensor]:
        """Queries, and their boxes in inverse sigmoid."""
        memory = self.linear("dec.memory", self["dec.anchors_valid"] * tokens)
        memory = self.norm("dec.memory_norm", memory)
        best = self.linear("dec.enc_class", memory).max(-1).values
        index = best.topk(self.keys["decoder.query_count"]).indices
        queries = memory[index]
        boxes = self.mlp("dec.enc_box", queries) + self["dec.anchors"][index]
        if self.keys.get("mask.enhanced"):
            assert prototypes is not None
            boxes = unsigmoid(
                mask_boxes(self.masks(self.norm("dec.norm", queries), prototypes) > 0)
            )
        return queries, boxes

    def deformable(
        self, name: str, x: Tensor, tokens: Tensor, sizes: list[tuple[int, int]], boxes: Tensor
    ) -> Tensor:
        heads, points = self.keys["decoder.head_count"], self.keys["decoder.point_count"]
        value = self.linear(f"{name}.cross_value", tokens).unflatten(-1, (heads, -1))
        offsets = self.linear(f"{name}.cross_offsets", x).reshape(-1, heads, 3, points, 2)
        weights = self.linear(f"{name}.cross_weights", x).unflatten(-1, (heads, -1)).softmax(-1)
        weights = weights.unflatten(-1, (3, points))
        where = boxes[:, None, None, None]
        where = where[..., :2] + offsets / points * where[..., 2:] / 2
        total, start = torch.zeros(()), 0
        for level, (width, height) in enumerate(sizes):
            part = value[start : start + width * height].permute(1, 2, 0)
            part = part.unflatten(-1, (height, width))
            grid = 2 * where[:, :, level].transpose(0, 1) - 1
            sampled = F.grid_sample(part, grid, align_corners=False)
            total = total + torch.einsum("hcqp,qhp->qhc", sampled, weights[:, :, level])
            start += width * height
        return self.linear(f"{name}.cross_out", total.flatten(1))

    def decoder(
        self, x: Tensor, tokens: Tensor, sizes: list[tuple[int, int]], boxes: Tensor
    ) -> tuple[Tensor, Tensor]:
        boxes = boxes.sigmoid()
        for layer in range(self.keys["decoder.block_count"]):
            name = f"dec.{layer}"
            position = self.mlp("dec.query_pos", boxes, 2)
            y = self.attention(name, x, position, self.keys["decoder.head_count"])
            x = self.norm(f"{name}.attn_norm", x + y)
            y = self.deformable(name, x + position, tokens, sizes, boxes)
            x = self.norm(f"{name}.cross_norm", x + y)
            y = self.linear(f"{name}.ffn_down", F.relu(self.linear(f"{name}.ffn_up", x)))
            x = self.norm(f"{name}.ffn_norm", x + y)
            head = "dec.box" if self.keys["version"] == 3 else f"{name}.box"
            boxes = (self.mlp(head, x) + unsigmoid(boxes)).sigmoid()
        return x, boxes

    def pointer(self, x: Tensor) -> Tensor:
        query, key = self.linear("order.pointer", x).chunk(2, -1)
        logits = query @ key.T / math.sqrt(query.shape[-1])
        return torch.where(torch.ones_like(logits).tril().bool(), -10000.0, logits)

    def order_net(self, boxes: Tensor, labels: Tensor) -> Tensor:
        """Logits of all queries, those that take part first; boxes are corners in 0..1."""
        epsilon, heads = "order.layer_norm_epsilon", self.keys["order.head_count"]
        boxes = F.pad((boxes * 1000).clamp(0, 1000), (0, 0, 1, 2))
        count, queries = len(labels), self.keys["decoder.query_count"]
        kinds = torch.tensor([0, *[1] * count, 2, 3])
        x0, y0, x1, y1 = boxes.long().unbind(-1)
        spatial = torch.cat(
            [
                self["order.x_embd"][x0],
                self["order.y_embd"][y0],
                self["order.x_embd"][x1],
                self["order.y_embd"][y1],
                self["order.h_embd"][y1 - y0],
                self["order.w_embd"][x1 - x0],
            ],
            -1,
        )
        x = self["order.token_embd"][kinds] + self.linear("order.spatial", spatial)
        x[:-1] += self["order.pos_embd"][: count + 2]
        x[1:-2] += self["order.label_embd"][labels]
        if count < queries:
            x[-2:] += self["order.label_embd"][0]
        x = self.norm("order.embd_norm", x, epsilon)
        bias = self.relations(boxes)
        bias[:, :, -1] = -math.inf
        for layer in range(self.keys["order.block_count"]):
            name = f"order.{layer}"
            y = self.attention(name, x, 0.0, heads, bias)
            x = self.norm(f"{name}.attn_norm", x + y, epsilon)
            y = self.linear(f"{name}.ffn_down", F.gelu(self.linear(f"{name}.ffn_up", x)))
            x = self.norm(f"{name}.ffn_norm", x + y, epsilon)
        return self.pointer(x[[min(i + 1, count + 2) for i in range(queries)]])

    def relations(self, boxes: Tensor) -> Tensor:
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        size = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1e-3)
        far = (centre[:, None] - centre[None]).abs() / (size[:, None] + EPSILON)
        ratio = (size[:, None] + EPSILON) / (size[None] + EPSILON)
        values = torch.cat(((far + 1).log(), ratio.log()), -1)
        angles = values[..., None] * self.keys["order.relation_scale"] * self["order.relation_freq"]
        channels = torch.cat((angles.sin(), angles.cos()), -1).flatten(-2)
        return self.linear("order.relation", channels).permute(2, 0, 1)

    def run(self, pixels: Tensor) -> dict[str, Tensor]:
        """All stages for pixels [1, 3, height, width]."""
        stages = self.backbone(pixels)
        pan = self.encoder(stages)
        maps = [self.conv(f"dec.proj.{i}", x)[0] for i, x in enumerate(pan)]
        tokens = torch.cat([x.flatten(1) for x in maps], 1).T
        sizes = [(x.shape[2], x.shape[1]) for x in maps]
        result = {"stage": stages[-1], "pan": pan[-1]}
        prototypes = None
        if self.keys.get("mask.present"):
            prototypes = result["prototypes"] = self.prototypes(stages[0], pan)
        queries, boxes = self.select(tokens, prototypes)
        result |= {"queries": queries, "first_boxes": boxes}
        x, boxes = self.decoder(queries, tokens, sizes, boxes)
        if self.keys["version"] == 3:
            x = self.norm("dec.norm", x)
            if prototypes is not None:
                result["masks"] = self.masks(x, prototypes)
            result["order"] = self.pointer(self.linear("order.head", x))
        result |= {"logits": self.linear("dec.class", x), "boxes": boxes}
        if self.keys["version"] == 2:
            best, labels = result["logits"].max(-1)
            taken = best.sigmoid() >= torch.tensor(self.keys["order.thresholds"])[labels]
            corners = torch.cat(
                (boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2), 1
            )
            result["taken"] = taken
            result["order"] = self.order_net(corners[taken], labels[taken])
        return result


def unsigmoid(x: Tensor) -> Tensor:
    x = x.clamp(0, 1)
    return (x.clamp(min=EPSILON) / (1 - x).clamp(min=EPSILON)).log()


def mask_boxes(masks: Tensor) -> Tensor:
    """Centre and size, over the mask's size; zeros for an empty mask."""
    boxes = torch.zeros(len(masks), 4, dtype=torch.float64)
    for i, mask in enumerate(masks):
        if mask.any():
            rows, columns = (torch.nonzero(mask.any(axis)).ravel().double() for axis in (1, 0))
            x0, x1 = columns[0] / mask.shape[1], (columns[-1] + 1) / mask.shape[1]
            y0, y1 = rows[0] / mask.shape[0], (rows[-1] + 1) / mask.shape[0]
            boxes[i] = torch.stack(((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0))
    return boxes
