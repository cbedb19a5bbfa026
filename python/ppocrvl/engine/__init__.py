# SPDX-License-Identifier: Apache-2.0
"""What reads pictures in this process.

`engine` is the public class, `answers` its futures and streams, `background` and `retries` further
attempts, `backend` what an engine and a client have in common, `stages` a request's stages,
`forks` what a forked child may use.
"""
