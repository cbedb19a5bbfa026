# SPDX-License-Identifier: Apache-2.0
"""Layout checkpoints with random weights, calibrated on a picture, of any size.

Plain random weights are no use for comparisons: signals die out or grow from layer to layer, masks
come out as noise about zero. So a picture is passed through the convolutions while they are made,
and every batch norm gets the mean and the variance that it meets. Masks are positive at a few
percent of the pixels, and some queries have scores above the thresholds.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ppocrvl.exporter.layout.config import (
    BATCH_NORM_EPSILON,
    N_LEVELS,
    N_STAGES,
    LayoutConfig,
    parse_layout_config,
)
from ppocrvl.exporter.layout.constants import position_embedding
from ppocrvl.exporter.layout.official import LABELS, thresholds
from ppocrvl.exporter.layout.table import Shape, layout_tensors, needed_tensors

if TYPE_CHECKING:
    from pathlib import Path

Array = npt.NDArray[np.float32]

_SMALL_BACKBONE: dict[str, Any] = {
    "model_type": "hgnet_v2",
    "stem_channels": [3, 8, 16],
    "stage_in_channels": [16, 32, 64, 128],
    "stage_mid_channels": [16, 24, 48, 96],
    "stage_out_channels": [32, 64, 128, 256],
    "stage_num_blocks": [1, 1, 2, 1],
    "stage_numb_of_layers": [3, 3, 3, 3],
    "embedding_size": 16,
    "hidden_sizes": [32, 64, 128, 256],
    "depths": [1, 1, 2, 1],
}
_SMALL: dict[str, Any] = {
    "encoder_hidden_dim": 64,
    "encoder_in_channels": [64, 128, 256],
    "encoder_ffn_dim": 256,
    "encoder_attention_heads": 4,
    "d_model": 64,
    "decoder_in_channels": [64, 64, 64],
    "decoder_ffn_dim": 256,
    "decoder_attention_heads": 4,
    "decoder_layers": 3,
    "num_queries": 100,
}
_V3: dict[str, Any] = {
    "model_type": "pp_doclayout_v3",
    "architectures": ["PPDocLayoutV3ForObjectDetection"],
    "backbone_config": {
        "model_type": "hgnet_v2",
        "out_features": ["stage1", "stage2", "stage3", "stage4"],
    },
}
_V2: dict[str, Any] = {
    "model_type": "pp_doclayout_v2",
    "architectures": ["PPDocLayoutV2ForObjectDetection"],
    "backbone_config": {
        "model_type": "hgnet_v2",
        "out_features": ["stage2", "stage3", "stage4"],
    },
    "class_thresholds": list(thresholds(2, LABELS)),
    "class_order": [i % 20 for i in range(len(LABELS))],
}
_SMALL_ORDER = {
    "hidden_size": 64,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "max_position_embeddings": 128,
    "coordinate_size": 11,
    "shape_size": 10,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "v3": _V3,
    "v2": _V2,
    "v3-small": {
        **_V3,
        **_SMALL,
        "backbone_config": {**_V3["backbone_config"], **_SMALL_BACKBONE},
        "hidden_expansion": 0.5,
        "mask_feature_channels": [8, 12],
        "x4_feat_dim": 32,
        "num_prototypes": 8,
        "global_pointer_head_size": 32,
    },
    "v2-small": {
        **_V2,
        **_SMALL,
        "backbone_config": {**_V2["backbone_config"], **_SMALL_BACKBONE},
        "reading_order_config": _SMALL_ORDER,
    },
}
"""`config.json` by name, as transformers saves it: without what has its default value."""

_IMAGE_SIZES = {"v3": 800, "v2": 800, "v3-small": 448, "v2-small": 448}
_CALIBRATION_SIDE = 256
_CLASS_BIAS = -4.0


def write_synthetic_layout(
    folder: Path,
    size: str = "v3-small",
    *,
    changes: dict[str, Any] | None = None,
    image_size: int | None = None,
    seed: int = 0,
) -> None:
    """Writes a checkpoint in float32; on one machine the same arguments give the same bytes.

    Args:
        folder: Made if it is not there; files in it are replaced.
        size: A key of `CONFIGS`.
        changes: Other values in `config.json`.
        image_size: Width and height of the model's picture, in pixels.
        seed: Of the weights.

    Raises:
        CheckpointError: A change that the model cannot have.
    """
    data: dict[str, Any] = {
        **CONFIGS[size],
        "id2label": {str(i): label for i, label in enumerate(LABELS)},
        "label2id": {label: i for i, label in enumerate(LABELS)},
        **(changes or {}),
    }
    side = image_size or _IMAGE_SIZES[size]
    preprocessor = {
        "image_processor_type": f"PPDocLayoutV{size[1]}ImageProcessor",
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "image_mean": [0.0, 0.0, 0.0],
        "image_std": [1.0, 1.0, 1.0],
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"height": side, "width": side},
    }
    config = parse_layout_config(data, "config.json", preprocessor, "preprocessor_config.json")
    tensors = _Weights(config, seed).all()
    folder.mkdir(parents=True, exist_ok=True)
    _write_safetensors(folder / "model.safetensors", tensors)
    for name, value in (("config.json", data), ("preprocessor_config.json", preprocessor)):
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def saved_name(name: str) -> str:
    """The name that transformers' `save_pretrained` gives to a tensor of a module."""
    if name.startswith("reading_order."):
        return name
    return (
        name.replace(".o_proj.", ".out_proj.")
        .replace(".mlp.fc", ".fc")
        .replace("model.encoder.aifi.", "model.encoder.encoder.")
    )


def checkpoint_tensors(config: LayoutConfig) -> dict[str, Shape]:
    """Shape by module name of all tensors of a checkpoint as the official ones are.

    V3's heads of the decoder are left out: they are tied to the encoder's.
    """
    shapes = needed_tensors(layout_tensors(config)) | _dead_tensors(config)
    tied = ("model.decoder.class_embed.", "model.decoder.bbox_embed.")
    return {
        name: shape
        for name, shape in shapes.items()
        if not (config.version == 3 and name.startswith(tied))
    }


class _Weights:
    """Tensors by module name."""

    def __init__(self, config: LayoutConfig, seed: int) -> None:
        self._config = config
        self._seed = seed
        self._tensors: dict[str, Array] = {}

    def all(self) -> dict[str, Array]:
        """Every tensor of the checkpoint by the name that is saved, those that nobody reads too."""
        tokens = _pass_through(self, self._config)
        self._calibrate_heads(tokens)
        shapes = checkpoint_tensors(self._config)
        for name, shape in shapes.items():
            if name not in self._tensors:
                self._tensors[name] = self._plain(name, shape)
        return {saved_name(name): self._tensors[name] for name in sorted(shapes, key=saved_name)}

    def normal(self, name: str, shape: Shape, deviation: float = 1.0) -> Array:
        """Random numbers that the name decides."""
        generator = np.random.default_rng([self._seed, zlib.crc32(name.encode())])
        values: Array = generator.standard_normal(shape, dtype=np.float32)
        return values * np.float32(deviation)

    def set(self, name: str, values: Array) -> Array:
        self._tensors[name] = values
        return values

    def matrix(self, name: str, shape: Shape, gain: float = 1.0) -> Array:
        """Weights whose products keep the size of their inputs."""
        deviation = gain / math.sqrt(math.prod(shape[1:]))
        return self.set(name, self.normal(name, shape, deviation))

    def conv(
        self,
        module: str,
        x: Array,
        n_out: int,
        kernel: int,
        names: tuple[str, str],
        *,
        stride: int = 1,
        depthwise: bool = False,
    ) -> Array:
        """Makes a convolution and its batch norm, and applies them to x [channels, rows, cols]."""
        n_in = 1 if depthwise else x.shape[0]
        shape = (n_out, n_in, kernel, kernel)
        kernels = self.matrix(f"{module}.{names[0]}.weight", shape)
        y = _convolve(x, kernels, stride=stride, depthwise=depthwise)
        norm = f"{module}.{names[1]}"
        mean = self.set(f"{norm}.running_mean", y.mean(axis=(1, 2)))
        variance = self.set(f"{norm}.running_var", np.maximum(y.var(axis=(1, 2)), 1e-2))
        weight = self.set(f"{norm}.weight", 1 + self.normal(f"{norm}.weight", mean.shape, 0.1))
        bias = self.set(f"{norm}.bias", self.normal(f"{norm}.bias", mean.shape, 0.2))
        scale = weight / np.sqrt(variance + BATCH_NORM_EPSILON)
        result: Array = (y - mean[:, None, None]) * scale[:, None, None] + bias[:, None, None]
        return result

    def layer(self, module: str, x: Array, n_out: int) -> Array:
        """Makes a linear layer and applies it to x [tokens, features]."""
        weight = self.matrix(f"{module}.weight", (n_out, x.shape[1]))
        bias = self.set(f"{module}.bias", self.normal(f"{module}.bias", (n_out,), 0.1))
        result: Array = x @ weight.T + bias
        return result

    def _plain(self, name: str, shape: Shape) -> Array:
        if name.endswith("running_var"):
            return 1 + np.abs(self.normal(name, shape, 0.1))
        if len(shape) == 1:
            is_norm = "norm" in name or name.endswith("enc_output.1.weight")
            centre = np.float32(is_norm and name.endswith(".weight"))
            return self.normal(name, shape, 0.1) + centre
        if "_embeddings." in name:
            return self.normal(name, shape, 0.5)
        return self.normal(name, shape, 1 / math.sqrt(math.prod(shape[1:])))

    def _calibrate_heads(self, tokens: Array) -> None:
        """Class scores, boxes, sampled points and masks of a size that a trained model has.

        Boxes and points move little from layer to layer. The features of random weights differ from
        pixel to pixel, so an error that moved boxes far would double in each layer of the decoder.
        """
        config, dim = self._config, self._config.decoder.dim
        n_labels = len(config.labels)
        heads = ["model.enc_score_head"]
        if config.version == 2:
            heads += [f"model.decoder.class_embed.{i}" for i in range(config.decoder.num_layers)]
        for head in heads:
            self.matrix(f"{head}.weight", (n_labels, dim), 2.0)
            bias = np.full(n_labels, _CLASS_BIAS, np.float32)
            self.set(f"{head}.bias", bias)
        boxes = ["model.enc_bbox_head"]
        if config.version == 2:
            boxes += [f"model.decoder.bbox_embed.{i}" for i in range(config.decoder.num_layers)]
        for box in boxes:
            self.matrix(f"{box}.layers.2.weight", (4, dim), 0.1)
        for layer in range(config.decoder.num_layers):
            self._calibrate_sampling(f"model.decoder.layers.{layer}.encoder_attn")
        if config.mask is not None:
            self._calibrate_masks(tokens)

    def _calibrate_sampling(self, module: str) -> None:
        """Points on rays around the centre, one ray per head, as training starts with them."""
        decoder = self._config.decoder
        angles = np.arange(decoder.num_heads) * 2 * np.pi / decoder.num_heads
        rays = np.stack((np.cos(angles), np.sin(angles)), axis=-1)
        rays /= np.abs(rays).max(axis=1, keepdims=True)
        steps = np.arange(1, decoder.num_points + 1)
        points = np.broadcast_to(
            rays[:, None, None, :] * steps[:, None],
            (decoder.num_heads, N_LEVELS, decoder.num_points, 2),
        )
        offsets = points.astype(np.float32).ravel()
        self.set(f"{module}.sampling_offsets.bias", offsets)
        self.matrix(f"{module}.sampling_offsets.weight", (offsets.size, decoder.dim), 0.05)

    def _calibrate_masks(self, features: Array) -> None:
        """A constant prototype lowers all masks, so that few of their pixels are positive."""
        mask = self._config.mask
        assert mask is not None  # noqa: S101
        dim, count = self._config.decoder.dim, mask.num_prototypes
        module = "model.encoder.encoder_mask_output.conv"
        weight = self.matrix(f"{module}.weight", (count, features.shape[0], 1, 1))
        flat = features.reshape(features.shape[0], -1)
        products = weight[:, :, 0, 0] @ flat
        weight /= np.maximum(products.std(axis=1), 1e-2)[:, None, None, None]
        bias = self.set(f"{module}.bias", -(weight[:, :, 0, 0] @ flat).mean(axis=1))
        weight[0], bias[0] = 0, 1
        query = "model.mask_query_head.layers.2"
        rows = self.matrix(f"{query}.weight", (count, dim), 4.0)
        shift = self.set(f"{query}.bias", self.normal(f"{query}.bias", (count,), 0.1))
        rows[0], shift[0] = 0, -1.7 * math.sqrt(count)


def _pass_through(weights: _Weights, config: LayoutConfig) -> Array:
    """Makes the convolutions; returns the features that V3's prototypes are made from."""
    backbone, dim = config.backbone, config.encoder.dim
    module = "model.backbone.model"
    names = ("convolution", "normalization")
    _, stem, width = backbone.stem_channels
    x = _picture()

    def stem_layer(name: str, x: Array, n_out: int, kernel: int, stride: int = 1) -> Array:
        path = f"{module}.embedder.{name}"
        return _relu(weights.conv(path, x, n_out, kernel, names, stride=stride))

    x = _pad_end(stem_layer("stem1", x, stem, 3, stride=2))
    branch = _pad_end(stem_layer("stem2a", x, stem // 2, 2))
    branch = stem_layer("stem2b", branch, stem, 2)
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 2))
    x = np.concatenate((windows.max(axis=(3, 4)), branch))
    x = stem_layer("stem4", stem_layer("stem3", x, stem, 3, stride=2), width, 1)
    stages = []
    for stage in range(N_STAGES):
        x = _stage(weights, config, stage, x)
        stages.append(x)

    maps = [
        weights.conv(f"model.encoder_input_proj.{level}", stages[level + 1], dim, 1, ("0", "1"))
        for level in range(N_LEVELS)
    ]
    maps[-1] = _aifi(weights, config, maps[-1])
    top = [maps[-1]]
    for i, finer in enumerate((maps[1], maps[0])):
        lateral = weights.conv(f"model.encoder.lateral_convs.{i}", top[-1], dim, 1, _PLAIN)
        top[-1] = _silu(lateral)
        joined = np.concatenate((_enlarge(top[-1]), finer))
        top.append(_csp_block(weights, config, f"model.encoder.fpn_blocks.{i}", joined))
    top.reverse()
    pan = [top[0]]
    for i in range(N_LEVELS - 1):
        module = f"model.encoder.downsample_convs.{i}"
        down = _silu(weights.conv(module, pan[-1], dim, 3, _PLAIN, stride=2))
        joined = np.concatenate((down, top[i + 1]))
        pan.append(_csp_block(weights, config, f"model.encoder.pan_blocks.{i}", joined))
    for level, x in enumerate(pan):
        weights.conv(f"model.decoder_input_proj.{level}", x, config.decoder.dim, 1, ("0", "1"))
    return _mask_features(weights, config, stages[0], pan)


_PLAIN = ("conv", "norm")


def _stage(weights: _Weights, config: LayoutConfig, stage: int, x: Array) -> Array:
    backbone = config.backbone
    names = ("convolution", "normalization")
    path = f"model.backbone.model.encoder.stages.{stage}"
    if stage > 0:
        x = weights.conv(f"{path}.downsample", x, x.shape[0], 3, names, stride=2, depthwise=True)
    mid, n_out = backbone.stage_mid_channels[stage], backbone.stage_out_channels[stage]
    kernel = backbone.stage_kernel_size[stage]
    for block in range(backbone.stage_num_blocks[stage]):
        outputs = [x]
        for layer in range(backbone.stage_num_layers[stage]):
            module = f"{path}.blocks.{block}.layers.{layer}"
            y = outputs[-1]
            if backbone.stage_light_block[stage]:
                y = weights.conv(f"{module}.conv1", y, mid, 1, names)
                y = weights.conv(f"{module}.conv2", y, mid, kernel, names, depthwise=True)
            else:
                y = weights.conv(module, y, mid, kernel, names)
            outputs.append(_relu(y))
        module = f"{path}.blocks.{block}.aggregation"
        y = _relu(weights.conv(f"{module}.0", np.concatenate(outputs), n_out // 2, 1, names))
        y = _relu(weights.conv(f"{module}.1", y, n_out, 1, names))
        x = y + x if block > 0 else y
    return x


def _aifi(weights: _Weights, config: LayoutConfig, x: Array) -> Array:
    encoder = config.encoder
    dim, rows, columns = x.shape
    tokens = x.reshape(dim, -1).T
    position = position_embedding(columns, rows, dim, encoder.temperature).astype(np.float32)
    for layer in range(encoder.num_layers):
        path = f"model.encoder.aifi.0.layers.{layer}"

        def project(name: str, x: Array, path: str = path) -> Array:
            heads = weights.layer(f"{path}.self_attn.{name}", x, dim)
            return heads.reshape(len(x), encoder.num_heads, -1).transpose(1, 0, 2)

        query, key = (project(name, tokens + position) for name in ("q_proj", "k_proj"))
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(dim // encoder.num_heads)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        mixed = (shares @ project("v_proj", tokens)).transpose(1, 0, 2).reshape(tokens.shape)
        tokens = _standardize(tokens + weights.layer(f"{path}.self_attn.o_proj", mixed, dim))
        inner = _relu(weights.layer(f"{path}.mlp.fc1", tokens, encoder.ffn_dim))
        tokens = _standardize(tokens + weights.layer(f"{path}.mlp.fc2", inner, dim))
    return np.ascontiguousarray(tokens.T).reshape(x.shape)


def _csp_block(weights: _Weights, config: LayoutConfig, module: str, x: Array) -> Array:
    dim, csp = config.encoder.dim, config.encoder.csp_dim
    inner = _silu(weights.conv(f"{module}.conv1", x, csp, 1, _PLAIN))
    for i in range(3):
        path = f"{module}.bottlenecks.{i}"
        wide = weights.conv(f"{path}.conv1", inner, csp, 3, _PLAIN)
        inner = _silu(wide + weights.conv(f"{path}.conv2", inner, csp, 1, _PLAIN))
    y = inner + _silu(weights.conv(f"{module}.conv2", x, csp, 1, _PLAIN))
    return y if csp == dim else _silu(weights.conv(f"{module}.conv3", y, dim, 1, _PLAIN))


def _mask_features(
    weights: _Weights, config: LayoutConfig, first_stage: Array, pan: list[Array]
) -> Array:
    if config.mask is None:
        return first_stage
    inner, outer = config.mask.feature_channels
    names = ("convolution", "normalization")
    head = "model.encoder.mask_feature_head"

    def conv(module: str, x: Array, n_out: int) -> Array:
        return _silu(weights.conv(module, x, n_out, 3, names))

    # Nearest neighbours do for the bilinear enlargement: this is about means and variances.
    total = conv(f"{head}.scale_heads.0.layers.0", pan[0], inner)
    total = total + _enlarge(conv(f"{head}.scale_heads.1.layers.0", pan[1], inner))
    coarse = _enlarge(conv(f"{head}.scale_heads.2.layers.0", pan[2], inner))
    total = total + _enlarge(conv(f"{head}.scale_heads.2.layers.2", coarse, inner))
    total = _enlarge(conv(f"{head}.output_conv", total, outer))
    total = total + conv("model.encoder.encoder_mask_lateral", first_stage, outer)
    return conv("model.encoder.encoder_mask_output.base_conv", total, outer)


def _dead_tensors(config: LayoutConfig) -> dict[str, Shape]:
    """What the official checkpoints hold without anybody's reading it."""
    dim, n_labels, layers = config.decoder.dim, len(config.labels), config.decoder.num_layers
    dead: dict[str, Shape] = {"model.denoising_class_embed.weight": (n_labels, dim)}
    if config.order is not None:
        shape = (config.order.num_heads, 64)
        for axis in "xy":
            dead[f"reading_order.encoder.rel_pos_{axis}_bias.weight"] = shape
    else:
        for layer in range(layers - 1):
            dead[f"model.decoder_order_head.{layer}.weight"] = (dim, dim)
            dead[f"model.decoder_order_head.{layer}.bias"] = (dim,)
    return dead


def _picture() -> Array:
    """A page of grey lines and blocks [3, side, side], values in 0..1."""
    generator = np.random.default_rng(0)
    page: Array = np.ones((3, _CALIBRATION_SIDE, _CALIBRATION_SIDE), np.float32)
    for _ in range(60):
        row, column = generator.integers(0, _CALIBRATION_SIDE - 24, 2)
        height, width = generator.integers(2, 24), generator.integers(4, 120)
        shade = generator.random((3, 1, 1), dtype=np.float32)
        page[:, row : row + height, column : column + width] = shade
    noise = generator.standard_normal(page.shape, dtype=np.float32)
    return np.clip(page + np.float32(0.02) * noise, 0, 1)


def _convolve(x: Array, weight: Array, *, stride: int = 1, depthwise: bool = False) -> Array:
    kernel = weight.shape[-1]
    if kernel % 2:
        margin = kernel // 2
        x = np.pad(x, ((0, 0), (margin, margin), (margin, margin)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    if depthwise:
        result: Array = np.einsum("crsij,cij->crs", windows, weight[:, 0])
    else:
        result = np.tensordot(weight, windows, axes=((1, 2, 3), (0, 3, 4)))
    return result


def _pad_end(x: Array) -> Array:
    return np.pad(x, ((0, 0), (0, 1), (0, 1)))


def _enlarge(x: Array) -> Array:
    return x.repeat(2, axis=1).repeat(2, axis=2)


def _relu(x: Array) -> Array:
    return np.maximum(x, 0)


def _silu(x: Array) -> Array:
    result: Array = x / (1 + np.exp(-x))
    return result


def _standardize(x: Array) -> Array:
    result: Array = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    return result


def _write_safetensors(path: Path, tensors: dict[str, Array]) -> None:
    header: dict[str, Any] = {}
    offset = 0
    for name, values in tensors.items():
        header[name] = {
            "dtype": "F32",
            "shape": list(values.shape),
            "data_offsets": [offset, offset + values.nbytes],
        }
        offset += values.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in tensors.values():
            file.write(values.astype("<f4").tobytes())
