# SPDX-License-Identifier: Apache-2.0
"""A layout model in our code against transformers', stage by stage and from page to regions.

`reference` is transformers' model taken apart, `stages` and `regions` compare, `run` puts a page
through both.
"""
