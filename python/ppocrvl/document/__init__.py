# SPDX-License-Identifier: Apache-2.0
"""What a parsed document is, and the formats it is written in.

`types` is its plain data; `writers/` has one file per format.
"""
