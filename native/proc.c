#include "args.h"
#include "kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct held {
  int pid;
  const char *what;
  uint32_t mount;
  uint64_t unique; /* 0: the kernel has none */
  uint64_t inode;
  bool writing;
  char *path;
};

struct walk {
  uint32_t *ids;
  uint32_t count;
  struct held *list;
  size_t length, room;
  int error;
};

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/*
 * The mount a magic link leads to, or 0. The same number as fdinfo's mnt_id, at a third of the price; DONT_SYNC and a mask
 * without file attributes, or a dead NFS or FUSE server would hang the walk.
 */
static uint32_t mount_of(int dir, const char *link, const struct walk *walk) {
  struct statx st;
  if (statx(dir, link, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) < 0) return 0;
  uint32_t id = (uint32_t)st.stx_mnt_id;
  return bsearch(&id, walk->ids, walk->count, sizeof(id), by_value) != NULL ? id : 0;
}

/* Its number comes with the inode that the kernel holds, whatever the mask says: nobody is asked. */
static struct statx identity_of(int dir, const char *link) {
  struct statx st = {0};
  if (statx(dir, link, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_MNT_ID_UNIQUE, &st) < 0) return (struct statx){0};
  if ((st.stx_mask & STATX_MNT_ID_UNIQUE) == 0) st.stx_mnt_id = 0;
  return st;
}

static void note(struct walk *walk, int pid, const char *what, uint32_t mount, bool writing, int dir, const char *link) {
  char path[PATH_MAX];
  struct statx found = identity_of(dir, link);
  ssize_t length = readlinkat(dir, link, path, sizeof(path));
  if (length < 0) return;
  /* A library is mapped in four or five pieces, in a row. */
  const struct held *last = walk->length > 0 ? &walk->list[walk->length - 1] : NULL;
  if (last != NULL && last->pid == pid && last->what == what && last->mount == mount && last->writing == writing &&
      last->inode == found.stx_ino && strcmp(what, "map") == 0 && strlen(last->path) == (size_t)length && memcmp(last->path, path, (size_t)length) == 0)
    return;
  if (walk->length == walk->room) {
    size_t room = walk->room == 0 ? 64 : walk->room * 2;
    struct held *grown = realloc(walk->list, room * sizeof(*grown));
    if (grown == NULL) {
      walk->error = ENOMEM;
      return;
    }
    walk->list = grown;
    walk->room = room;
  }
  char *copy = strndup(path, (size_t)length);
  if (copy == NULL) walk->error = ENOMEM;
  else
    walk->list[walk->length++] =
        (struct held){.pid = pid,
                      .what = what,
                      .mount = mount,
                      .unique = found.stx_mnt_id,
                      .inode = found.stx_ino,
                      .writing = writing,
                      .path = copy};
}

/* The links of fd/ and map_files/ have the owner's write bit when the file was opened for writing (fs/proc/fd.c, base.c). */
static bool opened_for_writing(int dir, const char *link) {
  struct stat st;
  return fstatat(dir, link, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IWUSR) != 0;
}

static void walk_links(struct walk *walk, int pid, int process, const char *folder, const char *what) {
  int fd = openat(process, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  DIR *dir = fdopendir(fd);
  if (dir == NULL) {
    close(fd);
    return;
  }
  for (struct dirent *entry; walk->error == 0 && (entry = readdir(dir)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    uint32_t mount = mount_of(fd, entry->d_name, walk);
    if (mount != 0) note(walk, pid, what, mount, opened_for_writing(fd, entry->d_name), fd, entry->d_name);
  }
  closedir(dir);
}

static void walk_process(struct walk *walk, int proc, const char *name) {
  static const char *const links[] = {"cwd", "root", "exe"};
  int pid = atoi(name);
  int process = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (process < 0) return; /* gone since it was listed */
  for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
    uint32_t mount = mount_of(process, links[i], walk);
    if (mount != 0) note(walk, pid, links[i], mount, false, process, links[i]);
  }
  walk_links(walk, pid, process, "fd", "fd");
  walk_links(walk, pid, process, "map_files", "map");
  close(process);
}

static void walk_proc(struct walk *walk) {
  DIR *dir = opendir("/proc");
  if (dir == NULL) {
    walk->error = errno;
    return;
  }
  for (struct dirent *entry; walk->error == 0 && (entry = readdir(dir)) != NULL;) {
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') walk_process(walk, dirfd(dir), entry->d_name);
  }
  closedir(dir);
}

static bool decode_ids(struct args *a, struct walk *walk) {
  napi_value array = take_any(a), item;
  bool is_array = false;
  int64_t id = 0;
  if (array != NULL && napi_is_array(a->env, array, &is_array) == napi_ok && is_array)
    napi_get_array_length(a->env, array, &walk->count);
  if (!is_array || walk->count > 1u << 20 || (walk->ids = calloc((size_t)walk->count + 1, sizeof(uint32_t))) == NULL) {
    args_refuse(a, "mounts", "an array of mount ids");
    return false;
  }
  for (uint32_t i = 0; i < walk->count; i++) {
    if (napi_get_element(a->env, array, i, &item) != napi_ok || !value_int(a->env, item, 1, UINT32_MAX, &id)) {
      args_refuse(a, "mount", "a mount id");
      return false;
    }
    walk->ids[i] = (uint32_t)id;
  }
  qsort(walk->ids, walk->count, sizeof(uint32_t), by_value);
  return true;
}

static napi_value listed(napi_env env, const struct walk *walk) {
  napi_value list;
  if (napi_create_array_with_length(env, walk->length, &list) != napi_ok) return NULL;
  for (size_t i = 0; i < walk->length; i++) {
    const struct held *held = &walk->list[i];
    napi_handle_scope scope;
    napi_value object;
    if (napi_open_handle_scope(env, &scope) != napi_ok) break;
    if (napi_create_object(env, &object) == napi_ok) {
      set_number(env, object, "pid", held->pid);
      set_text(env, object, "what", held->what);
      set_number(env, object, "mount", held->mount);
      set_unique(env, object, held->unique);
      char inode[24];
      snprintf(inode, sizeof(inode), "%" PRIu64, held->inode);
      set_text(env, object, "inode", inode);
      set_bool(env, object, "writing", held->writing);
      set_text(env, object, "path", held->path);
      napi_set_element(env, list, (uint32_t)i, object);
    }
    napi_close_handle_scope(env, scope);
  }
  return list;
}

static napi_value held_by(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct walk walk = {0};
  napi_value result = NULL;
  if (decode_ids(&a, &walk)) {
    if (walk.count > 0) walk_proc(&walk);
    if (walk.error != 0) throw_sys(env, "heldBy", walk.error, "/proc", NULL, -1);
    else result = listed(env, &walk);
  }
  for (size_t i = 0; i < walk.length; i++) free(walk.list[i].path);
  free(walk.list);
  free(walk.ids);
  args_free(&a);
  return result;
}

void export_proc(napi_env env, napi_value exports) {
  static const struct function table[] = {{"heldBy", held_by}};
  EXPORT(env, exports, table);
}
