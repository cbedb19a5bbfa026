# SPDX-License-Identifier: Apache-2.0
"""Which member of the model family a checkpoint is: 1.0, 1.5 or 1.6.

`config.json` does not say. 1.0 is known by its prompt, the only thing that differs at run time;
between 1.5 and 1.6 nothing but the weights differs, so only the hash of the file tells them apart.
"""

from __future__ import annotations

import re
from enum import Enum

from ppocrvl.errors import OptionError
from ppocrvl.requests.pixel_limits import STORED_LIMITS


class ModelVersion(Enum):
    """The value is what `ppocrvl.model_version` holds."""

    V1_0 = "1.0"
    V1_5 = "1.5"
    V1_6 = "1.6"

    @classmethod
    def parse(cls, text: str) -> ModelVersion:
        """The member with this value.

        Raises:
            OptionError: There is no such version.
        """
        try:
            return cls(text)
        except ValueError:
            known = ", ".join(member.value for member in cls)
            raise OptionError(f"model version {text!r} is not one of {known}") from None

    @property
    def default_pixels(self) -> tuple[int, int]:
        """(min_pixels, max_pixels) of the official preprocessor configuration."""
        return STORED_LIMITS[self.value]


# SHA-256 of model.safetensors on the Hugging Face hub: PaddlePaddle/PaddleOCR-VL revision 7fa00a8,
# PaddleOCR-VL-1.5 revision 2a4195f, PaddleOCR-VL-1.6 revisions 66317ac and c5630ab.
OFFICIAL_SHA256 = {
    "3085f1042e184f68f8a412aa0f64f2c4b8562989598bbfba326aaa11fc685de8": ModelVersion.V1_0,
    "d557c9d8997ae57ed3b1b33bdf347be878cc335687f32ca105341c16973f8958": ModelVersion.V1_5,
    "85a479d506a11e724e7285d395c551be69f41dbc16b6342d3cacfb189aed71db": ModelVersion.V1_6,
}
# 1.0 ends its turn marker with a space, the others with a newline (escaped in the template).
_SPACE_AFTER_ASSISTANT = re.compile(r"Assistant: ['\"]")


def detect_version(
    sha256: str, template: str | None, pixels: tuple[int, int] | None
) -> ModelVersion:
    """Tells the version by the first of these that decides, else 1.6.

    Args:
        sha256: Of the safetensors bytes; decides for the official files.
        template: The checkpoint's chat template, if it has one.
        pixels: (min_pixels, max_pixels) of the preprocessor configuration, if it has them.
    """
    if sha256 in OFFICIAL_SHA256:
        return OFFICIAL_SHA256[sha256]
    if template is not None:
        is_1_0 = _SPACE_AFTER_ASSISTANT.search(template) is not None
    else:
        is_1_0 = pixels == ModelVersion.V1_0.default_pixels
    return ModelVersion.V1_0 if is_1_0 else ModelVersion.V1_6
