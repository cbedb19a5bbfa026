# SPDX-License-Identifier: Apache-2.0
"""From an exported pair of files to a quantized pair.

`schemes` and `presets` say which tensor gets which type, `plan` what that makes of a file's
tensors, `source` reads them, `rewrite` writes the new file, `quantizer` is the public function.
`importance` is the file of an importance matrix, `collect` the function that makes one.
"""

from __future__ import annotations

from ppocrvl.quantizer.quantizer import QuantizedFile, QuantizedTensor, QuantizeResult, quantize

__all__ = ["QuantizeResult", "QuantizedFile", "QuantizedTensor", "quantize"]
