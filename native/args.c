#include "args.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Longest string that is handed to the kernel: mount(2) takes one page of options, a path is at most PATH_MAX. */
enum { TEXT_MAX = 64 * 1024 };

struct args args_of(napi_env env, napi_callback_info info) {
  struct args a = {.env = env};
  a.count = sizeof(a.value) / sizeof(a.value[0]);
  /* Node fills what was not passed with undefined. */
  if (napi_get_cb_info(env, info, &a.count, a.value, &a.self, NULL) != napi_ok) args_refuse(&a, "arguments", "readable");
  a.count = sizeof(a.value) / sizeof(a.value[0]);
  return a;
}

void args_free(struct args *a) {
  while (a->owns > 0) free(a->owned[--a->owns]);
}

void args_refuse(struct args *a, const char *what, const char *wanted) {
  if (a->failed) return;
  a->failed = true;
  char message[160];
  snprintf(message, sizeof(message), "%s must be %s", what, wanted);
  napi_throw_type_error(a->env, "ERR_INVALID_ARG_TYPE", message);
}

bool value_is(napi_env env, napi_value value, napi_valuetype type) {
  napi_valuetype actual;
  return value != NULL && napi_typeof(env, value, &actual) == napi_ok && actual == type;
}

bool value_int(napi_env env, napi_value value, int64_t low, int64_t high, int64_t *out) {
  double number;
  if (!value_is(env, value, napi_number) || napi_get_value_double(env, value, &number) != napi_ok) return false;
  if (!(number >= (double)low && number <= (double)high) || number != floor(number)) return false;
  *out = (int64_t)number;
  return true;
}

char *value_text(napi_env env, napi_value value) {
  size_t length;
  if (!value_is(env, value, napi_string)) return NULL;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok || length > TEXT_MAX) return NULL;
  char *text = malloc(length + 1);
  if (text == NULL) return NULL;
  size_t written;
  if (napi_get_value_string_utf8(env, value, text, length + 1, &written) != napi_ok || strlen(text) != length) {
    free(text);
    return NULL;
  }
  return text;
}

/* A path may be bytes: a name is not always UTF-8. */
static char *value_path(napi_env env, napi_value value) {
  napi_typedarray_type type;
  size_t length;
  void *data;
  bool typed = false;
  if (napi_is_typedarray(env, value, &typed) != napi_ok || !typed) return value_text(env, value);
  if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok || type != napi_uint8_array ||
      length == 0 || length > TEXT_MAX || memchr(data, 0, length) != NULL)
    return NULL;
  char *path = malloc(length + 1);
  if (path == NULL) return NULL;
  memcpy(path, data, length);
  path[length] = 0;
  return path;
}

napi_value take_any(struct args *a) {
  return !a->failed && a->next < a->count ? a->value[a->next++] : NULL;
}

static int64_t take_int(struct args *a, const char *what, const char *wanted, int64_t low, int64_t high) {
  int64_t number = 0;
  napi_value value = take_any(a);
  if (a->failed || value_int(a->env, value, low, high, &number)) return number;
  args_refuse(a, what, wanted);
  return 0;
}

int take_fd(struct args *a, const char *what) {
  return (int)take_int(a, what, "a file descriptor", 0, INT32_MAX);
}

int take_dirfd(struct args *a, const char *what) {
  napi_value value = a->next < a->count ? a->value[a->next] : NULL;
  int64_t number;
  if (!a->failed && value_int(a->env, value, AT_FDCWD, AT_FDCWD, &number)) {
    a->next++;
    return AT_FDCWD;
  }
  return take_fd(a, what);
}

uint32_t take_u32(struct args *a, const char *what) {
  return (uint32_t)take_int(a, what, "an integer of 32 bits", 0, UINT32_MAX);
}

uint64_t take_u64(struct args *a, const char *what) {
  napi_value value = take_any(a);
  uint64_t number = 0;
  bool lossless = false;
  if (a->failed) return 0;
  if (value_is(a->env, value, napi_bigint) &&
      napi_get_value_bigint_uint64(a->env, value, &number, &lossless) == napi_ok && lossless)
    return number;
  args_refuse(a, what, "a bigint of 64 bits");
  return 0;
}

bool take_bool(struct args *a, const char *what) {
  napi_value value = take_any(a);
  bool truth = false;
  if (a->failed) return false;
  if (value_is(a->env, value, napi_boolean) && napi_get_value_bool(a->env, value, &truth) == napi_ok) return truth;
  args_refuse(a, what, "a boolean");
  return false;
}

static const char *take(struct args *a, char *(*convert)(napi_env, napi_value), const char *what, const char *wanted) {
  napi_value value = take_any(a);
  if (a->failed) return NULL;
  char *text = a->owns < sizeof(a->owned) / sizeof(a->owned[0]) ? convert(a->env, value) : NULL;
  if (text == NULL) {
    args_refuse(a, what, wanted);
    return NULL;
  }
  a->owned[a->owns++] = text;
  return text;
}

const char *take_text(struct args *a, const char *what) {
  return take(a, value_text, what, "a string without NUL");
}

const char *take_path(struct args *a, const char *what) {
  return take(a, value_path, what, "a string or bytes without NUL");
}

const char *take_text_or_null(struct args *a, const char *what) {
  if (!a->failed && a->next < a->count && value_is(a->env, a->value[a->next], napi_null)) {
    a->next++;
    return NULL;
  }
  return take_text(a, what);
}

void set_number(napi_env env, napi_value object, const char *name, double value) {
  napi_value number;
  if (napi_create_double(env, value, &number) == napi_ok) napi_set_named_property(env, object, name, number);
}

void set_text(napi_env env, napi_value object, const char *name, const char *value) {
  napi_value text;
  if (napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &text) == napi_ok)
    napi_set_named_property(env, object, name, text);
}

void set_bool(napi_env env, napi_value object, const char *name, bool value) {
  napi_value truth;
  if (napi_get_boolean(env, value, &truth) == napi_ok) napi_set_named_property(env, object, name, truth);
}

void set_unique(napi_env env, napi_value object, uint64_t id) {
  char text[24];
  napi_value value;
  snprintf(text, sizeof(text), "%" PRIu64, id);
  napi_status status = id != 0 ? napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) : napi_get_null(env, &value);
  if (status == napi_ok) napi_set_named_property(env, object, "unique", value);
}

void throw_sys(napi_env env, const char *name, int error, const char *path, const char *kernel, int64_t index) {
  const char *code = strerrorname_np(error);
  char number[16];
  if (code == NULL) {
    snprintf(number, sizeof(number), "E%d", error);
    code = number;
  }
  bool located = path != NULL && path[0] != 0, told = kernel != NULL && kernel[0] != 0;
  char message[1024];
  snprintf(message, sizeof(message), "%s%s%.400s: %s%s%.400s", name, located ? " " : "", located ? path : "", code,
           told ? ": " : "", told ? kernel : "");
  napi_value text, tag, thrown;
  if (napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text) != napi_ok ||
      napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &tag) != napi_ok ||
      napi_create_error(env, tag, text, &thrown) != napi_ok)
    return;
  set_text(env, thrown, "call", name);
  set_number(env, thrown, "errno", error);
  if (located) set_text(env, thrown, "path", path);
  if (told) set_text(env, thrown, "kernel", kernel);
  if (index >= 0) set_number(env, thrown, "index", (double)index);
  napi_throw(env, thrown);
}

/* A wrong descriptor may be any open file: reading that would eat somebody's bytes, or block. */
static bool is_context(int fd) {
  char link[32], name[32];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, name, sizeof(name));
  static const char context[] = "anon_inode:[fscontext]";
  return length == sizeof(context) - 1 && memcmp(name, context, sizeof(context) - 1) == 0;
}

/* One read gives one message, `e what is wrong`, and ENODATA ends them (fscontext_read in fs/fsopen.c). */
static void read_log(int context, char *log, size_t size) {
  char line[4096];
  size_t used = 0;
  log[0] = 0;
  if (!is_context(context)) return;
  for (;;) {
    ssize_t length = read(context, line, sizeof(line) - 1);
    if (length <= 0) return;
    line[length] = 0;
    line[strcspn(line, "\n")] = 0;
    const char *text = line[0] != 0 && line[1] == ' ' ? line + 2 : line;
    int wrote = snprintf(log + used, size - used, "%s%s", used > 0 ? "; " : "", text);
    if (wrote < 0 || (size_t)wrote >= size - used) return;
    used += (size_t)wrote;
  }
}

void throw_call(napi_env env, const struct call *c) {
  char log[4096] = "";
  if (c->context) read_log((int)c->arg[0], log, sizeof(log));
  throw_sys(env, c->name, c->error, c->path, log, -1);
}

static bool made(struct args *a, struct call *c) {
  struct scratch *where = take_scratch(a);
  if (!a->failed) {
    call_on(c, where);
    if (c->error != 0) throw_call(a->env, c);
  }
  args_free(a);
  return !a->failed && c->error == 0;
}

napi_value finish_fd(struct args *a, struct call *c) {
  napi_value fd = NULL;
  if (made(a, c) && napi_create_int32(a->env, (int32_t)c->result, &fd) != napi_ok) close((int)c->result);
  return fd;
}

napi_value finish_none(struct args *a, struct call *c) {
  made(a, c);
  return NULL;
}

void export_functions(napi_env env, napi_value exports, const struct function *functions, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].callback, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, functions[i].name, function) != napi_ok)
      napi_throw_error(env, NULL, functions[i].name);
  }
}
