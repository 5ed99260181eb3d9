#include "args.h"
#include "kernel.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * A thread in a mount namespace of its own. The kernel keeps the namespace for as long as the thread lives, and ends it
 * with everything mounted there when the thread or the process goes, killed or not.
 */
struct scratch {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t turned;
  enum { STARTING, IDLE, CALLED, CLOSING } state;
  struct call *call;
  const char *failed; /* the call that kept it from starting */
  int error;
  bool open;
};

static const napi_type_tag scratch_tag = {0x6e616e6f6c696e2dULL, 0x736372617463682eULL};

static void make(struct call *c) {
  if (c->make != NULL) {
    c->make(c);
    return;
  }
  c->result = syscall(c->number, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
  c->error = c->result < 0 ? errno : 0;
}

static void *serve(void *data) {
  struct scratch *s = data;
  /* CLONE_NEWNS implies CLONE_FS: the thread's working directory is its own from here on. */
  if (unshare(CLONE_NEWNS) < 0) {
    s->failed = "unshare";
    s->error = errno;
  } else if (syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
    s->failed = "mount";
    s->error = errno;
  }
  pthread_mutex_lock(&s->lock);
  s->state = IDLE;
  pthread_cond_broadcast(&s->turned);
  while (s->failed == NULL) {
    while (s->state == IDLE) pthread_cond_wait(&s->turned, &s->lock);
    if (s->state == CLOSING) break;
    make(s->call);
    s->state = IDLE;
    pthread_cond_broadcast(&s->turned);
  }
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

void call_on(struct call *c, struct scratch *where) {
  if (where == NULL) {
    make(c);
    return;
  }
  pthread_mutex_lock(&where->lock);
  where->call = c;
  where->state = CALLED;
  pthread_cond_broadcast(&where->turned);
  while (where->state == CALLED) pthread_cond_wait(&where->turned, &where->lock);
  pthread_mutex_unlock(&where->lock);
}

static void stop(struct scratch *s) {
  if (!s->open) return;
  s->open = false;
  pthread_mutex_lock(&s->lock);
  s->state = CLOSING;
  pthread_cond_broadcast(&s->turned);
  pthread_mutex_unlock(&s->lock);
  pthread_join(s->thread, NULL);
}

static void discard(struct scratch *s) {
  stop(s);
  pthread_cond_destroy(&s->turned);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  discard(data);
}

/* Signals are for the threads of node, which know what to do with them. */
static int start(struct scratch *s) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&s->thread, NULL, serve, s);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error != 0) return error;
  s->open = true;
  pthread_mutex_lock(&s->lock);
  while (s->state == STARTING) pthread_cond_wait(&s->turned, &s->lock);
  pthread_mutex_unlock(&s->lock);
  return s->error;
}

static napi_value scratch_open(napi_env env, napi_callback_info info) {
  (void)info;
  struct scratch *s = calloc(1, sizeof(*s));
  if (s == NULL) {
    throw_sys(env, "malloc", ENOMEM, NULL, NULL, -1);
    return NULL;
  }
  s->state = STARTING;
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->turned, NULL);
  int error = start(s);
  napi_value object = NULL;
  if (error != 0) {
    throw_sys(env, s->failed != NULL ? s->failed : "pthread_create", error, NULL, NULL, -1);
    discard(s);
    return NULL;
  }
  if (napi_create_object(env, &object) != napi_ok || napi_type_tag_object(env, object, &scratch_tag) != napi_ok ||
      napi_wrap(env, object, s, finalize, NULL, NULL) != napi_ok) {
    discard(s);
    return NULL;
  }
  return object;
}

/* NULL when the value is not a scratch; a closed one is still one. */
static struct scratch *scratch_of(napi_env env, napi_value value) {
  bool ours = false;
  void *data = NULL;
  if (!value_is(env, value, napi_object) ||
      napi_check_object_type_tag(env, value, &scratch_tag, &ours) != napi_ok || !ours ||
      napi_unwrap(env, value, &data) != napi_ok)
    return NULL;
  return data;
}

struct scratch *take_scratch(struct args *a) {
  napi_value value = take_any(a);
  if (a->failed || value == NULL || value_is(a->env, value, napi_undefined)) return NULL;
  struct scratch *s = scratch_of(a->env, value);
  if (s == NULL || !s->open) args_refuse(a, "scratch", "an open scratch namespace");
  return s;
}

static napi_value scratch_close(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct scratch *s = scratch_of(env, take_any(&a));
  if (s == NULL) args_refuse(&a, "scratch", "a scratch namespace");
  else stop(s);
  return NULL;
}

/* Only on a scratch's thread: the working directory of the process is not ours to change. */
static napi_value scratch_fchdir(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "fchdir", .number = SYS_fchdir};
  c.arg[0] = take_fd(&a, "fd");
  if (!a.failed && scratch_of(env, a.value[a.next]) == NULL) args_refuse(&a, "scratch", "an open scratch namespace");
  return finish_none(&a, &c);
}

void export_scratch(napi_env env, napi_value exports) {
  static const struct function table[] = {
      {"scratchOpen", scratch_open}, {"scratchClose", scratch_close}, {"fchdir", scratch_fchdir}};
  EXPORT(env, exports, table);
}
