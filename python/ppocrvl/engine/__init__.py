# SPDX-License-Identifier: Apache-2.0
"""What reads pictures in this process.

`engine` is the public class, `answers` its futures and streams, `many` what reads many pictures,
`preparing` the threads that prepare them, `background` and `retries` further attempts, `pending` a
request that runs, `notifier` the thread that hears of it, `backend` what an engine and a client
have in common, `stages` a request's stages, `forks` what a forked child may use.
"""
