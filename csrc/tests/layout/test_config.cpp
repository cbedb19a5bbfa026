// SPDX-License-Identifier: Apache-2.0
#include "layout/config.h"
#include "tests/check.h"
#include "tests/layout_file.h"

using namespace ppocrvl::tests;
using ppocrvl::ErrorKind;
using ppocrvl::layout::LayoutConfig;
using ppocrvl::layout::read_config;

TEST_CASE("layout config: sizes are those of the keys") {
  GgufBuilder file = tiny_layout();
  file.u32("ppdoclayout.image.width", 96);
  file.at("enc.pos_embd").shape = {4, 6};
  file.at("dec.anchors").shape = {4, 12 * 8 + 6 * 4 + 3 * 2};
  file.at("dec.anchors_valid").shape = {1, 12 * 8 + 6 * 4 + 3 * 2};
  const LayoutConfig config = read_config(read_bytes(file.bytes()));
  CHECK_EQUAL(config.version, 3);
  CHECK_EQUAL(config.width, 96);
  CHECK_EQUAL(config.height, 64);
  CHECK_EQUAL(config.n_anchors(), 12 * 8 + 6 * 4 + 3 * 2);
  CHECK_EQUAL(config.n_labels(), 2);
  CHECK_EQUAL(config.thresholds[1], 0.3F);
  CHECK_EQUAL(config.out_lengths[3], 8);
  CHECK(!config.has_masks && !config.is_mask_enhanced && !config.halves_pages &&
        !config.only_found_vote);
}

TEST_CASE("layout config: masks, halving and the order net are read where they are") {
  GgufBuilder file = tiny_layout_with_masks();
  file.boolean("ppdoclayout.image.halve", true);
  file.boolean("ppdoclayout.region.only_found_vote", true);
  const LayoutConfig masks = read_config(read_bytes(file.bytes()));
  CHECK(masks.has_masks && masks.is_mask_enhanced && masks.halves_pages && masks.only_found_vote);
  CHECK_EQUAL(masks.mask_lengths[1], 6);
  const LayoutConfig second = read_config(read_bytes(tiny_layout_v2().bytes()));
  CHECK_EQUAL(second.version, 2);
  CHECK(!second.has_masks);
  CHECK_EQUAL(second.order_net.coordinate_length, 3);
  CHECK_EQUAL(second.order_net.thresholds[1], 0.5F);
}

TEST_CASE("layout config: a file that does not pass the check is refused") {
  GgufBuilder file = tiny_layout();
  file.remove_tensor("dec.norm.bias");
  CHECK_THROWS_KIND(ErrorKind::model_format, read_config(read_bytes(file.bytes())));
  CHECK_THROWS_KIND(ErrorKind::model_mismatch, read_config(read_bytes(tiny_llm().bytes())));
}
