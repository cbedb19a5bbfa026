# SPDX-License-Identifier: Apache-2.0
"""From a document's file to its blocks: pages, regions, crops, answers, assembly."""
