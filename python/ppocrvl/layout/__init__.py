# SPDX-License-Identifier: Apache-2.0
"""The layout model in Python: regions of a page, filtered and ordered as officially."""
