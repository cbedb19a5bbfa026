// SPDX-License-Identifier: Apache-2.0
#include "kernels/kernels.h"
#include "kernels/logits.h"
#include "kernels/map_kernels.h"
#include "kernels/plain_maps.h"

#include <memory>
#include <new>

#ifdef PPOCRVL_X86_KERNELS
#include "kernels/tables.h"

#include <cpuid.h>
#endif

#ifdef PPOCRVL_ARM_KERNELS
#include "kernels/tables.h"

#ifdef __APPLE__
#include <sys/sysctl.h>
#else
#include <sys/auxv.h>
#endif
#endif

namespace ppocrvl::kernels {

namespace {

#ifdef PPOCRVL_X86_KERNELS

/// Bits of CPUID leaf 7 (Intel, Software Developer's Manual, volume 2A, CPUID) and of XCR0.
struct Cpu {
  bool avx2 = false;
  bool avx512 = false;
  bool avx512_bf16 = false;
  bool avx512_vnni = false;
  bool amx = false;
};

std::uint64_t register_states() {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<std::uint64_t>(high) << 32U) | low;
}

/// Asks Linux to save the tiles of this process's threads, which it does only on demand.
bool may_use_tiles() {
#ifdef __linux__
  constexpr long call = 158;                  // arch_prctl
  constexpr long request_permission = 0x1023; // ARCH_REQ_XCOMP_PERM of asm/prctl.h
  constexpr long tile_data = 18;
  long result = call; // NOLINT(misc-const-correctness): assembly writes it
  asm volatile("syscall"
               : "+a"(result)
               : "D"(request_permission), "S"(tile_data)
               : "rcx", "r11", "memory");
  return result == 0;
#else
  return false;
#endif
}

Cpu this_cpu() {
  const auto bit = [](std::uint32_t word, unsigned number) { return ((word >> number) & 1U) != 0; };
  Cpu cpu;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  std::uint32_t c = 0;
  std::uint32_t d = 0;
  constexpr unsigned osxsave = 27;
  constexpr unsigned fma = 12;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || !bit(c, osxsave)) {
    return cpu;
  }
  const bool has_fma = bit(c, fma);
  constexpr std::uint64_t vectors = 0x6;       // SSE and AVX
  constexpr std::uint64_t wide_vectors = 0xE6; // and masks and 512 bits
  constexpr std::uint64_t tiles = 0x60000;
  const std::uint64_t states = register_states();
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) {
    return cpu;
  }
  const std::uint32_t most = a;
  cpu.avx2 = has_fma && bit(b, 5) && (states & vectors) == vectors;
  cpu.avx512 = cpu.avx2 && (states & wide_vectors) == wide_vectors && bit(b, 16) /* F */ &&
               bit(b, 17) /* DQ */ && bit(b, 30) /* BW */ && bit(b, 31) /* VL */;
  cpu.avx512_vnni = cpu.avx512 && bit(c, 11);
  const bool has_tiles = bit(d, 22) /* AMX-BF16 */ && bit(d, 24) /* AMX-TILE */;
  if (most >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0) {
    cpu.avx512_bf16 = cpu.avx512 && bit(a, 5);
  }
  cpu.amx = has_tiles && cpu.avx512_bf16 && (states & tiles) == tiles && may_use_tiles();
  return cpu;
}

std::vector<Kernels> found() {
  struct Row {
    bool runs;
    Kernels kernels;
  };
  const Cpu cpu = this_cpu();
  const bool has_bf16_and_vnni = cpu.avx512_bf16 && cpu.avx512_vnni;
  const Row rows[] = {
      {cpu.amx, {&vision::amx, &decoder::amx, &logits::avx512}},
      {cpu.avx512_bf16, {&vision::avx512_bf16, &decoder::avx512_bf16, &logits::avx512}},
      {cpu.avx512_vnni, {&vision::avx512_int16, &decoder::avx512, &logits::avx512}},
      {cpu.avx512, {&vision::avx512, &decoder::avx512, &logits::avx512}},
      {cpu.avx2, {&vision::avx2_int16, &decoder::avx2, &logits::avx2}},
      {cpu.avx2, {&vision::avx2, &decoder::avx2, &logits::avx2}},
      {has_bf16_and_vnni, {&vision::avx512_bf16_int8, &decoder::avx512_bf16, &logits::avx512}},
      {cpu.avx512_vnni, {&vision::avx512_int8, &decoder::avx512, &logits::avx512}},
  };
  std::vector<Kernels> kernels;
  for (const Row &row : rows) {
    if (row.runs) {
      kernels.push_back(row.kernels);
    }
  }
  return kernels;
}

#elif defined(PPOCRVL_ARM_KERNELS)

#ifdef __APPLE__
bool has_feature(const char *name) {
  int is_there = 0;
  std::size_t size = sizeof is_there;
  return sysctlbyname(name, &is_there, &size, nullptr, 0) == 0 && is_there != 0;
}
#endif

/// Whether there are BFDOT, BFMMLA (FEAT_BF16) and SDOT: ARMv8.6, optional from ARMv8.2 on.
bool has_bf16() {
#ifdef __APPLE__
  return has_feature("hw.optional.arm.FEAT_BF16") && has_feature("hw.optional.arm.FEAT_DotProd");
#else
  constexpr unsigned long dot_product = 1UL << 20U; // HWCAP_ASIMDDP of asm/hwcap.h
  constexpr unsigned long bf16 = 1UL << 14U;        // HWCAP2_BF16
  return (getauxval(AT_HWCAP) & dot_product) != 0 && (getauxval(AT_HWCAP2) & bf16) != 0;
#endif
}

std::vector<Kernels> found() {
  std::vector<Kernels> kernels;
  if (has_bf16()) {
    kernels.push_back({&vision::neon_bf16, &decoder::neon_bf16, &logits::neon});
  }
  kernels.push_back({&vision::neon, &decoder::neon, &logits::neon});
  return kernels;
}

#else

std::vector<Kernels> found() { return {}; }

#endif

constexpr std::align_val_t scratch_alignment{64};

} // namespace

std::int64_t heads_elements(const OperandLayout &operands, std::int64_t n_heads,
                            std::int64_t d_head, std::int64_t n_panels) {
  return n_heads * n_panels * lanes *
         (2 * score_rows(operands.is_bf16, operands.score_terms, d_head) +
          padded(d_head, operands.row_group));
}

std::size_t cache_work_bytes(const OperandLayout &operands, const CacheAttention &task) {
  const std::int64_t rows = score_rows(operands.is_bf16, operands.score_terms, task.d_head);
  const std::int64_t cells = padded(task.n_cells, lanes);
  const std::int64_t query_lanes = padded(task.n_tokens, lanes);
  const std::int64_t count =
      task.n_heads * query_lanes * rows +
      task.n_cache_heads * cells * (rows + padded(task.d_head, operands.row_group));
  const std::int64_t words = panels_of(task.n_tokens) * cells;
  return static_cast<std::size_t>(count) *
             (operands.is_bf16 ? sizeof(std::uint16_t) : sizeof(float)) +
         static_cast<std::size_t>(words) * sizeof(std::uint32_t);
}

std::vector<const MapKernels *> all_map_kernels() {
  std::vector<const MapKernels *> all;
#ifdef PPOCRVL_X86_KERNELS
  const Cpu cpu = this_cpu();
  if (cpu.avx512) {
    all.push_back(&maps::avx512);
  }
  if (cpu.avx2) {
    all.push_back(&maps::avx2);
  }
#endif
#ifdef PPOCRVL_ARM_KERNELS
  all.push_back(&maps::neon);
#endif
  all.push_back(&plain_maps);
  return all;
}

const MapKernels &map_kernels() {
  static const MapKernels &fastest = *all_map_kernels().front();
  return fastest;
}

std::vector<const ConvolutionKernels *> all_convolution_kernels(Precision precision) {
  std::vector<const ConvolutionKernels *> all;
  if (precision == Precision::f32) {
    for (const MapKernels *kernels : all_map_kernels()) {
      all.push_back(&kernels->convolutions);
    }
    return all;
  }
#ifdef PPOCRVL_X86_KERNELS
  const Cpu cpu = this_cpu();
  if (cpu.amx) {
    all.push_back(precision == Precision::split ? &convolutions::amx_split : &convolutions::amx);
  }
  if (cpu.avx512_bf16 && precision == Precision::bf16) {
    all.push_back(&convolutions::avx512_bf16);
  }
#endif
  return all;
}

const ConvolutionKernels &convolution_kernels(Precision precision) {
  const std::vector<const ConvolutionKernels *> all = all_convolution_kernels(precision);
  return all.empty() ? map_kernels().convolutions : *all.front();
}

const std::vector<Kernels> &available() {
  static const std::vector<Kernels> kernels = found();
  return kernels;
}

LogitKernels logit_kernels() {
  return available().empty() ? Logits<struct AnyCpu>::table() : *available().front().logits;
}

Scratch::Scratch(int n_threads)
    : memory_(static_cast<std::byte *>(
          ::operator new(static_cast<std::size_t>(n_threads) * scratch_bytes, scratch_alignment))) {
}

Scratch::~Scratch() { ::operator delete(memory_, scratch_alignment); }

} // namespace ppocrvl::kernels
