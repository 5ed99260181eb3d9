#include "union.h"

#include <errno.h>

struct in in_of(napi_env env, napi_callback_info info) {
  struct in in = {.env = env};
  size_t count = sizeof(in.value) / sizeof(in.value[0]);
  napi_get_cb_info(env, info, &count, in.value, NULL, NULL);
  return in;
}

napi_value in_value(struct in *in) {
  return in->next < sizeof(in->value) / sizeof(in->value[0]) ? in->value[in->next++] : NULL;
}

/* What is no number reads as -1: no descriptor, and no flags that any call takes. */
int64_t in_int(struct in *in) {
  double number = -1;
  napi_get_value_double(in->env, in_value(in), &number);
  return number >= -9e18 && number <= 9e18 ? (int64_t)number : -1;
}

/* Too long for a name is too long for the call as well: it is cut where the call says ENAMETOOLONG. */
const char *in_text(struct in *in, text out) {
  size_t size = 0;
  out[0] = 0;
  napi_get_value_string_latin1(in->env, in_value(in), out, sizeof(text), &size);
  return out;
}

napi_value out_int(napi_env env, int64_t number) {
  napi_value value = NULL;
  napi_create_int64(env, number, &value);
  return value;
}

napi_value out_result(napi_env env, int64_t result) {
  return out_int(env, result < 0 ? -errno : result);
}

napi_value out_bytes(napi_env env, const char *bytes, size_t size) {
  napi_value value = NULL;
  napi_create_string_latin1(env, bytes, size, &value);
  return value;
}

void export_functions(napi_env env, napi_value exports, const struct function *functions, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].callback, NULL, &function) == napi_ok)
      napi_set_named_property(env, exports, functions[i].name, function);
  }
}
