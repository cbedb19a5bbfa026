// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a process: after `refuse_threads(n)`, the n-th call of pthread_create from then on
// fails, counted from 0, and no other; a negative n refuses none.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

static atomic_int before_refusal = -1;

void refuse_threads(int n) { before_refusal = n; }

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                   void *argument) {
  int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
      dlsym(RTLD_NEXT, "pthread_create");
  if (before_refusal >= 0 && atomic_fetch_sub(&before_refusal, 1) == 0) {
    return EAGAIN;
  }
  return create(thread, attributes, function, argument);
}
