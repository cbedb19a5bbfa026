# SPDX-License-Identifier: Apache-2.0
"""Document pages that the project paints itself, with the truth about every region of them."""
