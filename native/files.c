#include "args.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static napi_value truth(napi_env env, bool value) {
  napi_value result = NULL;
  napi_get_boolean(env, value, &result);
  return result;
}

static napi_value flock_try(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  int fd = take_fd(&a, "fd");
  bool exclusive = take_bool(&a, "exclusive");
  if (a.failed) return NULL;
  if (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) return truth(env, true);
  if (errno == EWOULDBLOCK) return truth(env, false);
  throw_sys(env, "flock", errno, NULL, NULL, -1);
  return NULL;
}

static napi_value funlock(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "flock", .number = SYS_flock};
  c.arg[0] = take_fd(&a, "fd");
  c.arg[1] = LOCK_UN;
  return finish_none(&a, &c);
}

/*
 * A read lease is refused with EAGAIN while any process has the inode open for writing. A writer that opens the file while we hold
 * the lease has the kernel signal us: SIGIO by default, which would end the process, so it is told to use one that nobody minds.
 */
static napi_value unwritten(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  int fd = take_fd(&a, "fd");
  if (a.failed) return NULL;
  if (fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) == 0 && fcntl(fd, F_SETLEASE, F_UNLCK) == 0)
    return truth(env, true);
  if (errno == EAGAIN) return truth(env, false);
  throw_sys(env, "fcntl", errno, NULL, NULL, -1);
  return NULL;
}

static napi_value js_fsync(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "fsync", .number = SYS_fsync};
  c.arg[0] = take_fd(&a, "fd");
  return finish_none(&a, &c);
}

static napi_value js_syncfs(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "syncfs", .number = SYS_syncfs};
  c.arg[0] = take_fd(&a, "fd");
  return finish_none(&a, &c);
}

static napi_value membarrier_global(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "membarrier", .number = SYS_membarrier, .arg = {MEMBARRIER_CMD_GLOBAL}};
  a.next = a.count; /* takes no arguments, and no scratch */
  return finish_none(&a, &c);
}

static napi_value js_lsetxattr(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  const char *path = take_path(&a, "path"), *name = take_text(&a, "name");
  napi_value value = take_any(&a);
  napi_typedarray_type type;
  size_t length = 0;
  void *data = NULL;
  bool typed = false;
  if (!a.failed && (napi_is_typedarray(env, value, &typed) != napi_ok || !typed ||
                    napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok ||
                    type != napi_uint8_array))
    args_refuse(&a, "value", "a Uint8Array");
  if (!a.failed && lsetxattr(path, name, data != NULL ? data : "", length, 0) < 0)
    throw_sys(env, "lsetxattr", errno, path, NULL, -1);
  args_free(&a);
  return NULL;
}

/* `name` NULL lists the names. Grows until it fits: the value may change between asking for its size and reading it. */
static ssize_t read_xattr(const char *path, const char *name, char **out) {
  for (;;) {
    ssize_t size = name != NULL ? lgetxattr(path, name, NULL, 0) : llistxattr(path, NULL, 0);
    if (size < 0) return -1;
    *out = malloc((size_t)size + 1);
    if (*out == NULL) {
      errno = ENOMEM;
      return -1;
    }
    if (size == 0) return 0;
    ssize_t length = name != NULL ? lgetxattr(path, name, *out, (size_t)size) : llistxattr(path, *out, (size_t)size);
    if (length >= 0) return length;
    int error = errno;
    free(*out);
    *out = NULL;
    errno = error;
    if (error != ERANGE) return -1;
  }
}

static napi_value js_lgetxattr(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  const char *path = take_path(&a, "path"), *name = take_text(&a, "name");
  napi_value result = NULL;
  if (!a.failed) {
    char *data = NULL;
    ssize_t length = read_xattr(path, name, &data);
    if (length < 0) throw_sys(env, "lgetxattr", errno, path, NULL, -1);
    else napi_create_buffer_copy(env, (size_t)length, data, NULL, &result);
    free(data);
  }
  args_free(&a);
  return result;
}

static napi_value js_llistxattr(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  const char *path = take_path(&a, "path");
  napi_value result = NULL;
  if (!a.failed) {
    char *data = NULL;
    ssize_t length = read_xattr(path, NULL, &data);
    if (length < 0) throw_sys(env, "llistxattr", errno, path, NULL, -1);
    else if (napi_create_array(env, &result) == napi_ok) {
      uint32_t index = 0;
      for (char *name = data; name < data + length; name += strlen(name) + 1) {
        napi_value text;
        if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &text) == napi_ok)
          napi_set_element(env, result, index++, text);
      }
    }
    free(data);
  }
  args_free(&a);
  return result;
}

static napi_value js_mknod(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "mknodat", .number = SYS_mknodat, .arg = {AT_FDCWD}};
  c.path = take_path(&a, "path");
  c.arg[1] = (long)c.path;
  c.arg[2] = take_u32(&a, "mode");
  uint32_t major = take_u32(&a, "major"), minor = take_u32(&a, "minor");
  c.arg[3] = (long)makedev(major, minor);
  return finish_none(&a, &c);
}

void export_files(napi_env env, napi_value exports) {
  static const struct function table[] = {{"flockTry", flock_try},
                                          {"funlock", funlock},
                                          {"unwritten", unwritten},
                                          {"fsync", js_fsync},
                                          {"syncfs", js_syncfs},
                                          {"membarrierGlobal", membarrier_global},
                                          {"lsetxattr", js_lsetxattr},
                                          {"llistxattr", js_llistxattr},
                                          {"lgetxattr", js_lgetxattr},
                                          {"mknod", js_mknod}};
  EXPORT(env, exports, table);
}
