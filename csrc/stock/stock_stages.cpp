// SPDX-License-Identifier: Apache-2.0
//
// What upstream's unmodified mtmd computes for one picture, stage by stage: the other side of
// `ppocrvl parity --against stock`. Built with upstream's programs, and linked with nothing of
// ours.
//
//   ppocrvl-stock-stages LLM MMPROJ RGB WIDTH HEIGHT PROMPT MAX_TOKENS OUT_DIR
//
// RGB: file of WIDTH * HEIGHT * 3 bytes. PROMPT: the rendered chat template, with mtmd's media
// marker where the picture stands. OUT_DIR gets <stage>.f32 (little-endian float32) with its shape
// in <stage>.shape, prompt_ids and token_ids (a number a line; an image token is -1), and text.
#include "llama.h"
#include "mtmd-helper.h"
#include "mtmd.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr int batch_tokens = 2048; // upstream's default
constexpr int spare_tokens = 64;   // for the text of the prompt

/// Upstream's default of 4 is slow on fewer cores. Results do not depend on it.
int thread_count() {
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 4U));
}

template <auto Free> struct Deleter {
  template <class T> void operator()(T *object) const { Free(object); }
};
using Model = std::unique_ptr<llama_model, Deleter<llama_model_free>>;
using Context = std::unique_ptr<llama_context, Deleter<llama_free>>;
using Vision = std::unique_ptr<mtmd_context, Deleter<mtmd_free>>;
using Bitmap = std::unique_ptr<mtmd_bitmap, Deleter<mtmd_bitmap_free>>;
using Chunks = std::unique_ptr<mtmd_input_chunks, Deleter<mtmd_input_chunks_free>>;

void require(bool good, const std::string &problem) {
  if (!good) {
    throw std::runtime_error(problem);
  }
}

std::ofstream open(const std::string &path) {
  std::ofstream out(path, std::ios::binary);
  out.exceptions(std::ios::failbit | std::ios::badbit);
  return out;
}

std::string numbers(const std::vector<std::int64_t> &values) {
  std::string lines;
  for (const std::int64_t value : values) {
    lines += std::to_string(value) + "\n";
  }
  return lines;
}

void write_array(const std::string &stem, const std::vector<float> &values,
                 const std::vector<std::int64_t> &shape) {
  open(stem + ".f32")
      .write(reinterpret_cast<const char *>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(float)));
  open(stem + ".shape") << numbers(shape);
}

/// Writes the nodes of the vision graph that end a stage, by upstream's names for them.
class Tap {
public:
  explicit Tap(std::string folder) : folder_(std::move(folder)) {}

  static bool callback(ggml_tensor *node, bool ask, void *self) {
    return static_cast<Tap *>(self)->on_node(*node, ask);
  }

private:
  bool on_node(const ggml_tensor &node, bool ask) {
    const ggml_tensor *tensor = &node;
    std::string stage = stage_of(node.name);
    for (const ggml_tensor *source : node.src) { // the input is no node, but some node's source
      if (source != nullptr && std::string(source->name) == "inp_raw" && !seen_pixels_) {
        tensor = source;
        stage = "pixels"; // planes: [3, height, width]
      }
    }
    if (!ask && !stage.empty()) {
      seen_pixels_ = seen_pixels_ || stage == "pixels";
      std::vector<float> values(static_cast<std::size_t>(ggml_nelements(tensor)));
      ggml_backend_tensor_get(tensor, values.data(), 0, ggml_nbytes(tensor));
      std::vector<std::int64_t> shape;
      for (int i = std::max(ggml_n_dims(tensor), 2) - 1; i >= 0; --i) {
        shape.push_back(tensor->ne[i]);
      }
      write_array(folder_ + "/" + stage, values, shape);
    }
    return ask ? !stage.empty() : true;
  }

  static std::string stage_of(const std::string &name) {
    static constexpr std::pair<const char *, const char *> stages[] = {
        {"pos_embed", "patches"}, {"vit_out", "encoded"}, {"mlp_out", "image_tokens"}};
    for (const auto &[node, stage] : stages) {
      if (name == node) {
        return stage;
      }
    }
    return "";
  }

  std::string folder_;
  bool seen_pixels_ = false;
};

Chunks tokenize(const Vision &vision, const std::string &prompt, const Bitmap &bitmap) {
  Chunks chunks(mtmd_input_chunks_init());
  const mtmd_input_text text{prompt.c_str(), prompt.size(), /*add_special=*/false,
                             /*parse_special=*/true};
  const mtmd_bitmap *bitmaps[] = {bitmap.get()};
  require(mtmd_tokenize(vision.get(), chunks.get(), &text, bitmaps, 1) == 0, "tokenizing failed");
  return chunks;
}

std::vector<std::int64_t> ids_of(const Chunks &chunks) {
  std::vector<std::int64_t> ids;
  for (std::size_t i = 0; i < mtmd_input_chunks_size(chunks.get()); ++i) {
    const mtmd_input_chunk *chunk = mtmd_input_chunks_get(chunks.get(), i);
    if (mtmd_input_chunk_get_type(chunk) == MTMD_INPUT_CHUNK_TYPE_TEXT) {
      std::size_t count = 0;
      const llama_token *tokens = mtmd_input_chunk_get_tokens_text(chunk, &count);
      ids.insert(ids.end(), tokens, tokens + count);
    } else {
      ids.insert(ids.end(), mtmd_input_chunk_get_n_tokens(chunk), -1);
    }
  }
  return ids;
}

void run(const std::vector<std::string> &arguments) {
  const std::string &folder = arguments.at(7);
  const auto width = static_cast<std::uint32_t>(std::stoul(arguments.at(3)));
  const auto height = static_cast<std::uint32_t>(std::stoul(arguments.at(4)));
  const int max_tokens = std::stoi(arguments.at(6));
  std::ifstream file(arguments.at(2), std::ios::binary);
  const std::vector<char> rgb((std::istreambuf_iterator<char>(file)), {});
  require(rgb.size() == std::size_t{3} * width * height, "the picture has another size");

  const Model model(
      llama_model_load_from_file(arguments.at(0).c_str(), llama_model_default_params()));
  require(model != nullptr, "the language model cannot be loaded");
  Tap tap(folder);
  mtmd_context_params vision_params = mtmd_context_params_default();
  vision_params.warmup = false;
  vision_params.n_threads = thread_count();
  vision_params.cb_eval = &Tap::callback;
  vision_params.cb_eval_user_data = &tap;
  const Vision vision(mtmd_init_from_file(arguments.at(1).c_str(), model.get(), vision_params));
  require(vision != nullptr, "the vision encoder cannot be loaded");

  const Bitmap bitmap(
      mtmd_bitmap_init(width, height, reinterpret_cast<const unsigned char *>(rgb.data())));
  const Chunks chunks = tokenize(vision, arguments.at(5), bitmap);
  const std::vector<std::int64_t> prompt_ids = ids_of(chunks);

  llama_context_params params = llama_context_default_params();
  params.n_ctx =
      static_cast<std::uint32_t>(static_cast<int>(prompt_ids.size()) + max_tokens + spare_tokens);
  params.n_batch = batch_tokens;
  params.n_threads = params.n_threads_batch = thread_count();
  const Context context(llama_init_from_model(model.get(), params));
  require(context != nullptr, "no context can be made");
  llama_pos position = 0;
  require(mtmd_helper_eval_chunks(vision.get(), context.get(), chunks.get(), 0, 0, batch_tokens,
                                  /*logits_last=*/true, &position) == 0,
          "the prompt cannot be evaluated");

  const llama_vocab *vocabulary = llama_model_get_vocab(model.get());
  const int n_vocab = llama_vocab_n_tokens(vocabulary);
  std::vector<std::int64_t> token_ids;
  std::string text;
  while (true) {
    const float *logits = llama_get_logits_ith(context.get(), -1);
    if (token_ids.empty()) {
      write_array(folder + "/logits", std::vector<float>(logits, logits + n_vocab), {n_vocab});
    }
    auto token = static_cast<llama_token>(std::max_element(logits, logits + n_vocab) - logits);
    if (llama_vocab_is_eog(vocabulary, token)) {
      break;
    }
    token_ids.push_back(token);
    char piece[256];
    const int bytes = llama_token_to_piece(vocabulary, token, piece, sizeof(piece), 0, false);
    text.append(piece, static_cast<std::size_t>(std::max(0, bytes)));
    if (static_cast<int>(token_ids.size()) == max_tokens) {
      break;
    }
    llama_batch batch = llama_batch_get_one(&token, 1);
    batch.pos = &position;
    require(llama_decode(context.get(), batch) == 0, "decoding failed");
    ++position;
  }
  open(folder + "/prompt_ids") << numbers(prompt_ids);
  open(folder + "/token_ids") << numbers(token_ids);
  open(folder + "/text") << text;
}

} // namespace

int main(int argc, char **argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 8) {
    std::fprintf(stderr, "usage: ppocrvl-stock-stages LLM MMPROJ RGB WIDTH HEIGHT PROMPT "
                         "MAX_TOKENS OUT_DIR\n");
    return 2;
  }
  try {
    run(arguments);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "ppocrvl-stock-stages: %s\n", error.what());
    return 1;
  }
  return 0;
}
