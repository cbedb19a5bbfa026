// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "schedule/request.h"
#include "vision/embeddings.h"
#include "vision/pixels.h"

#include <pybind11/numpy.h>

namespace ppocrvl::binding {

/// Copies a numpy array, uint8 [height, width, 3], C-contiguous. Anything else is ErrorKind::image.
RgbImage to_image(const pybind11::object &object);

/// float32, a copy.
pybind11::array_t<float> to_array(const Array &array);

/// float32 [tokens, width].
pybind11::array_t<float> to_array(const Embeddings &embeddings);

} // namespace ppocrvl::binding
