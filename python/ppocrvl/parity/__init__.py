# SPDX-License-Identifier: Apache-2.0
"""Our engine against the model's own implementation, stage by stage."""
