/* What TypeScript decides: a request becomes one call of its handler, and the handler's result one reply. */
#include "table.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct shared shared;

static napi_env environment;
static napi_ref handler;
static napi_threadsafe_function start;

void share_seen(uint64_t inode) {
  shared.inode = inode;
  double *n = shared.number;
  n[STAT_MODE] = seen.st_mode;
  n[STAT_NLINK] = (double)seen.st_nlink;
  n[STAT_UID] = seen.st_uid;
  n[STAT_GID] = seen.st_gid;
  n[STAT_RDEV] = (double)seen.st_rdev;
  n[STAT_SIZE] = (double)seen.st_size;
  n[STAT_DEV] = (double)seen.st_dev;
}

struct fuse_attr seen_attributes(void) {
  const double *n = shared.number;
  return (struct fuse_attr){.ino = shared.inode,
                            .size = (uint64_t)seen.st_size,
                            .blocks = (uint64_t)seen.st_blocks,
                            .atime = (uint64_t)seen.st_atim.tv_sec,
                            .mtime = (uint64_t)seen.st_mtim.tv_sec,
                            .ctime = (uint64_t)seen.st_ctim.tv_sec,
                            .atimensec = (uint32_t)seen.st_atim.tv_nsec,
                            .mtimensec = (uint32_t)seen.st_mtim.tv_nsec,
                            .ctimensec = (uint32_t)seen.st_ctim.tv_nsec,
                            .mode = seen.st_mode,
                            .nlink = (uint32_t)n[STAT_NLINK],
                            .uid = seen.st_uid,
                            .gid = seen.st_gid,
                            .rdev = (uint32_t)seen.st_rdev,
                            .blksize = (uint32_t)seen.st_blksize};
}

/* The generation is the entry's whoever answers: the kernel takes another one for another object, and the old inode for a bad one. */
static struct fuse_entry_out entry(void) {
  uint64_t valid = (uint64_t)shared.number[LIFETIME], node = (uint64_t)shared.number[NODE];
  return (struct fuse_entry_out){.nodeid = node,
                                 .generation = node >= LOWER_NODE ? entry_at((uint32_t)(node - LOWER_NODE))->generation : 0,
                                 .entry_valid = valid,
                                 .attr_valid = valid,
                                 .attr = seen_attributes()};
}

static struct fuse_open_out opened(void) {
  return (struct fuse_open_out){.fh = (uint64_t)shared.number[HANDLE],
                                .open_flags = (uint32_t)shared.number[OPEN_FLAGS]};
}

static void reply_attributes(const struct fuse_in_header *in) {
  struct fuse_attr_out out = {.attr_valid = (uint64_t)shared.number[LIFETIME], .attr = seen_attributes()};
  reply_data(in, &out, sizeof(out));
}

void reply_entry_of(const struct fuse_in_header *in, const struct fuse_attr *attr, uint64_t node, uint64_t generation) {
  uint64_t valid = (uint64_t)shared.number[LIFETIME];
  struct fuse_entry_out out = {
      .nodeid = node, .generation = generation, .entry_valid = valid, .attr_valid = valid, .attr = *attr};
  reply_data(in, &out, sizeof(out));
}

static void reply_entry(const struct fuse_in_header *in) {
  struct fuse_entry_out out = entry();
  reply_data(in, &out, sizeof(out));
}

/* Node 0: there is no such name, and the kernel may remember that. */
void reply_absent(const struct fuse_in_header *in) {
  struct fuse_entry_out out = {.entry_valid = (uint64_t)shared.number[LIFETIME]};
  reply_data(in, &out, sizeof(out));
}

static void reply_open(const struct fuse_in_header *in) {
  struct fuse_open_out out = opened();
  reply_data(in, &out, sizeof(out));
}

void reply_offset(const struct fuse_in_header *in, int64_t offset) {
  struct fuse_lseek_out out = {.offset = (uint64_t)offset};
  reply_data(in, &out, sizeof(out));
}

static void reply_create(const struct fuse_in_header *in) {
  struct {
    struct fuse_entry_out entry;
    struct fuse_open_out open;
  } out = {entry(), opened()};
  reply_data(in, &out, sizeof(out));
}

/* The bytes of a symlink or an xattr; `limit` is what the caller has room for, 0 asks for the size alone. */
static void reply_bytes(const struct fuse_in_header *in, napi_env env, napi_value value, const uint32_t *limit) {
  size_t size = 0;
  napi_get_value_string_latin1(env, value, NULL, 0, &size);
  if (limit != NULL && *limit == 0) {
    struct fuse_getxattr_out out = {.size = (uint32_t)size};
    return reply_data(in, &out, sizeof(out));
  }
  if (limit != NULL && size > *limit) return reply_error(in, ERANGE);
  char *bytes = malloc(size + 1);
  if (bytes == NULL) return reply_error(in, ENOMEM);
  napi_get_value_string_latin1(env, value, bytes, size + 1, &size);
  reply_data(in, bytes, size);
  free(bytes);
}

static void numbers(const struct fuse_in_header *in, size_t count, const double *arguments) {
  double *n = shared.number;
  n[UID] = in->uid;
  n[GID] = in->gid;
  n[PID] = in->pid;
  memcpy(n + ARGUMENT, arguments, count * sizeof(double));
}
#define NUMBERS(...) numbers(in, sizeof((double[]){__VA_ARGS__}) / sizeof(double), (double[]){__VA_ARGS__})

/* Fixed structure, then names that end in a NUL each. */
struct parsed {
  const char *first, *second;
  size_t second_size; /* of a value that may hold NULs; 0 for a name */
  bool whole;
};

#define STRUCT(type, name) \
  struct type name; \
  if (size < sizeof(name)) return parsed; \
  memcpy(&name, p, sizeof(name)); \
  p += sizeof(name)

static struct parsed parse(const struct fuse_in_header *in, const char *p, size_t size) {
  struct parsed parsed = {0};
  const char *end = p + size;
  switch (in->opcode) {
    case FUSE_SETATTR: {
      STRUCT(fuse_setattr_in, set);
      NUMBERS(set.valid, (double)set.size, (double)(int64_t)set.atime, set.atimensec, (double)(int64_t)set.mtime,
              set.mtimensec, set.mode, set.uid, set.gid, (double)set.fh);
      break;
    }
    case FUSE_MKNOD: {
      STRUCT(fuse_mknod_in, make);
      NUMBERS(make.mode, make.rdev);
      shared.number[UMASK] = make.umask;
      break;
    }
    case FUSE_MKDIR: {
      STRUCT(fuse_mkdir_in, make);
      NUMBERS(make.mode);
      shared.number[UMASK] = make.umask;
      break;
    }
    case FUSE_RENAME: {
      STRUCT(fuse_rename_in, move);
      NUMBERS((double)move.newdir, 0);
      break;
    }
    case FUSE_RENAME2: {
      STRUCT(fuse_rename2_in, move);
      NUMBERS((double)move.newdir, move.flags);
      break;
    }
    case FUSE_LINK: {
      STRUCT(fuse_link_in, link);
      NUMBERS((double)link.oldnodeid);
      break;
    }
    case FUSE_OPEN: {
      STRUCT(fuse_open_in, open);
      NUMBERS(open.flags, open.open_flags);
      break;
    }
    case FUSE_CREATE:
    case FUSE_TMPFILE: {
      STRUCT(fuse_create_in, create);
      NUMBERS(create.mode, create.flags, create.open_flags);
      shared.number[UMASK] = create.umask;
      break;
    }
    case FUSE_RELEASE: {
      STRUCT(fuse_release_in, release);
      NUMBERS((double)release.fh);
      break;
    }
    case FUSE_LSEEK: {
      STRUCT(fuse_lseek_in, seek);
      NUMBERS((double)seek.fh, (double)(int64_t)seek.offset, seek.whence);
      break;
    }
    case FUSE_READDIR:
    case FUSE_READDIRPLUS: {
      STRUCT(fuse_read_in, read);
      NUMBERS((double)read.fh);
      break;
    }
    case FUSE_FORGET: {
      STRUCT(fuse_forget_in, forget);
      NUMBERS((double)forget.nlookup);
      break;
    }
    case FUSE_SETXATTR: {
      STRUCT(fuse_setxattr_in, set);
      NUMBERS(set.flags, set.setxattr_flags);
      parsed.second_size = set.size;
      break;
    }
    case FUSE_GETXATTR:
    case FUSE_LISTXATTR: {
      STRUCT(fuse_getxattr_in, get);
      NUMBERS(get.size);
      break;
    }
    /* Its flags and handle decide nothing: attributes are the node's. */
    case FUSE_GETATTR:
    case FUSE_FSYNCDIR:
      p = end;
      NUMBERS(0);
      break;
    default: NUMBERS(0); break;
  }
  if (p < end) {
    parsed.first = p;
    p += strlen(p) + 1;
  }
  if (p < end || parsed.second_size > 0) parsed.second = p;
  if (parsed.second_size > 0 && (p > end || parsed.second_size > (size_t)(end - p))) return parsed;
  parsed.whole = true;
  return parsed;
}

/* handler(opcode, node, first, second): below zero is an errno, a string is the reply's bytes. */
static napi_value call(napi_env env, napi_value function, const struct fuse_in_header *in, const struct parsed *parsed) {
  napi_value argv[4] = {out_int(env, in->opcode), out_int(env, (int64_t)in->nodeid)}, result = NULL, global = NULL;
  size_t count = 2;
  if (parsed->first != NULL) argv[count++] = out_bytes(env, parsed->first, NAPI_AUTO_LENGTH);
  if (parsed->second != NULL)
    argv[count++] = out_bytes(env, parsed->second, parsed->second_size > 0 ? parsed->second_size : NAPI_AUTO_LENGTH);
  else if (in->opcode == FUSE_SETXATTR) argv[count++] = out_bytes(env, "", 0);
  napi_get_global(env, &global);
  if (napi_make_callback(env, NULL, global, function, count, argv, &result) == napi_ok) return result;
  /* The handler catches everything; what comes here is its own failure, and the process must live. */
  napi_value error;
  napi_get_and_clear_last_exception(env, &error);
  return out_int(env, -EIO);
}

static void reply(const struct fuse_in_header *in, const char *payload, size_t size, napi_env env, napi_value result) {
  napi_valuetype type = napi_undefined;
  int64_t number = -EIO;
  napi_typeof(env, result, &type);
  if (type == napi_string) {
    bool limited = in->opcode == FUSE_GETXATTR || in->opcode == FUSE_LISTXATTR;
    return reply_bytes(in, env, result, limited ? (const uint32_t *)payload : NULL);
  }
  if (type == napi_number) napi_get_value_int64(env, result, &number);
  if (number == PARKED) return task_wait((uint32_t)shared.number[TASK], in, payload, size);
  if (number == -ENOENT && in->opcode == FUSE_LOOKUP) return reply_absent(in);
  if (number < 0) return reply_error(in, (int)-number);
  if (number >= (int64_t)LOWER_NODE && in->opcode == FUSE_LOOKUP) {
    const struct entry *entry = entry_at((uint32_t)(number - (int64_t)LOWER_NODE));
    const struct fuse_attr attr = attr_of(entry);
    return reply_entry_of(in, &attr, (uint64_t)number, entry->generation);
  }
  switch (in->opcode) {
    case FUSE_LOOKUP:
    case FUSE_SYMLINK:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_LINK: return reply_entry(in);
    case FUSE_GETATTR:
    case FUSE_SETATTR: return reply_attributes(in);
    case FUSE_OPEN: return reply_open(in);
    case FUSE_LSEEK: return reply_offset(in, number);
    case FUSE_CREATE:
    case FUSE_TMPFILE: return reply_create(in);
    case FUSE_READDIR:
    case FUSE_READDIRPLUS: return listing_reply(in, (const struct fuse_read_in *)payload);
    default: return reply_error(in, 0);
  }
}

void decide(const struct fuse_in_header *in, const char *payload, size_t size) {
  napi_env env = environment;
  napi_handle_scope scope;
  napi_value function = NULL;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return reply_error(in, ENOMEM);
  napi_get_reference_value(env, handler, &function);
  struct parsed parsed = parse(in, payload, size);
  bool silent = in->opcode == 0 || in->opcode == FUSE_INIT || in->opcode == FUSE_FORGET;
  napi_value result = parsed.whole ? call(env, function, in, &parsed) : out_int(env, -EINVAL);
  if (!silent) reply(in, payload, size, env, result);
  napi_close_handle_scope(env, scope);
}

void decide_forget(uint64_t node, uint64_t count) {
  const struct fuse_in_header in = {.opcode = FUSE_FORGET, .nodeid = node};
  const struct fuse_forget_in forget = {.nlookup = count};
  decide(&in, (const char *)&forget, sizeof(forget));
}

int64_t decide_compile(uint32_t entry) {
  napi_env env = environment;
  napi_handle_scope scope;
  napi_value function = NULL;
  int64_t number = -EIO;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return -ENOMEM;
  napi_get_reference_value(env, handler, &function);
  const struct fuse_in_header in = {.opcode = COMPILE, .nodeid = entry};
  const struct parsed none = {0};
  napi_get_value_int64(env, call(env, function, &in, &none), &number);
  napi_close_handle_scope(env, scope);
  return number;
}

void call_scope(napi_env env, napi_deferred told, double number) {
  napi_handle_scope scope;
  napi_value value = NULL;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_create_double(env, number, &value);
  napi_resolve_deferred(env, told, value);
  napi_close_handle_scope(env, scope);
}

void decide_end(void) {
  static const struct fuse_in_header end = {.opcode = 0};
  decide(&end, "", 0);
}

static void begin(napi_env env, napi_value unused, void *context, void *data) {
  (void)unused;
  (void)context;
  (void)data;
  struct uv_loop_s *loop = NULL;
  if (env != NULL && napi_get_uv_event_loop(env, &loop) == napi_ok) session_poll(loop);
}

/* From fuse-native's thread. */
void decide_begin(void) {
  napi_call_threadsafe_function(start, NULL, napi_tsfn_blocking);
}

/* serve(handler, space): before the mount is made. Opcode 26 says that the mount is in use, 0 that it is gone. */
static napi_value js_serve(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  napi_value function = in_value(&in), name;
  answer_space_of((int)in_int(&in));
  /* Workers hold little: an arena for each of them would be megabytes. */
  mallopt(M_ARENA_MAX, 1);
  environment = env;
  if (napi_create_string_utf8(env, "nanolin union", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, function, 1, &handler) != napi_ok ||
      napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, NULL, begin, &start) != napi_ok)
    return out_int(env, -ENOMEM);
  return out_int(env, 0);
}

static napi_value js_shared(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value buffer = NULL;
  napi_create_external_arraybuffer(env, &shared, sizeof(shared), NULL, NULL, &buffer);
  return buffer;
}

void export_session(napi_env env, napi_value exports) {
  static const struct function table[] = {{"serve", js_serve}, {"shared", js_shared}};
  EXPORT(env, exports, table);
}
