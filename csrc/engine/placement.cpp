// SPDX-License-Identifier: Apache-2.0
#include "engine/placement.h"

#include "engine/kernel_choice.h"
#include "engine/memory_need.h"
#include "files/model_sizes.h"
#include "support/error.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <iomanip>
#include <optional>
#include <sstream>

namespace ppocrvl {
namespace {

constexpr const char *any_device = "auto";

// What a GPU gets in place of a CPU's numbers. None of them was measured on one.
constexpr int gpu_batch_tokens = 512; // llama.cpp's own default
constexpr std::uint64_t gpu_bytes_of_scores = std::uint64_t{256} << 20;
constexpr double gpu_work_per_stop = 1e11; // about a layer of a full page; each stop waits for it

/// As devices are compared: "vulkan:0" is "Vulkan0".
std::string plain(const std::string &name) {
  std::string text;
  for (const char letter : name) {
    if (letter != ':') {
      text += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    }
  }
  constexpr const char *metal = "metal"; // ggml calls them MTL0
  return text.rfind(metal, 0) == 0 ? "mtl" + text.substr(std::string(metal).size()) : text;
}

/// A device that was asked for.
struct Wish {
  std::string option;             // that names it
  const Device *device = nullptr; // null for the CPU
  bool is_named = true;           // not by "auto"
};

const Device *first_of_kind(const std::vector<Device> &devices, const char *kind) {
  const auto found = std::find_if(devices.begin(), devices.end(),
                                  [kind](const Device &device) { return device.kind == kind; });
  return found == devices.end() ? nullptr : &*found;
}

Wish find_wish(const std::string &option, const std::string &name,
               const std::vector<Device> &devices, VisionPrecision precision) {
  const std::string wanted = plain(name);
  const bool needs_host = precision == VisionPrecision::exact; // a GPU's products round
  if (wanted == plain(host_device) || (wanted == any_device && needs_host)) {
    return {option};
  }
  if (wanted == any_device) {
    const Device *gpu = first_of_kind(devices, "gpu");
    return {option, gpu != nullptr ? gpu : first_of_kind(devices, "igpu"), false};
  }
  std::string names = "auto, cpu";
  for (const Device &device : devices) {
    if (!device.is_gpu()) {
      continue;
    }
    const std::string own = plain(device.name);
    if (own == wanted || own == wanted + "0") {
      if (needs_host) {
        throw Error(ErrorKind::option,
                    "precision \"exact\" is the CPU's alone; leave it out, or use " + option +
                        " \"cpu\"");
      }
      return {option, &device};
    }
    names += ", " + device.name;
  }
  throw Error(ErrorKind::option, option + " must be one of " + names + ", not " + in_quotes(name) +
                                     ": this build finds no other here (ppocrvl doctor)");
}

struct Wishes {
  Wish vision;
  Wish text;
};

Wishes find_wishes(const PlacementWishes &wishes, const std::vector<Device> &devices) {
  const auto find = [&](const char *option, const std::string &own) {
    return own.empty() ? find_wish("device", wishes.device, devices, wishes.precision)
                       : find_wish(option, own, devices, wishes.precision);
  };
  return {find("vision_device", wishes.vision_device), find("text_device", wishes.text_device)};
}

/// Which parts are on the devices that were asked for; the others are on the CPU.
struct Arrangement {
  bool vision = true;
  bool text = true;
  bool kv = true;
};

/// From the best to the one that needs least, as far as they may give way.
std::vector<Arrangement> arrangements(const Wishes &wishes) {
  std::vector<Arrangement> all = {{}};
  const bool text_moves = wishes.text.device != nullptr && !wishes.text.is_named;
  if (text_moves) {
    all.push_back({true, true, false});
    all.push_back({true, false, false});
  }
  if (wishes.vision.device != nullptr && !wishes.vision.is_named) {
    all.push_back({false, !text_moves, !text_moves});
  }
  return all;
}

/// Bytes that the parts take on a device.
struct Needs {
  std::uint64_t vision = 0;
  std::uint64_t text = 0;
  std::uint64_t kv = 0;
};

Needs needs_of(const PlacementWishes &wishes, const ModelFiles &files) {
  int pixels = files.info.max_pixels;
  for (const auto &[task, limits] : files.info.task_pixels) {
    pixels = std::max(pixels, limits.second);
  }
  const VisionSizes vision = vision_sizes(files.mmproj);
  const LlmSizes text = llm_sizes(files.llm);
  const std::uint64_t n_patches =
      static_cast<std::uint64_t>(pixels) / (vision.patch_size * vision.patch_size);
  return {
      vision.weight_bytes + encoder_bytes(vision, n_patches, gpu_bytes_of_scores),
      text.weight_bytes + decoder_bytes(text, wishes.kv_tokens, gpu_batch_tokens),
      kv_bytes(text, wishes.kv_tokens),
  };
}

/// A device with less memory than is needed there.
struct Shortage {
  const Device *device;
  std::uint64_t need;
  bool of_vision;
  bool of_text;
};

std::optional<Shortage> find_shortage(const Wishes &wishes, const Arrangement &arrangement,
                                      const Needs &needs) {
  for (const Device *device : {wishes.vision.device, wishes.text.device}) {
    if (device == nullptr || device->memory_total == 0) {
      continue;
    }
    const bool of_vision = arrangement.vision && wishes.vision.device == device;
    const bool of_text = arrangement.text && wishes.text.device == device;
    const std::uint64_t need = (of_vision ? needs.vision : 0) + (of_text ? needs.text : 0) +
                               (of_text && arrangement.kv ? needs.kv : 0);
    if (need > device->memory_free) {
      return Shortage{device, need, of_vision, of_text};
    }
  }
  return std::nullopt;
}

std::string gigabytes(std::uint64_t bytes) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2)
       << static_cast<double>(bytes) / static_cast<double>(std::uint64_t{1} << 30) << " GiB";
  return text.str();
}

const char *parts_text(bool vision, bool text) {
  if (vision && text) {
    return "the model";
  }
  return vision ? "the vision encoder" : "the language model";
}

std::string too_little(const Shortage &shortage) {
  return shortage.device->name + " has " + gigabytes(shortage.device->memory_free) + " free, but " +
         parts_text(shortage.of_vision, shortage.of_text) + " may take " + gigabytes(shortage.need);
}

[[noreturn]] void refuse(const Wishes &wishes, const Shortage &shortage) {
  const Wish &wish = shortage.of_text ? wishes.text : wishes.vision;
  const std::string less = shortage.of_text ? "lower n_parallel or kv_tokens, or " : "";
  throw Error(ErrorKind::engine,
              too_little(shortage) + "; " + less + "use " + wish.option + " \"cpu\"");
}

std::string note_text(const Shortage &shortage, const Arrangement &arrangement) {
  const bool all_stay = arrangement.vision && arrangement.text;
  return too_little(shortage) + ": " +
         (all_stay
              ? "the KV cache is in the host's memory"
              : std::string(parts_text(!arrangement.vision, !arrangement.text)) + " is on the CPU");
}

/// The first arrangement that there is memory for. Throws ErrorKind::engine.
Arrangement arrange(const Wishes &wishes, const Needs &needs, std::string &note) {
  const Arrangement as_wished;
  const std::optional<Shortage> first = find_shortage(wishes, as_wished, needs);
  if (!first) {
    return as_wished;
  }
  Shortage last = *first;
  for (const Arrangement &arrangement : arrangements(wishes)) {
    const std::optional<Shortage> shortage = find_shortage(wishes, arrangement, needs);
    if (!shortage) {
      note = note_text(*first, arrangement);
      return arrangement;
    }
    last = *shortage;
  }
  refuse(wishes, last);
}

/// Our kernels need weights in the host's memory.
void place_kernels(const PlacementWishes &wishes, const ModelFiles &files, Placement &placement) {
  const KernelChoice choice =
      choose_kernels(wishes.kernels, wishes.precision, files.llm, files.mmproj);
  const bool is_named = wishes.kernels != "auto" && wishes.kernels != "ggml";
  if (is_named && !placement.uses_host()) {
    throw Error(ErrorKind::option,
                "kernels \"" + wishes.kernels + "\" are a CPU's, and nothing is " +
                    "computed on the CPU; leave kernels out, or use device " + "\"cpu\"");
  }
  placement.text.kernels = placement.text.on_host() ? choice.decoder : nullptr;
  if (!placement.vision.on_host()) {
    return;
  }
  const bool fits = fits_vision_kernels(vision_sizes(files.mmproj));
  if (is_named && !fits) {
    throw Error(ErrorKind::option, "kernels \"" + wishes.kernels + "\" cannot compute the vision " +
                                       "encoder of " + files.mmproj.path +
                                       ", which is too wide; use kernels \"auto\"");
  }
  placement.vision.kernels = fits ? choice.vision : nullptr;
}

} // namespace

bool wants_host_alone(const PlacementWishes &wishes) {
  const auto is_host = [&](const std::string &own) {
    const std::string wanted = plain(own.empty() ? wishes.device : own);
    return wanted == plain(host_device) ||
           (wanted == any_device && wishes.precision == VisionPrecision::exact);
  };
  return is_host(wishes.vision_device) && is_host(wishes.text_device);
}

Placement place(const PlacementWishes &wishes, const std::vector<Device> &devices,
                const ModelFiles &files) {
  const Wishes found = find_wishes(wishes, devices);
  Placement placement;
  const Arrangement arrangement = arrange(found, needs_of(wishes, files), placement.note);
  VisionPlacement &vision = placement.vision;
  vision.precision = wishes.precision;
  vision.fused_attention = wishes.precision == VisionPrecision::fast;
  if (found.vision.device != nullptr && arrangement.vision) {
    vision.device = found.vision.device->name;
    // Flash attention has no scores, and a GPU is left between layers at the soonest.
    vision.bytes_of_scores = vision.fused_attention ? 0 : gpu_bytes_of_scores;
    vision.work_per_stop = gpu_work_per_stop;
  }
  TextPlacement &text = placement.text;
  text.float32_cache = llm_sizes(files.llm).is_float32;
  if (found.text.device != nullptr && arrangement.text) {
    text.device = found.text.device->name;
    text.kv_on_device = arrangement.kv;
    text.batch_tokens = gpu_batch_tokens;
  }
  place_kernels(wishes, files, placement);
  return placement;
}

} // namespace ppocrvl
