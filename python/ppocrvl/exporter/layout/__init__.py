# SPDX-License-Identifier: Apache-2.0
"""From a PP-DocLayoutV3 or V2 checkpoint to its GGUF file.

`config` and `official` say what the model is, `table` which tensors the file has and how each is
computed; `fold` and `constants` compute, `source` reads the checkpoint against the table,
`metadata` has the keys, and `exporter` puts all of it together.
"""
