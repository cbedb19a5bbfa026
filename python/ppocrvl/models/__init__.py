# SPDX-License-Identifier: Apache-2.0
"""Where model files are: found, fetched, kept.

`folder` finds them, `hub` fetches them (`pins` says which bytes), `cache` keeps them. Those of the
built-in model are in builtin/.
"""
