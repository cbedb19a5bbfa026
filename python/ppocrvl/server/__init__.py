# SPDX-License-Identifier: Apache-2.0
"""The HTTP server: an OpenAI-compatible interface to one engine.

`lifecycle.serve` runs it, `app.build_app` is the ASGI application. Needs the `[server]` extra;
nothing here is imported by `import ppocrvl`.
"""
