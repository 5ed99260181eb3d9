/* Requests on what only the lowers have: the table's answers, and calls on the layer that shows a name. */
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Pages stay: a lower never changes. */
enum { OPENED = FOPEN_KEEP_CACHE, LONGEST_NAME = 255 };

/* Open files by descriptor: the entry, and 1 more. */
static uint32_t *opened;
static size_t opened_room;

static char prefix[64];
static size_t prefix_length;

static bool remember(int fd, uint32_t index) {
  if ((size_t)fd >= opened_room) {
    size_t wanted = 2 * (size_t)fd + 64;
    uint32_t *more = realloc(opened, wanted * sizeof(*more));
    if (more == NULL) return false;
    memset(more + opened_room, 0, (wanted - opened_room) * sizeof(*more));
    opened = more;
    opened_room = wanted;
  }
  opened[fd] = index + 1;
  entry_pin(index);
  return true;
}

static uint32_t take(int fd) {
  uint32_t index = fd >= 0 && (size_t)fd < opened_room && opened[fd] > 0 ? opened[fd] - 1 : NONE;
  if (index == NONE) return NONE;
  opened[fd] = 0;
  entry_unpin(index);
  return index;
}

static bool is_slow(uint32_t index) {
  uint32_t part = entry_at(index)->part;
  return part != NONE && layer_slow(part_at(part)->layer);
}

/* The handle is the first field of all of them (<linux/fuse.h>), but for copies. */
bool lower_is_slow(const struct fuse_in_header *in, const char *payload, size_t size) {
  uint64_t fd;
  (void)in;
  if (size < sizeof(fd)) return false;
  memcpy(&fd, payload, sizeof(fd));
  return fd < opened_room && opened[fd] > 0 && is_slow(opened[fd] - 1);
}

struct closing {
  struct job job;
  int fd;
};

static void run_close(struct job *job) {
  close(((struct closing *)job)->fd);
  free(job);
}

/* To close a file of FUSE asks its server. */
bool lower_release(int fd) {
  if (fd < 0 || (size_t)fd >= opened_room || opened[fd] == 0) return false;
  bool slow = is_slow(opened[fd] - 1);
  take(fd);
  struct closing *closing = slow ? malloc(sizeof(*closing)) : NULL;
  if (closing == NULL) return close(fd), true;
  *closing = (struct closing){.job = {.run = run_close, .slow = true}, .fd = fd};
  job_start(&closing->job);
  return true;
}

bool lower_ready(const struct fuse_in_header *in, const char *payload, size_t size, uint32_t index) {
  const struct directory *directory = entry_at(index)->directory;
  if (directory == NULL) return reply_error(in, ENOTDIR), false;
  if (directory->children != NULL || entry_at(index)->gone) return true;
  if (entry_compile(index)) return true;
  int64_t result = decide_compile(index);
  if (result == PARKED) return task_wait((uint32_t)shared.number[TASK], in, payload, size), false;
  if (result < 0) return reply_error(in, (int)-result), false;
  return true;
}

void lower_present(const struct fuse_in_header *in, uint32_t index) {
  struct entry *entry = entry_at(index);
  if (entry->facts.error != 0) return reply_error(in, entry->facts.error);
  const struct fuse_attr attr = attr_of(entry);
  entry->lookups++;
  reply_entry_of(in, &attr, node_of(index), entry->generation);
}

static void lookup(const struct fuse_in_header *in, const char *name, size_t size, uint32_t parent) {
  size_t length = strnlen(name, size);
  if (length > LONGEST_NAME) return reply_error(in, ENAMETOOLONG);
  if (!lower_ready(in, name, size, parent)) return;
  uint32_t index = entry_at(parent)->gone ? NONE : entry_find(parent, name, length);
  if (index == NONE) {
    if (entry_at(parent)->directory != NULL) entry_at(parent)->directory->absent = true;
    return reply_absent(in);
  }
  lower_present(in, index);
}

static void getattr(const struct fuse_in_header *in, uint32_t index) {
  const struct entry *entry = entry_at(index);
  struct fuse_attr_out out = {.attr_valid = (uint64_t)shared.number[LIFETIME], .attr = attr_of(entry)};
  if (entry->facts.error != 0) reply_error(in, entry->facts.error);
  else reply_data(in, &out, sizeof(out));
}

/* What asks the layer itself: at once, or on a worker where the layer may not answer. */
struct ask {
  struct job job;
  void (*call)(struct ask *ask);
  struct fuse_in_header header;
  int place;            /* the directory's descriptor */
  uint32_t index;       /* pinned */
  uint32_t part;        /* held */
  int flags, result;    /* of an open */
  uint32_t size;        /* that the caller has room for */
  char name[256], attribute[256];
};

static void call_open(struct ask *ask) {
  int flags = ask->flags | O_NOFOLLOW | O_CLOEXEC;
  /* Reading leaves no trace in a lower, where we may ask for that. */
  int fd = openat(ask->place, ask->name, flags | O_NOATIME);
  if (fd < 0 && errno == EPERM) fd = openat(ask->place, ask->name, flags);
  ask->result = fd < 0 ? -errno : fd;
}

static void finish_open(struct ask *ask) {
  struct fuse_open_out out = {.fh = (uint64_t)ask->result, .open_flags = OPENED};
  if (ask->job.abandoned) {
    if (ask->result >= 0) close(ask->result);
    return;
  }
  if (ask->result < 0) return reply_error(&ask->header, -ask->result);
  if (!remember(ask->result, ask->index)) {
    close(ask->result);
    return reply_error(&ask->header, ENOMEM);
  }
  reply_data(&ask->header, &out, sizeof(out));
}

static void call_readlink(struct ask *ask) {
  char target[4096];
  ssize_t length = readlinkat(ask->place, ask->name, target, sizeof(target));
  if (length < 0) reply_error(&ask->header, errno);
  else reply_data(&ask->header, target, (size_t)length);
}

static void reply_sized(const struct ask *ask, const char *bytes, size_t length) {
  struct fuse_getxattr_out out = {.size = (uint32_t)length};
  if (ask->size == 0) reply_data(&ask->header, &out, sizeof(out));
  else if (length > ask->size) reply_error(&ask->header, ERANGE);
  else reply_data(&ask->header, bytes, length);
}

static void call_getxattr(struct ask *ask) {
  char path[320];
  char *value = malloc(XATTR_MAX);
  if (value == NULL) return reply_error(&ask->header, ENOMEM);
  snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", ask->place, ask->name);
  ssize_t length = lgetxattr(path, ask->attribute, value, XATTR_MAX);
  /* A layer without attributes has none: squashfs answers its ACL calls with EOPNOTSUPP. */
  if (length < 0) reply_error(&ask->header, errno == EOPNOTSUPP ? ENODATA : errno);
  else reply_sized(ask, value, (size_t)length);
  free(value);
}

static void end(struct ask *ask) {
  uint32_t part = ask->part, index = ask->index;
  free(ask);
  entry_unpin(index);
  part_drop(part);
}

static void run_slow(struct job *job) {
  struct ask *ask = (struct ask *)job;
  ask->call(ask);
}

static void finish_slow(struct job *job) {
  struct ask *ask = (struct ask *)job;
  if (ask->call == call_open) finish_open(ask);
  end(ask);
}

static void ask(const struct fuse_in_header *in, uint32_t index, struct ask wanted) {
  struct entry *entry = entry_at(index);
  uint32_t layer = part_at(entry->part)->layer;
  /* Of a slow layer it is open already: its list was read through it. */
  int place = part_open(entry->part);
  if (place < 0) return reply_error(in, -place);
  wanted.header = *in;
  wanted.place = place;
  wanted.index = index;
  wanted.part = entry->part;
  strcpy(wanted.name, name_at(entry->name));
  if (!layer_slow(layer)) {
    wanted.call(&wanted);
    if (wanted.call == call_open) finish_open(&wanted);
    return;
  }
  struct ask *later = malloc(sizeof(*later));
  if (later == NULL) return reply_error(in, ENOMEM);
  *later = wanted;
  later->job = (struct job){.run = run_slow, .finish = finish_slow, .slow = true, .request = &later->header};
  entry_pin(index);
  part_at(entry->part)->uses++;
  job_start(&later->job);
}

static bool open_lower(const struct fuse_in_header *in, const struct fuse_open_in *wanted, uint32_t index) {
  if ((wanted->flags & O_ACCMODE) != O_RDONLY || (wanted->flags & O_TRUNC) != 0) return false;
  if (entry_at(index)->part == NONE) return reply_error(in, EISDIR), true;
  ask(in, index, (struct ask){.call = call_open, .flags = (int)wanted->flags & (O_SYNC | O_DSYNC)});
  return true;
}

static bool getxattr_lower(const struct fuse_in_header *in, const char *payload, size_t size, uint32_t index) {
  struct fuse_getxattr_in get;
  if (size <= sizeof(get)) return false;
  memcpy(&get, payload, sizeof(get));
  const char *attribute = payload + sizeof(get);
  size_t length = strnlen(attribute, size - sizeof(get));
  /* overlayfs's own names are TypeScript's to translate; the root has a directory in each layer. */
  if (strncmp(attribute, prefix, prefix_length) == 0 || entry_at(index)->part == NONE) return false;
  struct ask wanted = {.call = call_getxattr, .size = get.size};
  if (length >= sizeof(wanted.attribute)) return reply_error(in, ERANGE), true;
  memcpy(wanted.attribute, attribute, length + 1);
  ask(in, index, wanted);
  return true;
}

/* Nobody writes to it, so that its descriptor knows. */
static void seek_lower(const struct fuse_in_header *in, const char *payload, size_t size) {
  struct fuse_lseek_in seek;
  if (size < sizeof(seek)) return reply_error(in, EINVAL);
  memcpy(&seek, payload, sizeof(seek));
  off_t offset = lseek((int)seek.fh, (off_t)seek.offset, (int)seek.whence);
  if (offset < 0) reply_error(in, errno);
  else reply_offset(in, offset);
}

static void forget_batch(const char *payload, size_t size) {
  struct fuse_batch_forget_in batch;
  if (size < sizeof(batch)) return;
  memcpy(&batch, payload, sizeof(batch));
  payload += sizeof(batch);
  size -= sizeof(batch);
  for (uint32_t i = 0; i < batch.count && size >= sizeof(struct fuse_forget_one); i++) {
    struct fuse_forget_one one;
    memcpy(&one, payload, sizeof(one));
    payload += sizeof(one);
    size -= sizeof(one);
    uint32_t index = entry_of(one.nodeid);
    if (index != NONE) entry_forget(index, one.nlookup);
    else decide_forget(one.nodeid, one.nlookup);
  }
}

bool lower_answer(const struct fuse_in_header *in, const char *payload, size_t size) {
  if (in->opcode == FUSE_BATCH_FORGET) return forget_batch(payload, size), true;
  if (in->opcode == FUSE_RELEASE) {
    struct fuse_release_in release;
    if (size < sizeof(release)) return reply_error(in, EINVAL), true;
    memcpy(&release, payload, sizeof(release));
    if (!lower_release((int)release.fh)) return false;
    return reply_error(in, 0), true;
  }
  uint32_t index = entry_of(in->nodeid);
  if (index == NONE) return false;
  switch (in->opcode) {
    case FUSE_LOOKUP: return lookup(in, payload, size, index), true;
    case FUSE_GETATTR: return getattr(in, index), true;
    case FUSE_FORGET: {
      struct fuse_forget_in forget;
      if (size < sizeof(forget)) return true;
      memcpy(&forget, payload, sizeof(forget));
      return entry_forget(index, forget.nlookup), true;
    }
    case FUSE_READLINK:
      if (entry_at(index)->part == NONE) return reply_error(in, EINVAL), true;
      return ask(in, index, (struct ask){.call = call_readlink}), true;
    case FUSE_OPEN: {
      struct fuse_open_in wanted;
      if (size < sizeof(wanted)) return reply_error(in, EINVAL), true;
      memcpy(&wanted, payload, sizeof(wanted));
      return open_lower(in, &wanted, index);
    }
    case FUSE_LSEEK: return seek_lower(in, payload, size), true;
    case FUSE_GETXATTR: return getxattr_lower(in, payload, size, index);
    case FUSE_READDIR:
    case FUSE_READDIRPLUS: {
      struct fuse_read_in read;
      if (size < sizeof(read)) return reply_error(in, EINVAL), true;
      memcpy(&read, payload, sizeof(read));
      if (read.offset == 0 && !lower_ready(in, payload, size, index)) return true;
      return listing_lower(in, &read, index);
    }
    default: return false;
  }
}

/* opensOf(entry): the descriptors that are open for it, which are TypeScript's from now on. */
static napi_value js_opens_of(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  uint32_t index = (uint32_t)in_int(&in), count = 0;
  napi_value fds;
  napi_create_array(env, &fds);
  /* Each of them pins the entry, its list does once more. */
  for (size_t fd = 0; entry_at(index)->pins > 1 && fd < opened_room; fd++)
    if (opened[fd] == index + 1) {
      take((int)fd);
      napi_set_element(env, fds, count++, out_int(env, (int64_t)fd));
    }
  return fds;
}

/* present(entry): the reply is this entry; the kernel holds it once more. */
static napi_value js_present(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  uint32_t index = (uint32_t)in_int(&in);
  struct entry *entry = entry_at(index);
  if (entry->facts.error != 0) return out_int(env, -(int64_t)entry->facts.error);
  entry->lookups++;
  return out_int(env, (int64_t)(LOWER_NODE + index));
}

void lower_prefix(const char *given) {
  snprintf(prefix, sizeof(prefix), "%.63s", given);
  prefix_length = strlen(prefix);
}

void export_lower(napi_env env, napi_value exports) {
  static const struct function table[] = {{"opensOf", js_opens_of}, {"present", js_present}};
  EXPORT(env, exports, table);
}
