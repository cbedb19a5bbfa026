# SPDX-License-Identifier: Apache-2.0
"""What is asked for and what comes of it: tasks, options, results."""
