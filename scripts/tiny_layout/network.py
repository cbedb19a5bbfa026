# SPDX-License-Identifier: Apache-2.0
"""PP-DocLayoutV3 in small: its configuration, how its weights begin, and how it is written.

transformers' class is used as it is, with three repairs for training from nothing: norms that begin
at one, linear layers that begin at a useful scale, and a denoising embedding with its row for
padding (which is cut off again before the file is written).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub.utils import enable_progress_bars
from torch import nn
from transformers import HGNetV2Config, PPDocLayoutV3Config, PPDocLayoutV3ForObjectDetection
from transformers.utils.logging import disable_progress_bar

from pages.labels import LABELS

if TYPE_CHECKING:
    from pathlib import Path

disable_progress_bar()
enable_progress_bars()  # the hub's: transformers turns them off too, for the whole process

SIZE = 640  # pixels of a side that the finished model sees
# What the exporter makes keys of (docs/layout-format.md): a small model needs help.
# What is not read must be surer: a table that is taken for a figure is lost, whereas ink in no
# region becomes a figure all the same.
FILE_OPTIONS: dict[str, Any] = {
    "masks": False,
    "thresholds": [0.65 if label in {"image", "chart"} else 0.35 for label in LABELS],
    "halve": True,
    "snap_to_ink": True,
    "cover_ink": True,
    "only_found_vote": True,
    "order_columns": True,
    "nms_iou": 0.5,
}
# Lengths of the built-in model; tests use smaller ones.
BUILT_IN: dict[str, Any] = {
    "width": 96,
    "heads": 6,
    "hidden": 384,
    "layers": 3,
    "queries": 128,
    "stem": [3, 8, 16],
    "inputs": [16, 48, 96, 192],
    "middles": [16, 24, 48, 96],
    "outputs": [48, 96, 192, 384],
    "blocks": [1, 1, 2, 1],
    "denoising": 80,
}


def configuration(shape: dict[str, Any] = BUILT_IN) -> PPDocLayoutV3Config:
    """The configuration of ``shape``."""
    width, outputs = shape["width"], shape["outputs"]
    backbone = HGNetV2Config(
        stem_channels=shape["stem"],
        stage_in_channels=shape["inputs"],
        stage_mid_channels=shape["middles"],
        stage_out_channels=outputs,
        stage_num_blocks=shape["blocks"],
        stage_downsample=[False, True, True, True],
        stage_light_block=[False, False, True, True],
        stage_kernel_size=[3, 3, 5, 5],
        stage_numb_of_layers=[2, 3, 3, 3],
        hidden_sizes=outputs,
        depths=shape["blocks"],
        embedding_size=shape["stem"][2],
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    return PPDocLayoutV3Config(
        backbone_config=backbone,
        freeze_backbone_batch_norms=False,
        encoder_hidden_dim=width,
        encoder_in_channels=outputs[1:],
        encoder_ffn_dim=shape["hidden"],
        encoder_attention_heads=shape["heads"],
        hidden_expansion=0.5,
        d_model=width,
        decoder_in_channels=[width] * 3,
        decoder_ffn_dim=shape["hidden"],
        decoder_attention_heads=shape["heads"],
        decoder_layers=shape["layers"],
        num_queries=shape["queries"],
        num_denoising=shape["denoising"],
        label_noise_ratio=0.4,
        box_noise_scale=0.4,
        # The first references come from the box head. The mask branch is there but says nothing:
        # all masks are zero, so that every region is its box.
        mask_enhanced=False,
        mask_feature_channels=[8, 8],
        num_prototypes=8,
        x4_feat_dim=outputs[0],
        global_pointer_head_size=32,
        gp_dropout_value=0.0,
        initializer_range=0.02,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )


# Layers whose beginning transformers chooses well.
_BEGUN = (
    "sampling_offsets",
    "attention_weights",
    "class_embed",
    "enc_score_head",
    "mask_query_head",
)


def build(config: PPDocLayoutV3Config) -> PPDocLayoutV3ForObjectDetection:
    """A network with fresh weights, from torch's random numbers."""
    model = PPDocLayoutV3ForObjectDetection(config)
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
            module.momentum = 0.03  # batches are small
        elif isinstance(module, nn.Conv2d):
            mode = "fan_out" if module.groups == 1 else "fan_in"
            nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
        elif isinstance(module, nn.Linear) and not any(part in name for part in _BEGUN):
            nn.init.xavier_uniform_(module.weight)
    for head in (
        model.model.enc_bbox_head,
        model.model.decoder.bbox_embed,
        model.model.mask_query_head,
    ):
        nn.init.zeros_(head.layers[-1].weight)
        nn.init.zeros_(head.layers[-1].bias)
    model.model.denoising_class_embed = nn.Embedding(
        len(LABELS) + 1, config.d_model, padding_idx=len(LABELS)
    )
    return model


class _NoMasks(nn.Module):  # type: ignore[misc] # mypy does not see torch
    """Stands where mask features would be computed: zeros of the right shape."""

    def __init__(self, channels: int, upscaled: int) -> None:
        super().__init__()
        self._channels, self._upscaled = channels, upscaled

    def forward(self, features: torch.Tensor | list[torch.Tensor]) -> torch.Tensor:
        first = features[0] if isinstance(features, list) else features
        shape = (first.shape[0], self._channels, 1, 1)
        return first.new_zeros(shape).expand(-1, -1, self._upscaled, self._upscaled).contiguous()


def without_masks(model: PPDocLayoutV3ForObjectDetection) -> dict[str, nn.Module]:
    """Leave the mask branch out of the computation; what was taken out, by name."""
    encoder = model.model.encoder
    channels = model.config.mask_feature_channels[1]
    taken = {
        "mask_feature_head": encoder.mask_feature_head,
        "encoder_mask_lateral": encoder.encoder_mask_lateral,
    }
    encoder.mask_feature_head = _NoMasks(channels, 1)
    encoder.encoder_mask_lateral = _NoMasks(channels, 2)
    return taken


def write(
    model: PPDocLayoutV3ForObjectDetection, masks: dict[str, nn.Module], folder: Path
) -> None:
    """Write a float32 checkpoint under the official one's names, and the preprocessor's file."""
    whole = build(model.config)
    for name, module in masks.items():
        setattr(whole.model.encoder, name, module)
    state = {k: v for k, v in model.state_dict().items() if k in whole.state_dict()}
    whole.load_state_dict(state, strict=False)
    rows = whole.model.denoising_class_embed.weight[: len(LABELS)].detach()
    whole.model.denoising_class_embed = nn.Embedding.from_pretrained(rows.clone())
    whole.config.ppocrvl_layout = FILE_OPTIONS
    whole.save_pretrained(folder)
    preprocessor = {
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.0, 0.0, 0.0],
        "image_processor_type": "PPDocLayoutV3ImageProcessor",
        "image_std": [1.0, 1.0, 1.0],
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"height": SIZE, "width": SIZE},
    }
    (folder / "preprocessor_config.json").write_text(
        json.dumps(preprocessor, indent=2) + "\n", encoding="utf-8"
    )


def load(folder: Path) -> PPDocLayoutV3ForObjectDetection:
    """A written checkpoint, ready to look at pages."""
    model = PPDocLayoutV3ForObjectDetection.from_pretrained(folder)
    model.eval()
    return model
