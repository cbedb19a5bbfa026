// SPDX-License-Identifier: Apache-2.0
//
// Convolutions as products of packed weights with bands (convolution_band.h). Included by one file
// for each kind of CPU: see panels.h. `Product` multiplies: VectorProduct, PlainProduct or
// SplitTiles.
#pragma once

#include "kernels/activations.h"
#include "kernels/band_products.h"
#include "kernels/convolution_band.h"
#include "kernels/map_kernels.h"

#include <cstring>

namespace ppocrvl::kernels {

template <typename Product> struct Convolutions {
  using Operand = typename Product::Operand;
  using Shape = BandShape<Product>;
  using Source = BandSource<Product>;

  static constexpr std::int64_t group = Product::group;
  static constexpr std::int64_t run = Product::pair;    // channels whose numbers lie together
  static constexpr std::int64_t terms = Product::terms; // operands that a number is the sum of
  static constexpr bool is_float = run == 1;

  // Rows of a band, and of weights, that stay in a core's caches while they are multiplied.
  static constexpr std::int64_t depth_block = band_rows_at_once / terms;
  static constexpr std::int64_t row_block = 256;
  // From the sums of one panel to the next: not a multiple of what a cache's lines repeat after.
  static constexpr std::int64_t sums_stride = (row_block + 1) * lanes;
  static constexpr std::int64_t most_panels = 31;
  static constexpr std::int64_t cached_bytes = 768 << 10;
  static constexpr std::int64_t largest_window = 7;

  static std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

  /// Rows of a band, and steps of a product, for the channels of a map.
  static std::int64_t depth_of(std::int64_t n_channels) {
    return padded(n_channels, Product::step) / run;
  }

  static bool is_in_place(const Window &window) {
    return is_float && window.size == 1 && window.step == 1 && window.padding == 0;
  }

  static std::int64_t band_bytes(const Shape &shape, std::int64_t n_channels,
                                 std::int64_t n_panels) {
    return shape.n_grids() * terms * depth_of(n_channels) * shape.stride(shape.computed(n_panels)) *
           std::int64_t{sizeof(float)};
  }

  /// As many as the cache holds, of such numbers those that need the fewest positions.
  static std::int64_t panels(const Window &window, std::int64_t n_channels) {
    constexpr std::int64_t in_place = 8;
    if (is_in_place(window)) {
      return in_place;
    }
    const Shape shape(window);
    std::int64_t best = 1;
    for (std::int64_t n = 2; n <= most_panels && band_bytes(shape, n_channels, n) <= cached_bytes;
         ++n) {
      if (n * shape.computed(best) >= best * shape.computed(n)) {
        best = n;
      }
    }
    return best;
  }

  static std::size_t scratch_bytes(const Window &window, std::int64_t n_channels) {
    const Shape shape(window);
    const std::int64_t n_panels = panels(window, n_channels);
    const std::int64_t n_computed = shape.computed(n_panels);
    const std::int64_t band = is_in_place(window) ? 0 : band_bytes(shape, n_channels, n_panels);
    return static_cast<std::size_t>(Numbers(n_panels, n_computed, shape.stride(n_computed)).all() *
                                        std::int64_t{sizeof(float)} +
                                    band);
  }

  static std::size_t weight_bytes(std::int64_t n_rows, std::int64_t n_places,
                                  std::int64_t n_channels) {
    return static_cast<std::size_t>(padded(n_rows, group) * n_places * depth_of(n_channels) * run *
                                    terms) *
           sizeof(Operand);
  }

  /// What a call needs beside its band, in numbers, each a multiple of 16.
  struct Numbers {
    std::int64_t sums;   // [n_computed][sums_stride], 32 more
    std::int64_t pixels; // [n_panels][32], 32 more
    std::int64_t source;

    Numbers(std::int64_t n_panels, std::int64_t n_computed, std::int64_t stride)
        : sums(n_computed * sums_stride + lanes), pixels((n_panels + 1) * lanes),
          source(Source::bytes(stride) / std::int64_t{sizeof(float)}) {}

    [[nodiscard]] std::int64_t all() const { return sums + pixels + source; }
  };

  /// Some panels that are computed together.
  struct Part {
    const Convolution &task;
    const Shape &shape;
    std::int64_t first_panel;
    std::int64_t n_panels;
    std::int64_t n_computed; // panels of positions
    std::int64_t begin;      // position of the first pixel
    std::int64_t stride;     // from one row of the band to the next
    std::int64_t depth;
    float *sums;
    float *pixels;
    float *source;
    Operand *band;

    Part(const Convolution &of, const Shape &its_shape, std::int64_t first, std::int64_t count,
         void *scratch)
        : task(of), shape(its_shape), first_panel(first), n_panels(count),
          n_computed(shape.computed(count)), begin(shape.position(first * lanes)),
          stride(shape.stride(n_computed)), depth(depth_of(task.n_channels)),
          sums(static_cast<float *>(scratch)) {
      const Numbers numbers(n_panels, n_computed, stride);
      pixels = sums + numbers.sums;
      source = pixels + numbers.pixels;
      band = reinterpret_cast<Operand *>(source + numbers.source);
    }
  };

  static void fill_band(const Part &part) {
    const Convolution &task = part.task;
    const std::int64_t length = part.n_computed * lanes + part.shape.most - part.shape.least;
    for (std::int64_t grid = 0; grid < part.shape.n_grids(); ++grid) {
      const Source source(part.shape, grid, part.begin + part.shape.least, length, task.in_stride,
                          part.source);
      Operand *rows = part.band + grid * terms * part.depth * part.stride * run;
      for (std::int64_t i = 0; i < source.n_pieces(); ++i) {
        const auto [to, from] = source.piece(i);
        fill_piece(part, task.in + from, rows + to * run);
      }
      for (std::int64_t row = 0; row < terms * part.depth; ++row) {
        Operand *of_row = rows + row * part.stride * run;
        for (std::int64_t i = 0; i < source.n_gaps(); ++i) {
          const auto [begin, end] = source.gap(i);
          std::memset(of_row + begin * run, 0,
                      static_cast<std::size_t>((end - begin) * run) * sizeof(Operand));
        }
      }
    }
  }

  /// All channels of a piece; behind the last come zeros.
  static void fill_piece(const Part &part, const float *from, Operand *to) {
    const std::int64_t n_channels = part.task.n_channels;
    const std::int64_t step = part.task.window.step;
    for (std::int64_t row = 0; row < part.depth; ++row) {
      constexpr std::size_t n = run;
      float picked[n][lanes] = {};
      const float *seen[n];
      for (std::size_t i = 0; i < n; ++i) {
        const std::int64_t channel = row * run + static_cast<std::int64_t>(i);
        const bool is_there = channel < n_channels;
        seen[i] = is_there && step == 1 ? from + channel * lanes : picked[i];
        if (is_there && step != 1) {
          pick(from + channel * lanes, step, picked[i]);
        }
      }
      if constexpr (is_float) {
        std::memcpy(to, seen[0], lanes * sizeof(float));
      } else {
        Product::store_pairs(to, part.depth * part.stride * run, seen[0], seen[n - 1]);
      }
      to += part.stride * run;
    }
  }

  static void pick(const float *from, std::int64_t step, float *to) {
    if (step == 2) { // as vectors
      for (std::int64_t i = 0; i < lanes / 2; ++i) {
        to[i] = from[2 * i];
      }
      return;
    }
    for (std::int64_t i = 0; i < lanes / step; ++i) {
      to[i] = from[i * step];
    }
  }

  /// Rows of weights, `row_block` at most, with all panels.
  static void multiply(const Part &part, std::int64_t first_row, std::int64_t n_rows) {
    const Window &window = part.task.window;
    const std::int64_t n_places = window.size * window.size;
    const std::int64_t row_stride = n_places * part.depth * run * terms; // of a row of weights
    const auto *weights = static_cast<const Operand *>(part.task.weights) + first_row * row_stride;
    const bool in_place = is_in_place(window);
    const std::int64_t places_at_once = part.depth >= depth_block ? 1 : depth_block / part.depth;
    for (std::int64_t place = 0; place < n_places; place += places_at_once) {
      const std::int64_t count = smaller(places_at_once, n_places - place);
      for (std::int64_t row = 0; row < part.depth; row += depth_block) {
        const std::int64_t depth = smaller(depth_block, part.depth - row);
        for (std::int64_t panel = 0; panel < part.n_computed; ++panel) {
          const Operand *places[largest_window * largest_window];
          for (std::int64_t i = 0; i < count; ++i) {
            places[i] = seen(part, place + i, row, panel, in_place);
          }
          const BandOperand<Operand> band{
              places,
              count,
              depth,
              (in_place ? lanes : part.stride) * run,
              part.depth * part.stride * run,
          };
          Product::multiply(weights + (place * part.depth + row) * group * run * terms,
                            group * row_stride, band, part.sums + panel * sums_stride,
                            padded(n_rows, group), place > 0 || row > 0);
        }
      }
    }
  }

  /// The first operand of a row of the band that a place of the window sees.
  static const Operand *seen(const Part &part, std::int64_t place, std::int64_t row,
                             std::int64_t panel, bool in_place) {
    if constexpr (is_float) {
      if (in_place) {
        return part.task.in + (part.first_panel + panel) * part.task.in_stride + row * lanes;
      }
    }
    const std::int64_t y = place / part.task.window.size;
    const std::int64_t x = place % part.task.window.size;
    return part.band + ((part.shape.grid(y, x) * terms * part.depth + row) * part.stride +
                        part.shape.offset(y, x) - part.shape.least + panel * lanes) *
                           run;
  }

  /// Sums of rows to the output's panels.
  static void finish(const Part &part, std::int64_t first_row, std::int64_t n_rows) {
    const Convolution &task = part.task;
    float *sums = part.sums;
    for (std::int64_t panel = 0; panel < part.n_computed; ++panel) {
      float *of_panel = sums + panel * sums_stride;
      for (std::int64_t row = 0; task.bias != nullptr && row < n_rows; ++row) {
        const float bias = task.bias[first_row + row];
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
          of_panel[row * lanes + lane] += bias;
        }
      }
      Activations<Product>::activate(of_panel, n_rows * lanes, task.activation);
    }
    const bool is_whole = part.shape.width == task.window.out_width; // positions are pixels
    for (std::int64_t row = 0; row < n_rows; ++row) {
      if (!is_whole) {
        drop_sides(part, sums + row * lanes);
      }
      for (std::int64_t panel = 0; panel < part.n_panels; ++panel) {
        const float *from =
            is_whole ? sums + panel * sums_stride + row * lanes : part.pixels + panel * lanes;
        const std::int64_t index = part.first_panel + panel;
        store(task, index, first_row + row, from);
      }
    }
  }

  static void store(const Convolution &task, std::int64_t panel, std::int64_t row,
                    const float *from) {
    float *out = task.out + panel * task.out_stride + row * lanes;
    if (task.residual == nullptr) {
      std::memcpy(out, from, lanes * sizeof(float));
      return;
    }
    const float *residual = task.residual + panel * task.residual_stride + row * lanes;
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      out[lane] = from[lane] + residual[lane];
    }
  }

  /// From the positions of one row of sums to pixels.
  static void drop_sides(const Part &part, const float *sums) {
    const std::int64_t width = part.task.window.out_width;
    const std::int64_t n_pixels = part.n_panels * lanes;
    std::int64_t x = part.first_panel * lanes % width;
    std::int64_t position = 0;
    for (std::int64_t pixel = 0; pixel < n_pixels;) {
      const std::int64_t in_row = width - x;
      const std::int64_t in_panel = lanes - position % lanes;
      const std::int64_t count = smaller(in_row, in_panel);
      // In this order a piece that is too long is overwritten by the next.
      std::memcpy(part.pixels + pixel, sums + position / lanes * sums_stride + position % lanes,
                  lanes * sizeof(float));
      pixel += count;
      position += count;
      x += count;
      if (x == width) {
        x = 0;
        position += part.shape.width - width;
      }
    }
  }

  static void convolve(const Convolution &task, std::int64_t first_panel, std::int64_t n_panels,
                       void *scratch) {
    const Shape shape(task.window);
    const std::int64_t at_once = panels(task.window, task.n_channels);
    Product::begin();
    for (std::int64_t done = 0; done < n_panels; done += at_once) {
      const std::int64_t first = first_panel + done;
      const std::int64_t count = smaller(at_once, n_panels - done);
      const Part part(task, shape, first, count, scratch);
      if (!is_in_place(task.window)) {
        fill_band(part);
      }
      for (std::int64_t row = 0; row < task.n_rows; row += row_block) {
        const std::int64_t n_rows = smaller(row_block, task.n_rows - row);
        multiply(part, row, n_rows);
        finish(part, row, n_rows);
      }
    }
    Product::end();
  }

  /// Row-major weights [n_rows][n_places][n_channels].
  static void pack(const float *rows, std::int64_t n_rows, std::int64_t n_places,
                   std::int64_t n_channels, void *packed) {
    auto *to = static_cast<Operand *>(packed);
    const std::int64_t n_padded = padded(n_channels, Product::step);
    for (std::int64_t row = 0; row < padded(n_rows, group); ++row) {
      for (std::int64_t place = 0; place < n_places; ++place) {
        for (std::int64_t channel = 0; channel < n_padded; ++channel) {
          const bool is_there = row < n_rows && channel < n_channels;
          const float value =
              is_there ? rows[(row * n_places + place) * n_channels + channel] : 0.0F;
          Product::store_weight(to + row / group * group * n_places * n_padded * terms, row % group,
                                place * n_padded + channel, value);
        }
      }
    }
  }

  static constexpr ConvolutionKernels table(const char *name) {
    return {name, weight_bytes, pack, scratch_bytes, panels, convolve};
  }
};

} // namespace ppocrvl::kernels
