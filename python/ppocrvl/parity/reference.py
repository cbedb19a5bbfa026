# SPDX-License-Identifier: Apache-2.0
"""The model's own implementation: transformers' PaddleOCR-VL, stage by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ppocrvl.engine.stages import Stages
from ppocrvl.errors import CheckpointError, EngineError, MissingExtraError
from ppocrvl.exporter.preprocessor import (
    parse_preprocessor,
    read_preprocessor_data,
    stored_pixels,
)
from ppocrvl.exporter.version import ModelVersion
from ppocrvl.images.resize import enlarge_for_spotting

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from PIL import Image

    from ppocrvl.requests.tasks import Task

Module: TypeAlias = Any  # torch and transformers have no types that hold without them


class Reference:
    """A checkpoint in transformers, on the CPU.

    Args:
        checkpoint: its folder.
        dtype: "float32", or "bfloat16" to see what the reference's own rounding does.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        CheckpointError: transformers cannot load the folder.
    """

    def __init__(self, checkpoint: Path, dtype: str = "float32") -> None:
        if not (checkpoint / "config.json").is_file():
            raise CheckpointError(f"{checkpoint}: no config.json; name a checkpoint's folder")
        try:
            import torch
            import transformers
            from transformers.models.paddleocr_vl.image_processing_pil_paddleocr_vl import (
                PaddleOCRVLImageProcessorPil,
            )
        except ImportError as error:
            raise MissingExtraError(
                f"the reference needs torch and transformers ({error}): "
                'pip install "ppocrvl[reference]"'
            ) from error
        data, path = read_preprocessor_data(checkpoint)
        stored = stored_pixels(data) or ModelVersion.V1_6.default_pixels
        self._limits = parse_preprocessor(data, path, stored).task_pixels()
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self._torch = torch
        self.version = f"transformers {transformers.__version__}, torch {torch.__version__}"
        try:
            self._model: Module = transformers.PaddleOCRVLForConditionalGeneration.from_pretrained(
                checkpoint, dtype=dtype, attn_implementation="sdpa"
            ).eval()
            self._tokenizer: Module = transformers.AutoTokenizer.from_pretrained(checkpoint)
            self._processor: Module = PaddleOCRVLImageProcessorPil(**data)
        except Exception as error:  # they raise what they like on damaged files
            message = " ".join(str(error).split())
            raise CheckpointError(
                f"{checkpoint}: transformers cannot load it: {message}"
            ) from error

    def run(
        self,
        image: Image.Image,
        *,
        task: Task,
        max_tokens: int,
        pixel_limits: tuple[int, int] | None = None,
    ) -> Stages:
        """One greedy request.

        Args:
            image: RGB, as a person sees it.
            task: gives the prompt.
            max_tokens: the answer ends after so many tokens.
            pixel_limits: least and most pixels; None for those that the official pipeline uses for
                the task, or the checkpoint's own where those are not the official ones.

        Raises:
            EngineError: torch failed, because memory ran out for instance.
        """
        if task.enlarges_small_pictures:
            image = enlarge_for_spotting(image)
        least, most = pixel_limits or self._limits[task.name]
        try:
            return self._run(
                image, task, max_tokens, {"shortest_edge": least, "longest_edge": most}
            )
        except (RuntimeError, ValueError) as error:
            message = " ".join(str(error).split())
            raise EngineError(f"the reference failed: {message}") from error

    def _run(self, image: Image.Image, task: Task, max_tokens: int, size: dict[str, int]) -> Stages:
        torch, model = self._torch, self._model
        inputs = self._processor(image, return_tensors="pt", size=size)
        rows, cols = inputs["image_grid_thw"][0, 1:].tolist()
        ids = self._prompt_ids(task.prompt, rows * cols // self._processor.merge_size**2)
        encoder = model.model.visual.vision_model
        seen: dict[str, Any] = {}
        hooks = [
            module.register_forward_hook(lambda *args, name=name: seen.__setitem__(name, args[2]))
            for name, module in (
                ("patches", encoder.embeddings),
                ("encoded", encoder.post_layernorm),
                ("image_tokens", model.model.projector),
            )
        ]
        image_token = model.config.image_token_id
        try:
            with torch.no_grad():
                out = model.generate(
                    input_ids=torch.tensor([ids]),
                    attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                    mm_token_type_ids=torch.tensor([[int(i == image_token) for i in ids]]),
                    **inputs,
                    max_new_tokens=max_tokens,
                    do_sample=False,
                    use_cache=True,
                    return_dict_in_generate=True,
                    output_logits=True,
                )
        finally:
            for hook in hooks:
                hook.remove()
        ends = model.generation_config.eos_token_id
        answer = out.sequences[0, len(ids) :].tolist()
        while answer and answer[-1] in (ends if isinstance(ends, list) else [ends]):
            answer.pop()
        return Stages(
            prompt_ids=tuple(ids),
            pixels=as_image(inputs["pixel_values"].float().numpy(), rows, cols),
            patches=_rows(seen["patches"]),
            encoded=_rows(seen["encoded"]),
            image_tokens=_rows(seen["image_tokens"]),
            logits=out.logits[0][0].float().numpy(),
            token_ids=tuple(answer),
            text=self._tokenizer.decode(answer, skip_special_tokens=not task.keeps_location_tokens),
        )

    def _prompt_ids(self, prompt: str, image_tokens: int) -> list[int]:
        """The official template's tokens, its one image token repeated."""
        content = [{"type": "image"}, {"type": "text", "text": prompt}]
        text = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        ids: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        at = ids.index(self._model.config.image_token_id)
        return [*ids[:at], *[ids[at]] * image_tokens, *ids[at + 1 :]]


def _rows(tensor: Module) -> npt.NDArray[np.float32]:
    """The last two axes of a tensor, or of the first of several."""
    if isinstance(tensor, (list, tuple)):
        tensor = tensor[0]
    return np.ascontiguousarray(tensor.float().reshape(-1, tensor.shape[-1]).numpy())


def as_image(patches: npt.NDArray[np.float32], rows: int, cols: int) -> npt.NDArray[np.float32]:
    """Patches [rows * cols, 3, side, side] as an image [height, width, 3]."""
    side = patches.shape[-1]
    grid = patches.reshape(rows, cols, 3, side, side).transpose(0, 3, 1, 4, 2)
    return np.ascontiguousarray(grid.reshape(rows * side, cols * side, 3))
