# SPDX-License-Identifier: Apache-2.0
"""A layout model in our code against transformers', stage by stage and from page to regions.

`network`, `version_2` and `version_3` take transformers' model apart, `reference` loads and asks
it, `stages` and `regions` compare, `run` puts a page through both.
"""
