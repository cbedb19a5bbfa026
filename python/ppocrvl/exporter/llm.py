# SPDX-License-Identifier: Apache-2.0
"""The metadata of the LLM file, in the order in which upstream's converter writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gguf

from ppocrvl.exporter.chat_template import chat_template
from ppocrvl.exporter.metadata import Provenance, add_file_type, finish_metadata, start_metadata
from ppocrvl.exporter.tokenizer import Vocabulary, read_vocabulary

if TYPE_CHECKING:
    from ppocrvl.exporter.checkpoint import Checkpoint
    from ppocrvl.exporter.encode import FileType


def llm_metadata(
    checkpoint: Checkpoint, file_type: FileType, name: str | None, provenance: Provenance
) -> gguf.GGUFWriter:
    """Everything of the LLM file but its tensors.

    Raises:
        CheckpointError: The tokenizer or the model card cannot be used.
    """
    text = checkpoint.config.text
    writer = start_metadata(
        "paddleocr", gguf.GGUFType.MODEL, checkpoint.folder, name, checkpoint.llm
    )
    writer.add_block_count(text.num_hidden_layers)
    writer.add_context_length(text.max_position_embeddings)
    writer.add_embedding_length(text.hidden_size)
    writer.add_feed_forward_length(text.intermediate_size)
    writer.add_head_count(text.num_attention_heads)
    writer.add_head_count_kv(text.num_key_value_heads)
    writer.add_rope_dimension_sections([*text.mrope_section, 0])
    writer.add_rope_freq_base(text.rope_theta)
    writer.add_layer_norm_rms_eps(text.rms_norm_eps)
    writer.add_key_length(text.head_dim)
    writer.add_value_length(text.head_dim)
    add_file_type(writer, file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    vocabulary = read_vocabulary(checkpoint.folder, text.vocab_size, checkpoint.config_data)
    _add_vocabulary(writer, vocabulary, provenance)
    finish_metadata(writer, provenance)
    if text.max_lines:
        writer.add_uint32("ppocrvl.max_lines", text.max_lines)
    if text.tasks:
        writer.add_array("ppocrvl.tasks", list(text.tasks))
    return writer


def _add_vocabulary(
    writer: gguf.GGUFWriter, vocabulary: Vocabulary, provenance: Provenance
) -> None:
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_scores(vocabulary.scores)
    writer.add_token_types(vocabulary.types)
    for kind, token_id in vocabulary.special_ids.items():
        getattr(writer, f"add_{kind}_token_id")(token_id)
    # Prompts begin with <|begin_of_sentence|>, never with the tokenizer's bos.
    writer.add_add_bos_token(value=False)
    writer.add_add_eos_token(value=False)
    eos = vocabulary.tokens[vocabulary.special_ids["eos"]]
    writer.add_chat_template(chat_template(provenance.version, eos))
    writer.add_add_space_prefix(vocabulary.add_space_prefix)
