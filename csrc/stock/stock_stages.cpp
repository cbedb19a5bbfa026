// SPDX-License-Identifier: Apache-2.0
//
// What upstream's unmodified mtmd computes for pictures, stage by stage: the other side of
// `ppocrvl parity --against stock`. Built with upstream's programs, and linked with nothing of
// ours.
//
//   ppocrvl-stock-stages LLM MMPROJ
//
// Loads the model once and takes jobs from the standard input: a line names a folder, which holds
//   rgb     width * height * 3 bytes
//   size    the numbers width, height and most tokens of the answer
//   prompt  the rendered chat template, with mtmd's media marker where the picture stands
// and gets <stage>.f32 (little-endian float32) with its shape in <stage>.shape, prompt_ids and
// token_ids (a number a line; an image token is -1), and text. One line on the standard output
// answers each job: "ok", or what went wrong.
#include "llama.h"
#include "mtmd-helper.h"
#include "mtmd.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr int batch_tokens = 2048; // upstream's default
constexpr int spare_tokens = 64;   // for the text of the prompt

/// Upstream's default of 4 is slow on fewer cores, and for a small model threads wait for each
/// other more than they compute. Results do not depend on it.
int thread_count(std::uint64_t weight_bytes) {
  constexpr std::uint64_t bytes_per_thread = 16 << 20;
  const auto most = std::clamp(std::thread::hardware_concurrency(), 1U, 4U);
  return static_cast<int>(std::clamp<std::uint64_t>(weight_bytes / bytes_per_thread, 1, most));
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
  /// What comes next is another picture's.
  void start(std::string folder) {
    folder_ = std::move(folder);
    seen_pixels_ = false;
  }

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

std::string read(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), "cannot read " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// Upstream's model, with its defaults.
class Stock {
public:
  Stock(const std::string &llm, const std::string &mmproj)
      : model_(llama_model_load_from_file(llm.c_str(), llama_model_default_params())) {
    require(model_ != nullptr, "the language model cannot be loaded");
    mtmd_context_params params = mtmd_context_params_default();
    params.warmup = false;
    n_threads_ = thread_count(llama_model_size(model_.get()));
    params.n_threads = n_threads_;
    params.cb_eval = &Tap::callback;
    params.cb_eval_user_data = &tap_;
    vision_.reset(mtmd_init_from_file(mmproj.c_str(), model_.get(), params));
    require(vision_ != nullptr, "the vision encoder cannot be loaded");
  }

  /// Answers the job in a folder.
  void run(const std::string &folder) {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    int max_tokens = 0;
    require(bool(std::istringstream(read(folder + "/size")) >> width >> height >> max_tokens),
            "the size is not three numbers");
    const std::string rgb = read(folder + "/rgb");
    require(rgb.size() == std::size_t{3} * width * height, "the picture has another size");
    const Bitmap bitmap(
        mtmd_bitmap_init(width, height, reinterpret_cast<const unsigned char *>(rgb.data())));
    const Chunks chunks = tokenize(vision_, read(folder + "/prompt"), bitmap);
    const std::vector<std::int64_t> prompt_ids = ids_of(chunks);
    open(folder + "/prompt_ids") << numbers(prompt_ids);

    const Context context = new_context(static_cast<int>(prompt_ids.size()) + max_tokens);
    tap_.start(folder);
    llama_pos position = 0;
    require(mtmd_helper_eval_chunks(vision_.get(), context.get(), chunks.get(), 0, 0, batch_tokens,
                                    /*logits_last=*/true, &position) == 0,
            "the prompt cannot be evaluated");
    answer(folder, context, position, max_tokens);
  }

private:
  Context new_context(int tokens) {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<std::uint32_t>(tokens + spare_tokens);
    params.n_batch = batch_tokens;
    params.n_threads = params.n_threads_batch = n_threads_;
    Context context(llama_init_from_model(model_.get(), params));
    require(context != nullptr, "no context can be made");
    return context;
  }

  /// Greedy, as long as no token ends it.
  void answer(const std::string &folder, const Context &context, llama_pos position,
              int max_tokens) {
    const llama_vocab *vocabulary = llama_model_get_vocab(model_.get());
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
    open(folder + "/token_ids") << numbers(token_ids);
    open(folder + "/text") << text;
  }

  Model model_;
  int n_threads_ = 1;
  Tap tap_;
  Vision vision_;
};

} // namespace

int main(int argc, char **argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: ppocrvl-stock-stages LLM MMPROJ < folders\n");
    return 2;
  }
  try {
    Stock stock(argv[1], argv[2]);
    for (std::string folder; std::getline(std::cin, folder);) {
      std::string outcome = "ok";
      try {
        stock.run(folder);
      } catch (const std::exception &error) {
        outcome = error.what();
      }
      std::cout << outcome << std::endl; // the other side waits for it
    }
  } catch (const std::exception &error) {
    std::fprintf(stderr, "ppocrvl-stock-stages: %s\n", error.what());
    return 1;
  }
  return 0;
}
