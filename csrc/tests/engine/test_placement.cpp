// SPDX-License-Identifier: Apache-2.0
#include "engine/kernel_choice.h"
#include "engine/memory_need.h"
#include "engine/placement.h"
#include "tests/check.h"
#include "tests/gguf_builder.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ppocrvl::tests {

namespace {

constexpr std::uint64_t plenty = std::uint64_t{8} << 30;
constexpr std::size_t kv_tokens = 4096;

Device device(const std::string &name, const std::string &kind, std::uint64_t memory_free) {
  return {name, "a device of the test", kind, plenty, memory_free};
}

Device cpu() { return device("CPU", "cpu", plenty); }

Device gpu(std::uint64_t memory_free = plenty) { return device("Vulkan0", "gpu", memory_free); }

ModelFiles files_of(const GgufBuilder &llm, const GgufBuilder &mmproj) {
  ModelFiles files{read_bytes(llm.bytes()), read_bytes(mmproj.bytes()), {}};
  files.info = describe_model(files.llm, files.mmproj);
  return files;
}

const ModelFiles &tiny_files() {
  static const ModelFiles files = files_of(tiny_llm(), tiny_mmproj());
  return files;
}

PlacementWishes wish(const std::string &device = "auto", const std::string &vision_device = "",
                     const std::string &text_device = "") {
  PlacementWishes wishes;
  wishes.device = device;
  wishes.vision_device = vision_device;
  wishes.text_device = text_device;
  wishes.kv_tokens = kv_tokens;
  return wishes;
}

Placement placed(const PlacementWishes &wishes, const std::vector<Device> &devices) {
  return place(wishes, devices, tiny_files());
}

std::string refused(ErrorKind kind, const PlacementWishes &wishes,
                    const std::vector<Device> &devices) {
  return message_of(kind, [&] { placed(wishes, devices); });
}

bool is_one_line(const std::string &text) {
  return !text.empty() && text.find('\n') == std::string::npos;
}

/// The least free memory of the GPU, in bytes, with which `fits` holds of what "auto" places.
template <typename Fits> std::uint64_t least_memory(Fits fits) {
  std::uint64_t low = 0;
  std::uint64_t high = plenty;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (fits(placed(wish(), {cpu(), gpu(middle)}))) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/// What a CPU has always been given.
void check_is_host(const Placement &placement) {
  const KernelChoice kernels =
      choose_kernels("auto", VisionPrecision::automatic, tiny_files().llm, tiny_files().mmproj);
  CHECK_EQUAL(placement.vision.device, "CPU");
  CHECK_EQUAL(placement.text.device, "CPU");
  CHECK_EQUAL(placement.kv_device(), "CPU");
  CHECK(placement.vision.kernels == kernels.vision);
  CHECK(placement.text.kernels == kernels.decoder);
  CHECK_EQUAL(placement.vision.bytes_of_scores, std::uint64_t{32} << 20);
  CHECK_EQUAL(placement.vision.work_per_stop, 1e9);
  CHECK(!placement.vision.fused_attention);
  CHECK_EQUAL(placement.text.batch_tokens, 256);
  CHECK(placement.shares_device() && placement.uses_host());
}

} // namespace

TEST_CASE("placement: without a GPU all is on the CPU, and nothing is said") {
  const Device blas = device("BLAS", "accelerator", plenty);
  for (const auto &devices : {std::vector<Device>{}, {cpu()}, {cpu(), blas}}) {
    const Placement placement = placed(wish(), devices);
    check_is_host(placement);
    CHECK_EQUAL(placement.note, "");
  }
  check_is_host(placed(wish("cpu"), {cpu(), gpu()}));
  check_is_host(placed(wish("CPU"), {cpu(), gpu()}));
  check_is_host(placed(wish("Vulkan0", "cpu", "cpu"), {cpu(), gpu()}));
}

TEST_CASE("placement: a GPU with memory gets all, without our kernels") {
  for (const char *name : {"auto", "Vulkan0", "vulkan0", "vulkan:0", "Vulkan"}) {
    const Placement placement = placed(wish(name), {cpu(), gpu()});
    CHECK_EQUAL(placement.vision.device, "Vulkan0");
    CHECK_EQUAL(placement.text.device, "Vulkan0");
    CHECK_EQUAL(placement.kv_device(), "Vulkan0");
    CHECK(placement.vision.kernels == nullptr && placement.text.kernels == nullptr);
    CHECK(placement.vision.bytes_of_scores > std::uint64_t{32} << 20);
    CHECK(placement.vision.work_per_stop > 1e9);
    CHECK(placement.text.batch_tokens > 256);
    CHECK(placement.shares_device() && !placement.uses_host());
    CHECK_EQUAL(placement.note, "");
  }
}

TEST_CASE("placement: one GPU is taken, an integrated one if there is no other") {
  const Device integrated = device("Vulkan0", "igpu", plenty);
  const Device first = device("CUDA0", "gpu", plenty);
  const Device second = device("CUDA1", "gpu", plenty);
  CHECK_EQUAL(placed(wish(), {cpu(), integrated}).vision.device, "Vulkan0");
  const std::vector<Device> all = {cpu(), integrated, first, second};
  CHECK_EQUAL(placed(wish(), all).vision.device, "CUDA0");
  CHECK_EQUAL(placed(wish(), all).text.device, "CUDA0");
  CHECK_EQUAL(placed(wish("cuda:1"), all).text.device, "CUDA1");
  CHECK_EQUAL(placed(wish("metal"), {cpu(), device("MTL0", "gpu", plenty)}).text.device, "MTL0");
  const Placement apart = placed(wish("auto", "Vulkan0", "CUDA1"), all);
  CHECK_EQUAL(apart.vision.device, "Vulkan0");
  CHECK_EQUAL(apart.text.device, "CUDA1");
  CHECK(!apart.shares_device() && !apart.uses_host());
}

TEST_CASE("placement: a device that is not there is an error that names the others") {
  for (const auto &wishes : {wish("CUDA0"), wish("auto", "", "CUDA0"), wish("auto", "CUDA0")}) {
    const std::string message = refused(ErrorKind::option, wishes, {cpu(), gpu()});
    CHECK(contains(message, "must be one of auto, cpu, Vulkan0, not"));
    CHECK(contains(message, "CUDA0"));
    CHECK(is_one_line(message));
  }
  CHECK(contains(refused(ErrorKind::option, wish("auto", "", "x"), {cpu()}), "text_device must"));
  CHECK(contains(refused(ErrorKind::option, wish("auto", "x"), {cpu()}), "vision_device must"));
  for (const char *name : {"", "0", ":", "BLAS", "Vulkan1", "Vulkan00"}) {
    const Device blas = device("BLAS", "accelerator", plenty);
    CHECK(contains(refused(ErrorKind::option, wish(name), {cpu(), blas, gpu()}), "device must be"));
  }
}

TEST_CASE("placement: a named device with too little memory is an error") {
  const std::string message = refused(ErrorKind::engine, wish("Vulkan0"), {cpu(), gpu(1 << 20)});
  CHECK(contains(message, "Vulkan0 has 0.00 GiB free, but the model may take"));
  CHECK(contains(message, "use device \"cpu\""));
  CHECK(is_one_line(message));
  const auto with_text = wish("auto", "cpu", "Vulkan0");
  CHECK(contains(refused(ErrorKind::engine, with_text, {cpu(), gpu(1 << 10)}),
                 "the language model may take"));
  const auto with_vision = wish("auto", "Vulkan0", "cpu");
  CHECK(contains(refused(ErrorKind::engine, with_vision, {cpu(), gpu(1 << 20)}),
                 "use vision_device \"cpu\""));
  // The text on "auto" gives way, but that is not enough.
  const auto with_auto_text = wish("auto", "Vulkan0");
  CHECK(contains(refused(ErrorKind::engine, with_auto_text, {cpu(), gpu(1 << 20)}),
                 "the vision encoder may take"));
}

TEST_CASE(
    "placement: the text on the CPU beside a GPU has our kernels, and takes no turns with it") {
  const Placement placement = placed(wish("auto", "", "cpu"), {cpu(), gpu()});
  const Placement host = placed(wish("cpu"), {});
  CHECK_EQUAL(placement.vision.device, "Vulkan0");
  CHECK_EQUAL(placement.text.device, "CPU");
  CHECK(placement.vision.kernels == nullptr);
  CHECK(placement.text.kernels == host.text.kernels);
  CHECK_EQUAL(placement.text.batch_tokens, host.text.batch_tokens);
  CHECK(!placement.shares_device() && placement.uses_host());
  const Placement reversed = placed(wish("auto", "cpu"), {cpu(), gpu()});
  CHECK(reversed.vision.kernels == host.vision.kernels && reversed.text.kernels == nullptr);
}

TEST_CASE("placement: what gives way to the memory is the KV cache, then the text, then all") {
  const std::uint64_t for_all =
      least_memory([](const Placement &one) { return one.note.empty() && one.text.kv_on_device; });
  const std::uint64_t without_kv =
      least_memory([](const Placement &one) { return !one.text.on_host(); });
  const std::uint64_t for_vision =
      least_memory([](const Placement &one) { return !one.vision.on_host(); });
  CHECK(for_all > without_kv && without_kv > for_vision && for_vision > 0);
  CHECK_EQUAL(for_all - without_kv, kv_bytes(llm_sizes(tiny_files().llm), kv_tokens));

  const Placement kv = placed(wish(), {cpu(), gpu(for_all - 1)});
  CHECK_EQUAL(kv.text.device, "Vulkan0");
  CHECK_EQUAL(kv.kv_device(), "CPU");
  CHECK(contains(kv.note, "Vulkan0 has "));
  CHECK(contains(kv.note, ": the KV cache is in the host's memory"));

  const Placement text = placed(wish(), {cpu(), gpu(without_kv - 1)});
  CHECK_EQUAL(text.vision.device, "Vulkan0");
  CHECK_EQUAL(text.text.device, "CPU");
  CHECK(text.text.kernels == placed(wish("cpu"), {}).text.kernels);
  CHECK(contains(text.note, ": the language model is on the CPU"));

  const Placement none = placed(wish(), {cpu(), gpu(for_vision - 1)});
  check_is_host(none);
  CHECK(contains(none.note, ": the model is on the CPU"));
  for (const Placement &one : {kv, text, none}) {
    CHECK(is_one_line(one.note));
  }

  // A named one gives way in nothing.
  CHECK(contains(refused(ErrorKind::engine, wish("Vulkan0"), {cpu(), gpu(for_all - 1)}),
                 "lower n_parallel or kv_tokens"));
  CHECK_EQUAL(placed(wish("Vulkan0"), {cpu(), gpu(for_all)}).kv_device(), "Vulkan0");
  // Where the text is elsewhere, the encoder alone gives way.
  const Placement alone = placed(wish("auto", "", "cpu"), {cpu(), gpu(for_vision - 1)});
  check_is_host(alone);
  CHECK(contains(alone.note, ": the vision encoder is on the CPU"));
}

TEST_CASE("placement: a device that does not tell its memory is believed") {
  Device silent = gpu(0);
  silent.memory_total = 0;
  CHECK_EQUAL(placed(wish(), {cpu(), silent}).text.device, "Vulkan0");
  CHECK_EQUAL(placed(wish(), {cpu(), gpu(0)}).text.device, "CPU"); // this one tells: nothing
}

TEST_CASE("placement: kernels that were asked for and cannot be had are an error") {
  for (const kernels::Kernels &one : kernels::available()) {
    PlacementWishes wishes = wish();
    wishes.kernels = one.vision->name;
    CHECK(contains(refused(ErrorKind::option, wishes, {cpu(), gpu()}), "are a CPU's"));
    CHECK(placed(wishes, {cpu()}).vision.kernels == one.vision);
    wishes.text_device = "cpu";
    CHECK(placed(wishes, {cpu(), gpu()}).text.kernels == one.decoder);
  }
  GgufBuilder odd = tiny_mmproj();
  odd.u32("clip.vision.attention.head_count", 16); // 2 numbers a head: our kernels take fours
  const ModelFiles files = files_of(tiny_llm(), odd);
  CHECK(place(wish(), {}, files).vision.kernels == nullptr);
  for (const kernels::Kernels &one : kernels::available()) {
    PlacementWishes wishes = wish();
    wishes.kernels = one.vision->name;
    const std::string message = message_of(ErrorKind::option, [&] { place(wishes, {}, files); });
    CHECK(contains(message, "cannot compute the vision encoder"));
  }
  for (const auto &devices : {std::vector<Device>{cpu()}, {cpu(), gpu()}}) {
    PlacementWishes wishes = wish();
    wishes.kernels = "ggml";
    CHECK(placed(wishes, devices).vision.kernels == nullptr);
    wishes.kernels = "sse9";
    CHECK(contains(refused(ErrorKind::option, wishes, devices), "kernels must be one of"));
  }
}

TEST_CASE("placement: exact is computed on the CPU, and fast has fused attention") {
  PlacementWishes wishes = wish();
  wishes.precision = VisionPrecision::exact;
  CHECK(wants_host_alone(wishes));
  const Placement exact = placed(wishes, {cpu(), gpu()});
  CHECK(exact.vision.on_host() && exact.text.on_host() && exact.note.empty());
  wishes.text_device = "Vulkan0";
  CHECK(!wants_host_alone(wishes));
  CHECK(contains(refused(ErrorKind::option, wishes, {cpu(), gpu()}), "text_device \"cpu\""));

  wishes = wish();
  wishes.precision = VisionPrecision::fast;
  CHECK(!wants_host_alone(wishes));
  CHECK(placed(wishes, {cpu()}).vision.fused_attention);
  CHECK_EQUAL(placed(wishes, {cpu()}).vision.bytes_of_scores, std::uint64_t{32} << 20);
  CHECK(placed(wishes, {cpu(), gpu()}).vision.fused_attention);
  CHECK_EQUAL(placed(wishes, {cpu(), gpu()}).vision.bytes_of_scores, std::uint64_t{0});
  CHECK(wants_host_alone(wish("cpu")) && wants_host_alone(wish("auto", "cpu", "CPU")));
  CHECK(!wants_host_alone(wish("cpu", "auto")));
}

TEST_CASE("placement: a file in F32 has a cache in F32, of twice the bytes") {
  GgufBuilder llm = tiny_llm();
  for (GgufBuilder::Tensor &tensor : llm.tensors) {
    tensor.type = GGML_TYPE_F32;
  }
  const ModelFiles files = files_of(llm, tiny_mmproj());
  CHECK(place(wish(), {}, files).text.float32_cache);
  CHECK(!placed(wish(), {}).text.float32_cache);
  const LlmSizes half = llm_sizes(tiny_files().llm);
  CHECK_EQUAL(kv_bytes(half, 1), std::uint64_t{2} * 2 * 2 * 16 * 256 * 2); // a step of 256 tokens
  CHECK_EQUAL(kv_bytes(half, 257), 2 * kv_bytes(half, 256));
  CHECK_EQUAL(encoder_bytes(VisionSizes{}, 0, 1), std::uint64_t{0}); // divides by no layers
  CHECK_EQUAL(kv_bytes(llm_sizes(files.llm), 256), 2 * kv_bytes(half, 256));
}

TEST_CASE("memory need: slices of attention take less, as far as a graph has space for them") {
  const VisionSizes sizes = vision_sizes(tiny_files().mmproj);
  constexpr std::uint64_t n_patches = 5120;
  const auto need = [&](std::uint64_t bytes_of_scores) {
    return encoder_bytes(sizes, n_patches, bytes_of_scores);
  };
  const std::uint64_t scores = 4 * sizes.n_head * n_patches * n_patches;
  CHECK(need(0) > scores);
  CHECK_EQUAL(need(0) - need(scores / 2), scores / 2);
  CHECK(need(1) > scores / 400 && need(1) < need(scores / 100)); // 369 slices at most, of 2 layers
  CHECK_EQUAL(most_attention_slices(27), 22);
  CHECK_EQUAL(most_attention_slices(1000), 1);
}

} // namespace ppocrvl::tests
