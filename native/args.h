#ifndef NANOLIN_ARGS_H
#define NANOLIN_ARGS_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scratch;

/*
 * The arguments of one call from JavaScript, taken in order. The first that does not fit throws a TypeError and sets
 * `failed`; every take after it returns zero, so that a wrapper checks once, before it acts. `args_free` ends it.
 */
struct args {
  napi_env env;
  napi_value self;
  napi_value value[10];
  size_t count, next;
  bool failed;
  void *owned[4];
  size_t owns;
};

struct args args_of(napi_env env, napi_callback_info info);
void args_free(struct args *a);
void args_refuse(struct args *a, const char *what, const char *wanted);

napi_value take_any(struct args *a);
int take_fd(struct args *a, const char *what);
/* AT_FDCWD is allowed here. */
int take_dirfd(struct args *a, const char *what);
uint32_t take_u32(struct args *a, const char *what);
uint64_t take_u64(struct args *a, const char *what);
bool take_bool(struct args *a, const char *what);
/* Lives until args_free; a string with a NUL in it is refused, the kernel would read a shorter one. */
const char *take_text(struct args *a, const char *what);
/* As take_text, or the bytes of a name that is not UTF-8. */
const char *take_path(struct args *a, const char *what);
const char *take_text_or_null(struct args *a, const char *what);
/* NULL when it is absent. */
struct scratch *take_scratch(struct args *a);

/* Conversions that the takes are made of, for values inside arrays and objects. */
bool value_is(napi_env env, napi_value value, napi_valuetype type);
bool value_int(napi_env env, napi_value value, int64_t low, int64_t high, int64_t *out);
/* malloc'ed; NULL when it is not a string, holds a NUL or is longer than a page of path could be. */
char *value_text(napi_env env, napi_value value);

/* One system call, decoded: what the scratch thread and the main thread both can make. */
struct call {
  const char *name;
  const char *path; /* for the error; may be NULL */
  long number;
  long arg[6];
  bool context; /* arg[0] is a file system context: read its log when the call fails */
  void (*make)(struct call *); /* in place of the plain system call; sets result and error */
  void *data;
  long result;
  int error;
};

/* Makes the call on the scratch's thread, or on this one when there is none. */
void call_on(struct call *c, struct scratch *where);

/* Takes the optional scratch, makes the call, frees the arguments; throws or returns the result. */
napi_value finish_fd(struct args *a, struct call *c);
napi_value finish_none(struct args *a, struct call *c);

/* Throws a SysError. `index` below zero leaves the property out. */
void throw_sys(napi_env env, const char *name, int error, const char *path, const char *kernel, int64_t index);
void throw_call(napi_env env, const struct call *c);

void set_number(napi_env env, napi_value object, const char *name, double value);
void set_text(napi_env env, napi_value object, const char *name, const char *value);
void set_bool(napi_env env, napi_value object, const char *name, bool value);
/* The property `unique` of a mount, as decimal digits: it does not fit a double for good. Null for 0. */
void set_unique(napi_env env, napi_value object, uint64_t id);

struct function {
  const char *name;
  napi_callback callback;
};
void export_functions(napi_env env, napi_value exports, const struct function *functions, size_t count);

#define EXPORT(env, exports, table) export_functions(env, exports, table, sizeof(table) / sizeof((table)[0]))

void export_scratch(napi_env env, napi_value exports);
void export_mount(napi_env env, napi_value exports);
void export_swap(napi_env env, napi_value exports);
void export_loopdev(napi_env env, napi_value exports);
void export_proc(napi_env env, napi_value exports);
void export_files(napi_env env, napi_value exports);

#endif
