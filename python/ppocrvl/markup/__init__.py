# SPDX-License-Identifier: Apache-2.0
"""What the model's answers mean: `otsl` reads tables, `html` shows answers, `formula` formulas."""
