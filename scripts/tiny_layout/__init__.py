# SPDX-License-Identifier: Apache-2.0
"""The built-in layout model: PP-DocLayoutV3 in small, and how it is trained."""
