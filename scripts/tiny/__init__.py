# SPDX-License-Identifier: Apache-2.0
"""What the built-in tiny model is made of: text, fonts, pictures, network, losses, decoding."""
