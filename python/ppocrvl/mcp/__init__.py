# SPDX-License-Identifier: Apache-2.0
"""Tools for agents: documents and pictures as text, over the Model Context Protocol."""
