# SPDX-License-Identifier: Apache-2.0
"""The layout model in Python: a page's regions, filtered and ordered as the official pipeline does."""
