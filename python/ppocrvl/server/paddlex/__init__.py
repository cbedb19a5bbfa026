# SPDX-License-Identifier: Apache-2.0
"""The interface of PaddleX 3.7.2's server for PaddleOCR-VL, for its clients."""
