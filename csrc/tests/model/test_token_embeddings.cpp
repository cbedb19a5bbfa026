// SPDX-License-Identifier: Apache-2.0
#include "files/gguf_file.h"
#include "ggml.h"
#include "gguf.h"
#include "model/token_embeddings.h"
#include "tests/check.h"
#include "tests/engine_cases.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

using ppocrvl::ErrorKind;
using ppocrvl::TokenEmbeddings;

namespace {

/// The whole table as ggml reads it, [tokens][columns].
std::vector<float> table_of(const std::string &path) {
  ggml_context *data = nullptr;
  const std::unique_ptr<gguf_context, void (*)(gguf_context *)> file(
      gguf_init_from_file(path.c_str(), {false, &data}), gguf_free);
  const std::unique_ptr<ggml_context, void (*)(ggml_context *)> owner(data, ggml_free);
  const ggml_tensor *tensor = ggml_get_tensor(data, "token_embd.weight");
  std::vector<float> values(static_cast<std::size_t>(ggml_nelements(tensor)));
  ggml_get_type_traits(tensor->type)->to_float(tensor->data, values.data(), ggml_nelements(tensor));
  return values;
}

} // namespace

TEST_CASE("token embeddings: rows of the table in any order") {
  const auto options = ppocrvl::test::test_model();
  if (!options) {
    return;
  }
  const std::vector<float> table = table_of(options->llm);
  const auto file = ppocrvl::read_gguf(options->llm);
  const auto columns = static_cast<std::size_t>(file.find_tensor("token_embd.weight")->shape[0]);
  const auto n_tokens = static_cast<std::int32_t>(table.size() / columns);
  TokenEmbeddings embeddings(options->llm);
  std::vector<float> row(columns);
  for (const std::int32_t token : {n_tokens - 1, 0, 7, n_tokens / 2, 7}) {
    embeddings.read(token, row.data());
    const auto begin =
        table.begin() + static_cast<std::ptrdiff_t>(token) * static_cast<std::ptrdiff_t>(columns);
    CHECK(row == std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(columns)));
  }
}

TEST_CASE("token embeddings: a file that was cut meanwhile is an error, and only then") {
  const auto options = ppocrvl::test::test_model();
  if (!options) {
    return;
  }
  const auto copy = std::filesystem::temp_directory_path() / "ppocrvl-token-embeddings.gguf";
  std::filesystem::copy_file(options->llm, copy, std::filesystem::copy_options::overwrite_existing);
  const auto file = ppocrvl::read_gguf(copy.string());
  const auto *tensor = file.find_tensor("token_embd.weight");
  std::vector<float> row(static_cast<std::size_t>(tensor->shape[0]));
  TokenEmbeddings embeddings(copy.string());
  const auto n_tokens = static_cast<std::int32_t>(tensor->shape[1]);
  embeddings.read(n_tokens - 1, row.data());
  std::filesystem::resize_file(copy, tensor->offset + tensor->n_bytes / 2);
  CHECK_THROWS_KIND(ErrorKind::engine, embeddings.read(n_tokens - 1, row.data()));
  embeddings.read(10, row.data());
  std::filesystem::remove(copy);
}
