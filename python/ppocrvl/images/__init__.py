# SPDX-License-Identifier: Apache-2.0
"""From what a caller calls an image to the pixels that the encoder sees."""
