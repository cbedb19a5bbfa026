# SPDX-License-Identifier: Apache-2.0
"""Where model files are: found, fetched, kept.

`folder` finds a pair and `layout` a layout model's file. `pair` and `checkpoint` fetch them through
`hub` (`pins` says which bytes), `cache` keeps them. Those of the built-in model are in builtin/.
"""
