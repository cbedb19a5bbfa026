# SPDX-License-Identifier: Apache-2.0
"""From a document's file to its blocks: pages, regions, crops, answers, assembly.

`plan.plan_page` makes requests of a page's regions, `finish.finish_block` a block of the answers,
`finish_document.finish_document` adds what only all pages together tell.
"""
