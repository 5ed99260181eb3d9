/*
 * The file calls of the union, each on a descriptor and one name below it, or on the descriptor itself when the name is empty. No path
 * is ever built: neither a symlink in a layer nor the length of a path can lead elsewhere. Each returns its result or -errno.
 */
#include "union.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

struct stat seen;

/* For calls without an `at` form, and for those that do not take O_PATH descriptors. It is not followed further than the name. */
static const char *by_proc(int fd, const char *name, char out[4160]) {
  snprintf(out, 4160, name[0] != 0 ? "/proc/self/fd/%d/%s" : "/proc/self/fd/%d", fd, name);
  return out;
}

/* stat(fd, name, system) */
static napi_value js_stat(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  int fd = (int)in_int(&in);
  in_text(&in, name);
  int64_t system = in_int(&in);
  if (fstatat(fd, name, &seen, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0) return out_result(env, -1);
  share_seen(unique_inode(seen.st_ino, system));
  return out_int(env, 0);
}

/* open(fd, name, flags, mode): never through a symlink. */
static napi_value js_open(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  char path[4160];
  int fd = (int)in_int(&in);
  in_text(&in, name);
  int flags = (int)in_int(&in);
  mode_t mode = (mode_t)in_int(&in);
  int opened = name[0] != 0 ? openat(fd, name, flags | O_NOFOLLOW | O_CLOEXEC, mode)
                            : open(by_proc(fd, "", path), flags | O_CLOEXEC, mode);
  return out_result(env, opened);
}

/* openPath(path, flags): a layer's root, as the user named it. */
static napi_value js_open_path(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text path;
  in_text(&in, path);
  return out_result(env, open(path, (int)in_int(&in) | O_CLOEXEC));
}

static napi_value js_close(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  return out_result(env, close((int)in_int(&in)));
}

/* swap(from, to): whoever uses `to` goes on with what `from` has open, in the middle of anything. Closes `from`. */
static napi_value js_swap(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  int from = (int)in_int(&in), to = (int)in_int(&in);
  int result = dup3(from, to, O_CLOEXEC);
  if (result >= 0) close(from);
  return out_result(env, result);
}

static napi_value js_mkdir(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  int fd = (int)in_int(&in);
  in_text(&in, name);
  return out_result(env, mkdirat(fd, name, (mode_t)in_int(&in)));
}

static napi_value js_mknod(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  int fd = (int)in_int(&in);
  in_text(&in, name);
  mode_t mode = (mode_t)in_int(&in);
  return out_result(env, mknodat(fd, name, mode, (dev_t)in_int(&in)));
}

static napi_value js_symlink(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text target, name;
  in_text(&in, target);
  int fd = (int)in_int(&in);
  return out_result(env, symlinkat(target, fd, in_text(&in, name)));
}

static napi_value js_link(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name, new_name;
  char path[4160];
  int fd = (int)in_int(&in);
  in_text(&in, name);
  int new_fd = (int)in_int(&in);
  in_text(&in, new_name);
  return out_result(env, name[0] != 0 ? linkat(fd, name, new_fd, new_name, 0)
                                      : linkat(AT_FDCWD, by_proc(fd, "", path), new_fd, new_name, AT_SYMLINK_FOLLOW));
}

static napi_value js_unlink(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  int fd = (int)in_int(&in);
  in_text(&in, name);
  return out_result(env, unlinkat(fd, name, (int)in_int(&in)));
}

static napi_value js_rename(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name, new_name;
  int fd = (int)in_int(&in);
  in_text(&in, name);
  int new_fd = (int)in_int(&in);
  in_text(&in, new_name);
  return out_result(env, renameat2(fd, name, new_fd, new_name, (unsigned)in_int(&in)));
}

/* Of what is no symlink: fchmodat follows them. */
static napi_value js_chmod(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  char path[4160];
  int fd = (int)in_int(&in);
  in_text(&in, name);
  mode_t mode = (mode_t)in_int(&in);
  return out_result(env, name[0] != 0 ? fchmodat(fd, name, mode, 0) : chmod(by_proc(fd, "", path), mode));
}

static napi_value js_chown(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  int fd = (int)in_int(&in);
  in_text(&in, name);
  uid_t uid = (uid_t)in_int(&in);
  gid_t gid = (gid_t)in_int(&in);
  return out_result(env, fchownat(fd, name, uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH));
}

/* utimens(fd, name, seconds, nanoseconds, seconds, nanoseconds): access, then change of data. */
static napi_value js_utimens(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  char path[4160];
  int fd = (int)in_int(&in);
  in_text(&in, name);
  struct timespec times[2];
  for (int i = 0; i < 2; i++) {
    times[i].tv_sec = in_int(&in);
    times[i].tv_nsec = in_int(&in);
  }
  return out_result(env, name[0] != 0 ? utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW)
                                      : utimensat(AT_FDCWD, by_proc(fd, "", path), times, 0));
}

/* The times of the last `stat` to another file, exactly. */
static napi_value js_utimens_seen(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  int fd = (int)in_int(&in);
  in_text(&in, name);
  const struct timespec times[2] = {seen.st_atim, seen.st_mtim};
  return out_result(env, utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW));
}

static napi_value js_truncate(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  char path[4160];
  int fd = (int)in_int(&in);
  in_text(&in, name);
  return out_result(env, truncate(by_proc(fd, name, path), in_int(&in)));
}

static napi_value js_readlink(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name, target;
  int fd = (int)in_int(&in);
  in_text(&in, name);
  ssize_t size = readlinkat(fd, name, target, sizeof(target));
  return size < 0 ? out_result(env, -1) : out_bytes(env, target, (size_t)size);
}

/* JavaScript's thread alone comes here. */
static char large[XATTR_MAX];

static napi_value js_getxattr(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name, attribute;
  char path[4160];
  int fd = (int)in_int(&in);
  in_text(&in, name);
  ssize_t size = (name[0] != 0 ? lgetxattr : getxattr)(by_proc(fd, name, path), in_text(&in, attribute), large,
                                                       sizeof(large));
  return size < 0 ? out_result(env, -1) : out_bytes(env, large, (size_t)size);
}

/* The names, a NUL after each. */
static napi_value js_listxattr(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  char path[4160];
  int fd = (int)in_int(&in);
  in_text(&in, name);
  ssize_t size = (name[0] != 0 ? llistxattr : listxattr)(by_proc(fd, name, path), large, sizeof(large));
  return size < 0 ? out_result(env, -1) : out_bytes(env, large, (size_t)size);
}

/* setxattr(fd, name, attribute, value, flags) */
static napi_value js_setxattr(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name, attribute;
  char path[4160];
  int fd = (int)in_int(&in);
  in_text(&in, name);
  in_text(&in, attribute);
  napi_value value = in_value(&in);
  int flags = (int)in_int(&in);
  size_t size = 0;
  napi_get_value_string_latin1(env, value, NULL, 0, &size);
  char *bytes = malloc(size + 1);
  if (bytes == NULL) return out_int(env, -ENOMEM);
  napi_get_value_string_latin1(env, value, bytes, size + 1, &size);
  int result = (name[0] != 0 ? lsetxattr : setxattr)(by_proc(fd, name, path), attribute, bytes, size, flags);
  napi_value out = out_result(env, result);
  free(bytes);
  return out;
}

static napi_value js_removexattr(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name, attribute;
  char path[4160];
  int fd = (int)in_int(&in);
  in_text(&in, name);
  in_text(&in, attribute);
  return out_result(env, (name[0] != 0 ? lremovexattr : removexattr)(by_proc(fd, name, path), attribute));
}

static napi_value js_fsync(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  return out_result(env, fsync((int)in_int(&in)));
}

static napi_value js_umask(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  return out_result(env, umask((mode_t)in_int(&in)));
}

enum { PIECE = 16 << 20 };

static ssize_t copy_part(int from, int to, off_t at, size_t size) {
  static _Thread_local char buffer[XATTR_MAX];
  if (size > PIECE) size = PIECE;
  off_t in_at = at, out_at = at;
  ssize_t done = copy_file_range(from, &in_at, to, &out_at, size, 0);
  /* 0 before the end: some file systems say so for what they cannot do (copy_file_range(2), BUGS). */
  if (done > 0 || (done < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)) return done;
  ssize_t got = pread(from, buffer, size < sizeof(buffer) ? size : sizeof(buffer), at);
  return got > 0 ? pwrite(to, buffer, (size_t)got, at) : got;
}

/* The data between the holes, and the size; 0 or -errno. */
static int copy_data(int from, int to) {
  struct stat st;
  if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0) return -errno;
  for (off_t at = 0; at < st.st_size;) {
    off_t start = lseek(from, at, SEEK_DATA);
    if (start < 0 && errno == ENXIO) break;
    off_t end = start < 0 ? st.st_size : lseek(from, start, SEEK_HOLE);
    if (start < 0) start = at;
    if (end < 0) end = st.st_size;
    for (at = start; at < end;) {
      ssize_t done = copy_part(from, to, at, (size_t)(end - at));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return -errno;
      if (done == 0) return 0; /* it was shortened meanwhile */
      at += done;
    }
  }
  return 0;
}

static napi_value js_copy(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  int from = (int)in_int(&in);
  return out_int(env, copy_data(from, (int)in_int(&in)));
}

/*
 * What takes long, or may not be answered, is a worker's, and the requests that need it wait (jobs.c): the data of a file, and what else a copy
 * has to have.
 */
struct fetch {
  struct job job;
  int place, to, result;
  uint32_t task;
  bool sync;
  char *name;
  char *found; /* name, NUL, size, bytes, of each attribute; the name of a link's target is empty */
  size_t size;
  struct fetch *next;
};
static struct fetch *fetched; /* done, and not asked for yet */

static int put_found(struct fetch *fetch, const char *name, const char *bytes, size_t size) {
  size_t length = strlen(name) + 1;
  uint32_t count = (uint32_t)size;
  char *more = realloc(fetch->found, fetch->size + length + sizeof(count) + size);
  if (more == NULL) return -ENOMEM;
  memcpy(more + fetch->size, name, length);
  memcpy(more + fetch->size + length, &count, sizeof(count));
  memcpy(more + fetch->size + length + sizeof(count), bytes, size);
  fetch->found = more;
  fetch->size += length + sizeof(count) + size;
  return 0;
}

/* A layer without attributes has none. */
static int fetch_attributes(struct fetch *fetch, const char *path, bool follow, char *names, char *value) {
  ssize_t size = (follow ? listxattr : llistxattr)(path, names, XATTR_MAX);
  if (size < 0) return errno == EOPNOTSUPP ? 0 : -errno;
  int result = 0;
  for (const char *name = names; result == 0 && name < names + size; name += strlen(name) + 1) {
    ssize_t length = (follow ? getxattr : lgetxattr)(path, name, value, XATTR_MAX);
    if (length >= 0) result = put_found(fetch, name, value, (size_t)length);
    else if (errno != ENODATA && errno != EOPNOTSUPP) result = -errno;
  }
  return result;
}

static int fetch_all(struct fetch *fetch) {
  char path[4160], target[4096];
  bool itself = fetch->name[0] == 0;
  by_proc(fetch->place, fetch->name, path);
  if (fetch->to >= 0) {
    int flags = O_RDONLY | O_CLOEXEC | (itself ? 0 : O_NOFOLLOW);
    int from = open(path, flags | O_NOATIME);
    if (from < 0 && errno == EPERM) from = open(path, flags);
    if (from < 0) return -errno;
    int result = copy_data(from, fetch->to);
    close(from);
    if (result < 0) return result;
    if (fetch->sync && fsync(fetch->to) < 0) return -errno;
  } else {
    ssize_t length = readlink(path, target, sizeof(target));
    if (length >= 0 && put_found(fetch, "", target, (size_t)length) < 0) return -ENOMEM;
  }
  char *room = malloc(2 * XATTR_MAX);
  if (room == NULL) return -ENOMEM;
  int result = fetch_attributes(fetch, path, itself, room, room + XATTR_MAX);
  free(room);
  return result;
}

static void run_fetch(struct job *job) {
  struct fetch *fetch = (struct fetch *)job;
  fetch->result = fetch_all(fetch);
  close(fetch->place);
}

static void finish_fetch(struct job *job) {
  struct fetch *fetch = (struct fetch *)job;
  fetch->next = fetched;
  fetched = fetch;
  task_done(fetch->task);
}

/* fetchLater(fd, name, to, sync, slow): the task. The data goes to `to`, where that is a descriptor. */
static napi_value js_fetch_later(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  struct fetch *fetch = calloc(1, sizeof(*fetch));
  if (fetch == NULL) return out_int(env, -ENOMEM);
  *fetch = (struct fetch){.job = {.run = run_fetch, .finish = finish_fetch}, .task = task_new()};
  fetch->place = fcntl((int)in_int(&in), F_DUPFD_CLOEXEC, 0);
  fetch->name = strdup(in_text(&in, name));
  fetch->to = (int)in_int(&in);
  fetch->sync = in_int(&in) > 0;
  fetch->job.slow = in_int(&in) > 0;
  if (fetch->place < 0 || fetch->name == NULL) {
    free(fetch->name);
    free(fetch);
    return out_result(env, -1);
  }
  job_start(&fetch->job);
  return out_int(env, fetch->task);
}

static napi_value attributes_of(napi_env env, const struct fetch *fetch) {
  napi_value list;
  uint32_t count = 0;
  napi_create_array(env, &list);
  for (const char *at = fetch->found, *end = fetch->found + fetch->size; at < end;) {
    uint32_t size;
    napi_set_element(env, list, count++, out_bytes(env, at, NAPI_AUTO_LENGTH));
    at += strlen(at) + 1;
    memcpy(&size, at, sizeof(size));
    at += sizeof(size);
    napi_set_element(env, list, count++, out_bytes(env, at, size));
    at += size;
  }
  return list;
}

/* fetched(task): names and values in turn of one that is done, once, or -errno; 1 while it is not. */
static napi_value js_fetched(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  uint32_t task = (uint32_t)in_int(&in);
  for (struct fetch **at = &fetched; *at != NULL; at = &(*at)->next) {
    struct fetch *fetch = *at;
    if (fetch->task != task) continue;
    napi_value result = fetch->result < 0 ? out_int(env, fetch->result) : attributes_of(env, fetch);
    *at = fetch->next;
    free(fetch->found);
    free(fetch->name);
    free(fetch);
    return result;
  }
  return out_int(env, 1);
}

static napi_value js_lseek(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  int fd = (int)in_int(&in);
  off_t offset = (off_t)in_int(&in);
  return out_result(env, lseek(fd, offset, (int)in_int(&in)));
}

/* list(fd, system): {names, types, inodes} of a directory, . and .. left out. */
static napi_value js_list(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  int fd = openat((int)in_int(&in), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int64_t system = in_int(&in);
  DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
  if (directory == NULL) {
    napi_value failed = out_result(env, -1);
    if (fd >= 0) close(fd);
    return failed;
  }
  size_t count = 0, room = 0;
  uint8_t *types = NULL;
  uint64_t *inodes = NULL;
  napi_value names, result = NULL;
  int error = 0;
  napi_create_array(env, &names);
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(directory);
    if (entry == NULL) {
      error = errno;
      break;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (count == room) {
      room = room > 0 ? 2 * room : 64;
      uint8_t *more_types = realloc(types, room);
      if (more_types != NULL) types = more_types;
      uint64_t *more_inodes = realloc(inodes, room * sizeof(uint64_t));
      if (more_inodes != NULL) inodes = more_inodes;
      if (more_types == NULL || more_inodes == NULL) {
        error = ENOMEM;
        break;
      }
    }
    types[count] = entry->d_type;
    inodes[count] = unique_inode(entry->d_ino, system);
    napi_set_element(env, names, (uint32_t)count++, out_bytes(env, entry->d_name, NAPI_AUTO_LENGTH));
  }
  closedir(directory);
  if (error != 0) result = out_int(env, -error);
  else {
    napi_value type_bytes, inode_bytes, type_array, inode_array;
    void *data;
    napi_create_object(env, &result);
    napi_create_arraybuffer(env, count, &data, &type_bytes);
    if (count > 0) memcpy(data, types, count);
    napi_create_arraybuffer(env, count * sizeof(uint64_t), &data, &inode_bytes);
    if (count > 0) memcpy(data, inodes, count * sizeof(uint64_t));
    napi_create_typedarray(env, napi_uint8_array, count, type_bytes, 0, &type_array);
    napi_create_typedarray(env, napi_biguint64_array, count, inode_bytes, 0, &inode_array);
    napi_set_named_property(env, result, "names", names);
    napi_set_named_property(env, result, "types", type_array);
    napi_set_named_property(env, result, "inodes", inode_array);
  }
  free(types);
  free(inodes);
  return result;
}

void export_files(napi_env env, napi_value exports) {
  static const struct function table[] = {
      {"stat", js_stat},           {"open", js_open},           {"openPath", js_open_path},
      {"close", js_close},         {"swap", js_swap},           {"mkdir", js_mkdir},
      {"mknod", js_mknod},         {"symlink", js_symlink},     {"link", js_link},
      {"unlink", js_unlink},       {"rename", js_rename},       {"chmod", js_chmod},
      {"chown", js_chown},         {"utimens", js_utimens},     {"utimensSeen", js_utimens_seen},
      {"truncate", js_truncate},   {"readlink", js_readlink},   {"getxattr", js_getxattr},
      {"listxattr", js_listxattr}, {"setxattr", js_setxattr},   {"removexattr", js_removexattr},
      {"fsync", js_fsync},         {"umask", js_umask},         {"copy", js_copy},
      {"fetchLater", js_fetch_later}, {"fetched", js_fetched}, {"lseek", js_lseek},
      {"list", js_list}};
  EXPORT(env, exports, table);
}
