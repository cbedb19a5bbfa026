// SPDX-License-Identifier: Apache-2.0
#include "files/model_files.h"

#include "files/model_check.h"

namespace ppocrvl {

ModelFiles read_model_files(const std::string &llm, const std::string &mmproj) {
  ModelFiles files{read_gguf(llm), read_gguf(mmproj), {}};
  check_pair(files.llm, files.mmproj);
  files.info = describe_model(files.llm, files.mmproj);
  return files;
}

} // namespace ppocrvl
