#include "args.h"
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static napi_value js_fsopen(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "fsopen", .number = SYS_fsopen};
  c.path = take_text(&a, "type");
  c.arg[0] = (long)c.path;
  c.arg[1] = FSOPEN_CLOEXEC;
  return finish_fd(&a, &c);
}

static struct call fsconfig(struct args *a, unsigned command) {
  struct call c = {.name = "fsconfig", .number = SYS_fsconfig, .context = true};
  c.arg[0] = take_fd(a, "fs");
  c.arg[1] = command;
  return c;
}

static napi_value js_fsconfig_string(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = fsconfig(&a, FSCONFIG_SET_STRING);
  c.arg[2] = (long)take_text(&a, "key");
  c.path = take_text(&a, "value");
  c.arg[3] = (long)c.path;
  return finish_none(&a, &c);
}

static napi_value js_fsconfig_flag(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = fsconfig(&a, FSCONFIG_SET_FLAG);
  c.path = take_text(&a, "key");
  c.arg[2] = (long)c.path;
  return finish_none(&a, &c);
}

static napi_value js_fsconfig_fd(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = fsconfig(&a, FSCONFIG_SET_FD);
  c.path = take_text(&a, "key");
  c.arg[2] = (long)c.path;
  c.arg[4] = take_fd(&a, "fd");
  return finish_none(&a, &c);
}

static napi_value js_fsconfig_create(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = fsconfig(&a, FSCONFIG_CMD_CREATE);
  return finish_none(&a, &c);
}

static napi_value js_fsconfig_reconfigure(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = fsconfig(&a, FSCONFIG_CMD_RECONFIGURE);
  return finish_none(&a, &c);
}

static napi_value js_fsmount(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "fsmount", .number = SYS_fsmount, .context = true};
  c.arg[0] = take_fd(&a, "fs");
  c.arg[1] = FSMOUNT_CLOEXEC;
  c.arg[2] = take_u32(&a, "attributes");
  return finish_fd(&a, &c);
}

static napi_value js_fspick(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "fspick", .number = SYS_fspick};
  c.arg[0] = take_dirfd(&a, "dirfd");
  c.path = take_text(&a, "path");
  c.arg[1] = (long)c.path;
  c.arg[2] = take_u32(&a, "flags") | FSPICK_CLOEXEC;
  return finish_fd(&a, &c);
}

static napi_value js_open_tree(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "open_tree", .number = SYS_open_tree};
  c.arg[0] = take_dirfd(&a, "dirfd");
  c.path = take_text(&a, "path");
  c.arg[1] = (long)c.path;
  c.arg[2] = take_u32(&a, "flags") | OPEN_TREE_CLOEXEC;
  return finish_fd(&a, &c);
}

static napi_value js_move_mount(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "move_mount", .number = SYS_move_mount};
  c.arg[0] = take_dirfd(&a, "fromFd");
  c.arg[1] = (long)take_text(&a, "fromPath");
  c.arg[2] = take_dirfd(&a, "toFd");
  c.path = take_text(&a, "toPath");
  c.arg[3] = (long)c.path;
  c.arg[4] = take_u32(&a, "flags");
  return finish_none(&a, &c);
}

static napi_value js_mount_setattr(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "mount_setattr", .number = SYS_mount_setattr};
  struct mount_attr attr = {0};
  c.arg[0] = take_dirfd(&a, "dirfd");
  c.path = take_text(&a, "path");
  c.arg[1] = (long)c.path;
  c.arg[2] = take_u32(&a, "flags");
  attr.attr_set = take_u64(&a, "set");
  attr.attr_clr = take_u64(&a, "clear");
  attr.propagation = take_u64(&a, "propagation");
  c.arg[3] = (long)&attr;
  c.arg[4] = sizeof(attr);
  return finish_none(&a, &c);
}

/* The mount may not be in use yet: only a detached clone takes a mapping, and only once (mount_setattr(2)). */
static napi_value js_mount_idmap(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "mount_setattr", .number = SYS_mount_setattr, .path = ""};
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
  c.arg[0] = take_fd(&a, "mount");
  c.arg[1] = (long)c.path;
  c.arg[2] = AT_EMPTY_PATH;
  attr.userns_fd = (uint64_t)take_fd(&a, "userns");
  c.arg[3] = (long)&attr;
  c.arg[4] = sizeof(attr);
  return finish_none(&a, &c);
}

static napi_value js_mount(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "mount", .number = SYS_mount};
  c.arg[0] = (long)take_text_or_null(&a, "source");
  c.path = take_text(&a, "target");
  c.arg[1] = (long)c.path;
  c.arg[2] = (long)take_text_or_null(&a, "type");
  c.arg[3] = take_u32(&a, "flags");
  c.arg[4] = (long)take_text_or_null(&a, "data");
  return finish_none(&a, &c);
}

static napi_value js_umount2(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "umount2", .number = SYS_umount2};
  c.path = take_text(&a, "target");
  c.arg[0] = (long)c.path;
  c.arg[1] = take_u32(&a, "flags");
  return finish_none(&a, &c);
}

static napi_value js_openat2(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "openat2", .number = SYS_openat2};
  struct open_how how = {0};
  c.arg[0] = take_dirfd(&a, "dirfd");
  c.path = take_text(&a, "path");
  c.arg[1] = (long)c.path;
  how.flags = take_u32(&a, "flags") | O_CLOEXEC;
  how.mode = take_u32(&a, "mode");
  how.resolve = take_u32(&a, "resolve");
  c.arg[2] = (long)&how;
  c.arg[3] = sizeof(how);
  return finish_fd(&a, &c);
}

static napi_value js_mkdirat(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "mkdirat", .number = SYS_mkdirat};
  c.arg[0] = take_dirfd(&a, "dirfd");
  c.path = take_text(&a, "path");
  c.arg[1] = (long)c.path;
  c.arg[2] = take_u32(&a, "mode");
  return finish_none(&a, &c);
}

struct identity {
  struct statx reusable, unique;
};

/*
 * statx answers with one of the two ids, whichever was asked for. Both questions go to one O_PATH descriptor, or a mount that
 * arrives between them would give the first id of one mount and the second of another.
 */
static void identify(struct call *c) {
  struct identity *id = c->data;
  int dirfd = (int)c->arg[0], flags = (int)c->arg[2], fd = dirfd;
  bool opened = c->path[0] != 0 || (flags & AT_EMPTY_PATH) == 0;
  if (opened) fd = openat(dirfd, c->path, O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0));
  c->result = fd == -1 ? -1 : statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MNT_ID, &id->reusable);
  if (c->result == 0)
    c->result = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MNT_ID_UNIQUE, &id->unique);
  c->error = c->result < 0 ? errno : 0;
  if (opened && fd >= 0) close(fd);
}

static const char *type_of(unsigned mode) {
  return S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "dir" : S_ISLNK(mode) ? "link" : "other";
}

static napi_value js_statx_mount(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct identity id;
  struct call c = {.name = "statx", .make = identify, .data = &id};
  c.arg[0] = take_dirfd(&a, "dirfd");
  c.path = take_text(&a, "path");
  c.arg[2] = take_u32(&a, "flags");
  struct scratch *where = take_scratch(&a);
  napi_value result = NULL;
  if (!a.failed) {
    call_on(&c, where);
    if (c.error != 0) throw_call(env, &c);
    else if (napi_create_object(env, &result) == napi_ok) {
      set_number(env, result, "id", (double)id.reusable.stx_mnt_id);
      set_unique(env, result, id.unique.stx_mask & STATX_MNT_ID_UNIQUE ? id.unique.stx_mnt_id : 0);
      set_bool(env, result, "root", (id.reusable.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0);
      set_text(env, result, "type", type_of(id.reusable.stx_mode));
    }
  }
  args_free(&a);
  return result;
}

static napi_value js_close(napi_env env, napi_callback_info info) {
  struct args a = args_of(env, info);
  struct call c = {.name = "close", .number = SYS_close};
  c.arg[0] = take_fd(&a, "fd");
  return finish_none(&a, &c);
}

void export_mount(napi_env env, napi_value exports) {
  static const struct function table[] = {{"fsopen", js_fsopen},
                                          {"fsconfigString", js_fsconfig_string},
                                          {"fsconfigFlag", js_fsconfig_flag},
                                          {"fsconfigFd", js_fsconfig_fd},
                                          {"fsconfigCreate", js_fsconfig_create},
                                          {"fsconfigReconfigure", js_fsconfig_reconfigure},
                                          {"fsmount", js_fsmount},
                                          {"fspick", js_fspick},
                                          {"openTree", js_open_tree},
                                          {"moveMount", js_move_mount},
                                          {"mountSetattr", js_mount_setattr},
                                          {"mountIdmap", js_mount_idmap},
                                          {"mount", js_mount},
                                          {"umount2", js_umount2},
                                          {"openat2", js_openat2},
                                          {"mkdirat", js_mkdirat},
                                          {"statxMount", js_statx_mount},
                                          {"close", js_close}};
  EXPORT(env, exports, table);
}
