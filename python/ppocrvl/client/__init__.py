# SPDX-License-Identifier: Apache-2.0
"""The client of an OpenAI-compatible server: ours, llama-server, vLLM and others."""

from __future__ import annotations

from ppocrvl.client.async_client import AsyncClient
from ppocrvl.client.client import Client
from ppocrvl.client.streams import AsyncRemoteStream, RemoteStream

__all__ = ["AsyncClient", "AsyncRemoteStream", "Client", "RemoteStream"]
