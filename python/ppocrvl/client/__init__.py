# SPDX-License-Identifier: Apache-2.0
"""The client of an OpenAI-compatible server: ours, llama-server, vLLM and others."""

from __future__ import annotations

from ppocrvl.client.client import Client, RemoteStream

__all__ = ["Client", "RemoteStream"]
