#include "args.h"
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* More targets than anybody has; it bounds what is decoded before the first call. */
enum { STEPS_MAX = 4096 };

struct step {
  enum { BENEATH, ONTO, DETACH } what;
  int fd;
  char *target;
  uint64_t expect;
  bool unique;
  uint64_t done; /* nanoseconds */
};

struct steps {
  struct step *list;
  uint32_t count;
  uint64_t began;
};

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The mount that a look-up of the target ends on, with its type, is the one that umount2 takes off. */
static int verify(const struct step *step) {
  struct statx st;
  unsigned mask = step->unique ? STATX_MNT_ID_UNIQUE : STATX_MNT_ID;
  if (statx(AT_FDCWD, step->target, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, mask, &st) < 0) return errno;
  bool same = (st.stx_mask & mask) != 0 && st.stx_mnt_id == step->expect;
  return same && (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0 ? 0 : ESTALE;
}

static int carry_out(const struct step *step, const char **call) {
  if (step->what == DETACH) {
    *call = "statx";
    int error = verify(step);
    if (error != 0) return error;
    *call = "umount2";
    return syscall(SYS_umount2, step->target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? errno : 0;
  }
  *call = "move_mount";
  unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (step->what == BENEATH ? MOVE_MOUNT_BENEATH : 0);
  return syscall(SYS_move_mount, step->fd, "", AT_FDCWD, step->target, flags) < 0 ? errno : 0;
}

static bool text_of(napi_env env, napi_value object, const char *name, char **out) {
  napi_value value;
  return napi_get_named_property(env, object, name, &value) == napi_ok && (*out = value_text(env, value)) != NULL;
}

static bool decode_expect(napi_env env, napi_value object, struct step *step) {
  napi_value expect, unique, id;
  int64_t number;
  if (napi_get_named_property(env, object, "expect", &expect) != napi_ok || !value_is(env, expect, napi_object) ||
      napi_get_named_property(env, expect, "unique", &unique) != napi_ok ||
      napi_get_named_property(env, expect, "id", &id) != napi_ok)
    return false;
  step->unique = !value_is(env, unique, napi_null);
  if (!step->unique) {
    if (!value_int(env, id, 1, UINT32_MAX, &number)) return false;
    step->expect = (uint64_t)number;
    return true;
  }
  char *text = value_text(env, unique), *end = NULL;
  bool sound = text != NULL && text[0] >= '0' && text[0] <= '9';
  if (sound) {
    errno = 0;
    step->expect = strtoull(text, &end, 10);
    sound = errno == 0 && *end == 0;
  }
  free(text);
  return sound;
}

static bool decode_step(napi_env env, napi_value object, struct step *step) {
  char *what = NULL;
  if (!value_is(env, object, napi_object) || !text_of(env, object, "do", &what)) return false;
  bool beneath = strcmp(what, "beneath") == 0, onto = strcmp(what, "onto") == 0, detach = strcmp(what, "detach") == 0;
  free(what);
  step->what = beneath ? BENEATH : onto ? ONTO : DETACH;
  if ((!beneath && !onto && !detach) || !text_of(env, object, "target", &step->target)) return false;
  if (detach) return decode_expect(env, object, step);
  napi_value fd;
  int64_t number;
  if (napi_get_named_property(env, object, "fd", &fd) != napi_ok || !value_int(env, fd, 0, INT32_MAX, &number)) return false;
  step->fd = (int)number;
  return true;
}

/* A getter on a step may run JavaScript, and may throw: then that exception is the one to show. */
static bool decode(struct args *a, struct steps *steps) {
  napi_value array = take_any(a);
  bool is_array = false, pending = false;
  if (array == NULL || napi_is_array(a->env, array, &is_array) != napi_ok || !is_array ||
      napi_get_array_length(a->env, array, &steps->count) != napi_ok || steps->count > STEPS_MAX) {
    steps->count = 0;
    args_refuse(a, "steps", "an array of at most 4096 steps");
    return false;
  }
  steps->list = calloc(steps->count + 1, sizeof(*steps->list));
  if (steps->list == NULL) {
    steps->count = 0;
    throw_sys(a->env, "malloc", ENOMEM, NULL, NULL, -1);
    return false;
  }
  for (uint32_t i = 0; i < steps->count; i++) {
    napi_value step;
    if (napi_get_element(a->env, array, i, &step) == napi_ok && decode_step(a->env, step, &steps->list[i])) continue;
    napi_is_exception_pending(a->env, &pending);
    if (!pending) args_refuse(a, "step", "{do: beneath|onto, fd, target} or {do: detach, target, expect}");
    return false;
  }
  return true;
}

static napi_value times(napi_env env, const struct steps *steps) {
  napi_value list, time;
  if (napi_create_array_with_length(env, steps->count + 1, &list) != napi_ok) return NULL;
  for (uint32_t i = 0; i <= steps->count; i++) {
    if (napi_create_bigint_uint64(env, i == 0 ? steps->began : steps->list[i - 1].done, &time) == napi_ok)
      napi_set_element(env, list, i, time);
  }
  return list;
}

static napi_value run_loop(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct steps steps = {0};
  napi_value result = NULL;
  if (decode(&a, &steps)) {
    const char *call = "";
    int error = 0;
    uint32_t i = 0;
    steps.began = now();
    for (; i < steps.count; i++) {
      error = carry_out(&steps.list[i], &call);
      if (error != 0) break;
      steps.list[i].done = now();
    }
    if (error != 0) throw_sys(env, call, error, steps.list[i].target, NULL, i);
    else result = times(env, &steps);
  }
  for (uint32_t i = 0; i < steps.count; i++) free(steps.list[i].target);
  free(steps.list);
  args_free(&a);
  return result;
}

void export_swap(napi_env env, napi_value exports) {
  static const struct function table[] = {{"runLoop", run_loop}};
  EXPORT(env, exports, table);
}
