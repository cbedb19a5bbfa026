// SPDX-License-Identifier: Apache-2.0
//
// A plugin of qemu's user mode that counts the instructions that a program executes: `total N`, and
// the functions with the most, on stderr. Counts of threads that compute at once may be lost.
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The part of qemu's interface that is used (version 1 of it). Debian has no header of it.
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { add_u64 = 0 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*translated)(qemu_plugin_id_t,
                                                              struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation,
                                              void *counter, uint64_t operand);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *instruction);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*ended)(qemu_plugin_id_t, void *),
                                    void *data);
int qemu_plugin_version = 1;

enum { most_functions = 20000, shown = 12, name_bytes = 120 };

struct function {
  char name[name_bytes];
  uint64_t count;
};

static struct function *functions[most_functions];
static int n_functions;

static struct function *function_of(const char *name) {
  for (int i = 0; i < n_functions; ++i) {
    if (strncmp(functions[i]->name, name, name_bytes - 1) == 0) {
      return functions[i];
    }
  }
  if (n_functions == most_functions) {
    return functions[0];
  }
  struct function *added = calloc(1, sizeof *added);
  if (added == NULL) {
    abort();
  }
  strncpy(added->name, name, name_bytes - 1);
  functions[n_functions++] = added;
  return added;
}

// Called under a lock of qemu's.
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  (void)id;
  const char *name = qemu_plugin_insn_symbol(qemu_plugin_tb_get_insn(block, 0));
  struct function *function = function_of(name == NULL ? "without a name" : name);
  qemu_plugin_register_vcpu_tb_exec_inline(block, add_u64, &function->count,
                                           qemu_plugin_tb_n_insns(block));
}

static int by_count(const void *a, const void *b) {
  const uint64_t first = (*(struct function *const *)a)->count;
  const uint64_t second = (*(struct function *const *)b)->count;
  return (first < second) - (first > second);
}

static void ended(qemu_plugin_id_t id, void *data) {
  (void)id;
  (void)data;
  uint64_t total = 0;
  for (int i = 0; i < n_functions; ++i) {
    total += functions[i]->count;
  }
  qsort(functions, (size_t)n_functions, sizeof *functions, by_count);
  fprintf(stderr, "total %" PRIu64 "\n", total);
  for (int i = 0; i < n_functions && i < shown; ++i) {
    fprintf(stderr, "%16" PRIu64 "  %s\n", functions[i]->count, functions[i]->name);
  }
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int n_arguments, char **arguments);
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int n_arguments, char **arguments) {
  (void)info;
  (void)n_arguments;
  (void)arguments;
  function_of("without a name");
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, ended, NULL);
  return 0;
}
