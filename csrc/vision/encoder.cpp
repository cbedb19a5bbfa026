// SPDX-License-Identifier: Apache-2.0
#include "vision/encoder.h"

#include "clip-impl.h"
#include "ggml/devices.h"
#include "mtmd/panel_graph.h"
#include "support/assertion_guard.h"
#include "support/error.h"
#include "support/logging.h"
#include "support/stopwatch.h"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string_view>
#include <utility>

namespace ppocrvl {

/// Lets a running graph be left, and its nodes be read. The scheduler asks before each node whether
/// it should stop there, and after such a stop whether to go on. Stops cost a synchronisation, so
/// they are spaced by work.
class Encoder::Interrupter {
public:
  Interrupter(NodeObserver *observer, double work_per_stop)
      : observer_(observer), work_per_stop_(work_per_stop) {}

  void watch(const std::function<bool()> &goes_on, Trace *trace) {
    goes_on_ = &goes_on;
    trace_ = trace;
    work_since_stop_ = 0.0;
    left_ = false;
    since_stop_ = Stopwatch();
  }

  /// Whether the graph was left before its end.
  [[nodiscard]] bool left() const { return left_; }

  static bool callback(ggml_tensor *node, bool ask, void *self) {
    return static_cast<Interrupter *>(self)->on_node(*node, ask);
  }

private:
  bool on_node(const ggml_tensor &node, bool ask) {
    Array *stage = traced(node);
    const bool observed = observer_ != nullptr && observer_->wants(node);
    if (!ask) {
      if (trace_ != nullptr) {
        trace_->operation_seconds[label(node)] += since_stop_.seconds();
      }
      if (observed) {
        observer_->see(node);
      }
      if (stage != nullptr) {
        stage->shape = {static_cast<std::size_t>(node.ne[1]), static_cast<std::size_t>(node.ne[0])};
        stage->values.resize(static_cast<std::size_t>(ggml_nelements(&node)));
        ggml_backend_tensor_get(&node, stage->values.data(), 0, ggml_nbytes(&node));
      }
      work_since_stop_ = 0.0;
      left_ = left_ || !(*goes_on_)();
      since_stop_ = Stopwatch();
      return !left_;
    }
    work_since_stop_ += multiply_adds(node);
    return trace_ != nullptr || observed || work_since_stop_ >= work_per_stop_;
  }

  /// Where the node's values are to go, by the names that our vision graph gives.
  [[nodiscard]] Array *traced(const ggml_tensor &node) const {
    if (trace_ == nullptr) {
      return nullptr;
    }
    const std::string_view name = ggml_get_name(&node);
    if (name == vision_node::patches) {
      return &trace_->patches;
    }
    return name == vision_node::encoded ? &trace_->encoded : nullptr;
  }

  /// The operation, and the name of its weight without the number of the layer.
  static std::string label(const ggml_tensor &node) {
    std::string text = node.op == GGML_OP_CUSTOM ? ggml_get_name(&node) : ggml_op_name(node.op);
    for (const ggml_tensor *source : {node.src[0], node.src[1]}) {
      const std::string name = source == nullptr ? "" : ggml_get_name(source);
      const std::size_t end = name.rfind(".weight");
      if (end != std::string::npos) {
        const std::size_t start = name.rfind('.', end - 1);
        return text + " " +
               name.substr(start == std::string::npos ? 0 : start + 1, end - start - 1);
      }
    }
    return text;
  }

  static double multiply_adds(const ggml_tensor &node) {
    const auto elements = static_cast<double>(ggml_nelements(&node));
    if (node.op == GGML_OP_MUL_MAT) {
      return elements * static_cast<double>(node.src[0]->ne[0]);
    }
    if (node.op == GGML_OP_CUSTOM) {
      return multiply_adds_of(node);
    }
    if (node.op == GGML_OP_FLASH_ATTN_EXT) {
      return 2.0 * elements * static_cast<double>(node.src[1]->ne[1]); // K and V, over all keys
    }
    return elements;
  }

  NodeObserver *observer_;
  double work_per_stop_; // multiply-adds
  const std::function<bool()> *goes_on_ = nullptr;
  Trace *trace_ = nullptr;
  bool left_ = false;
  double work_since_stop_ = 0.0;
  Stopwatch since_stop_;
};

namespace {

/// Rows [n_patches, width] of a strip's only picture, in the picture's raster order.
void to_raster_order(Array &array, const StripPicture &picture) {
  const std::size_t width = array.shape[1];
  const auto n_patches = static_cast<std::size_t>(picture.n_patches());
  std::vector<float> ordered(n_patches * width);
  for (std::size_t i = 0; i < n_patches; ++i) {
    const auto [row, col] = picture.place_of(static_cast<std::int64_t>(i));
    const auto to = static_cast<std::size_t>(row * picture.cols + col) * width;
    std::copy_n(array.values.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                ordered.begin() + static_cast<std::ptrdiff_t>(to));
  }
  array = {{n_patches, width}, std::move(ordered)};
}

} // namespace

Encoder::Encoder(const EncoderOptions &options, const NormalizationTable &normalization)
    : options_(options), normalization_(normalization),
      scratch_(options.placement.kernels == nullptr ? 0 : options.n_threads),
      cpu_(make_cpu(options)), interrupter_(std::make_unique<Interrupter>(
                                   options.observer, options.placement.work_per_stop)),
      context_(load()), n_embd_(clip_n_mmproj_embd(context_.get())) {}

std::unique_ptr<PooledCpu> Encoder::make_cpu(const EncoderOptions &options) {
  if (!options.placement.on_host()) {
    return nullptr;
  }
  const AssertionGuard guard;
  return std::make_unique<PooledCpu>(options.n_threads);
}

ClipContextPtr Encoder::load() const {
  const AssertionGuard guard;
  clear_native_error();
  clip_context_params params{};
  params.use_gpu = true; // for mtmd, whatever is named as the device
  params.device = cpu_ == nullptr ? find_device(options_.placement.device) : cpu_->device();
  if (params.device == nullptr) { // mtmd would take another
    throw Error(ErrorKind::engine,
                "the device " + options_.placement.device + " is gone; see ppocrvl doctor");
  }
  params.flash_attn_type = CLIP_FLASH_ATTN_TYPE_AUTO;
  params.warmup = false; // it would reserve buffers for a picture larger than most
  params.cb_eval = &Interrupter::callback;
  params.cb_eval_user_data = interrupter_.get();
  const clip_init_result loaded = clip_init(options_.path.c_str(), params);
  ClipContextPtr context(loaded.ctx_v);
  const ClipContextPtr audio(loaded.ctx_a);
  const ClipContextPtr generated_audio(loaded.ctx_gen_a);
  if (!context) {
    throw Error(ErrorKind::engine,
                "cannot load the vision encoder " + options_.path + ": " + last_native_error());
  }
  return context;
}

Encoder::~Encoder() = default;

std::vector<float> Encoder::encode(const RgbImage &image, const ImageGrid &grid,
                                   const std::function<bool()> &goes_on, Trace *trace) {
  std::vector<float> embeddings;
  if (packs() && patches_in_strip(grid) <= most_packed_patches) {
    embeddings = std::move(encode_strip({{&image, grid}}, goes_on, trace).front());
  } else {
    embeddings = encode_whole({&image, grid}, goes_on, trace);
  }
  if (trace != nullptr) {
    const auto side = [](int value) { return static_cast<std::size_t>(value); };
    trace->pixels = {{side(image.height), side(image.width), 3}, normalization_.apply(image)};
    trace->image_tokens = {{side(grid.tokens()), side(n_embd())}, embeddings};
  }
  return embeddings;
}

std::vector<std::vector<float>> Encoder::encode_together(const std::vector<GriddedImage> &images,
                                                         const std::function<bool()> &goes_on) {
  if (packs()) {
    return encode_strip(images, goes_on, nullptr);
  }
  std::vector<std::vector<float>> parts;
  parts.reserve(images.size());
  for (const GriddedImage &one : images) {
    parts.push_back(encode_whole(one, goes_on, nullptr));
  }
  return parts;
}

std::vector<float> Encoder::encode_whole(const GriddedImage &one,
                                         const std::function<bool()> &goes_on, Trace *trace) {
  const RgbImage &image = *one.image;
  return run({image.width, image.height, normalization_.apply(image), one.grid.tokens()}, goes_on,
             trace);
}

/// A traced strip has one picture.
std::vector<std::vector<float>> Encoder::encode_strip(const std::vector<GriddedImage> &images,
                                                      const std::function<bool()> &goes_on,
                                                      Trace *trace) {
  Strip strip = make_strip(images, normalization_);
  const std::vector<float> all = run(
      {strip.token_side, strip.n_cells * strip.token_side, std::move(strip.values), strip.n_cells},
      goes_on, trace, &strip.pictures);
  std::vector<std::vector<float>> parts;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto at = [&](int cell) { return all.begin() + std::ptrdiff_t{cell} * n_embd(); };
    const int first = strip.first_cells[i];
    parts.emplace_back(at(first), at(first + images[i].grid.tokens()));
  }
  if (trace != nullptr) {
    to_raster_order(trace->patches, strip.pictures.front());
    to_raster_order(trace->encoded, strip.pictures.front());
  }
  return parts;
}

std::vector<float> Encoder::run(Input picture, const std::function<bool()> &goes_on, Trace *trace,
                                const std::vector<StripPicture> *strip) {
  const auto require_goes_on = [](bool whether) {
    if (!whether) {
      throw Error(ErrorKind::cancelled, "the request was cancelled");
    }
  };
  require_goes_on(goes_on());
  if (!context_) {
    context_ = load();
  }
  clear_native_error();
  clip_image_f32_batch batch;
  clip_image_f32 &input = batch.entries.emplace_back();
  input.set_size({picture.width, picture.height}, /*is_placeholder=*/true, /*is_audio=*/false);
  input.cpy_buf(picture.values);
  std::vector<float>().swap(picture.values);
  // mtmd aborts the process if its token count is not the one it was given space for.
  if (clip_n_output_tokens(context_.get(), &input) != picture.n_tokens) {
    throw Error(ErrorKind::engine, "the vision encoder disagrees about the number of image tokens");
  }
  std::vector<float> embeddings(static_cast<std::size_t>(picture.n_tokens) *
                                static_cast<std::size_t>(n_embd()));
  interrupter_->watch(goes_on, trace);
  bool encoded = false;
  try {
    const AssertionGuard guard;
    const VisionPlacement &placement = options_.placement;
    const UseVisionGraphOptions use({
        placement.precision,
        placement.fused_attention,
        placement.bytes_of_scores,
        placement.kernels,
        strip,
        &scratch_,
        &n_graphs_,
    });
    encoded = clip_image_batch_encode(context_.get(), options_.n_threads, &batch, embeddings);
  } catch (...) {
    const std::exception_ptr error = current_error();
    context_.reset(); // mtmd and ggml do not put right what they had begun
    std::rethrow_exception(error);
  }
  // A graph that was left before its end reports success.
  require_goes_on(!interrupter_->left());
  if (!encoded) {
    throw Error(ErrorKind::engine, "encoding the image failed: " + last_native_error());
  }
  return embeddings;
}

} // namespace ppocrvl
