/*
 * Directories of the upper that TypeScript has open, and files that it has just made: what can be asked about them without a decision is
 * answered here.
 */
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct live {
  uint64_t node; /* 0: free */
  uint64_t inode; /* to show; 0 for its own */
  int fd;
  uint32_t lower; /* that it merges with; NONE */
};

/* Open addressing; TypeScript has some two thousand directories open at most. */
enum { SLOT_COUNT = 8192 };
static struct live slots[SLOT_COUNT];

/* A bit for each of TypeScript's nodes: nobody has given it an attribute. */
static uint8_t *plain;
static size_t plain_room;

static struct live *slot_of(uint64_t node) {
  size_t at = (size_t)((node * 0x9e3779b97f4a7c15ULL) >> 40) % SLOT_COUNT;
  while (slots[at].node != 0 && slots[at].node != node) at = (at + 1) % SLOT_COUNT;
  return &slots[at];
}

static bool is_plain(uint64_t node) {
  return node / 8 < plain_room && (plain[node / 8] & (1 << node % 8)) != 0;
}

bool live_lacks(uint64_t node, const char *name) {
  const struct live *live = slot_of(node);
  struct stat st;
  return live->node != 0 && fstatat(live->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static bool live_lookup(const struct fuse_in_header *in, const char *name, size_t size, const struct live *live) {
  struct stat st;
  size_t length = strnlen(name, size);
  if (fstatat(live->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT) return false;
  if (live->lower == NONE || entry_at(live->lower)->gone) return reply_absent(in), true;
  if (!lower_ready(in, name, size, live->lower)) return true;
  uint32_t index = entry_find(live->lower, name, length);
  if (index == NONE) return reply_absent(in), true;
  if (entry_at(index)->claimed) return false;
  return lower_present(in, index), true;
}

static bool live_getattr(const struct fuse_in_header *in, const struct live *live) {
  if (fstatat(live->fd, "", &seen, AT_EMPTY_PATH) < 0) return false;
  share_seen(live->inode != 0 ? live->inode : seen.st_ino);
  if (live->lower != NONE) shared.number[STAT_NLINK] = 1;
  struct fuse_attr_out out = {.attr_valid = (uint64_t)shared.number[LIFETIME], .attr = seen_attributes()};
  return reply_data(in, &out, sizeof(out)), true;
}

bool live_answer(const struct fuse_in_header *in, const char *payload, size_t size) {
  if (in->opcode == FUSE_SETXATTR && is_plain(in->nodeid)) plain[in->nodeid / 8] &= (uint8_t)~(1 << in->nodeid % 8);
  if (in->opcode == FUSE_GETXATTR) {
    /* Asked for before the first write to a file and before its owner changes. */
    static const char capability[] = "security.capability";
    size_t at = sizeof(struct fuse_getxattr_in);
    if (!is_plain(in->nodeid) || size < at + sizeof(capability) || memcmp(payload + at, capability, sizeof(capability)) != 0)
      return false;
    return reply_error(in, ENODATA), true;
  }
  if (in->opcode != FUSE_LOOKUP && in->opcode != FUSE_GETATTR) return false;
  const struct live *live = slot_of(in->nodeid);
  if (live->node == 0) return false;
  return in->opcode == FUSE_LOOKUP ? live_lookup(in, payload, size, live) : live_getattr(in, live);
}

/* live(node, fd, lower, inode): lower is -1 and inode 0n for none. */
static napi_value js_live(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  uint64_t node = (uint64_t)in_int(&in);
  int fd = (int)in_int(&in);
  int64_t lower = in_int(&in);
  struct live live = {.node = node, .fd = fd, .lower = lower < 0 ? NONE : (uint32_t)lower};
  bool whole;
  napi_get_value_bigint_uint64(env, in_value(&in), &live.inode, &whole);
  *slot_of(node) = live;
  return out_int(env, 0);
}

/* dead(node): what follows it in its run moves up. */
static napi_value js_dead(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  struct live *gone = slot_of((uint64_t)in_int(&in));
  size_t at = (size_t)(gone - slots);
  if (gone->node == 0) return out_int(env, 0);
  gone->node = 0;
  for (at = (at + 1) % SLOT_COUNT; slots[at].node != 0; at = (at + 1) % SLOT_COUNT) {
    struct live moving = slots[at];
    slots[at].node = 0;
    *slot_of(moving.node) = moving;
  }
  return out_int(env, 0);
}

/* plain(node): new, and without attributes. */
static napi_value js_plain(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  uint64_t node = (uint64_t)in_int(&in);
  if (node >= LOWER_NODE) return out_int(env, 0);
  if (node / 8 >= plain_room) {
    size_t wanted = node / 4 + 1024;
    uint8_t *more = realloc(plain, wanted);
    if (more == NULL) return out_int(env, -ENOMEM);
    memset(more + plain_room, 0, wanted - plain_room);
    plain = more;
    plain_room = wanted;
  }
  plain[node / 8] |= (uint8_t)(1 << node % 8);
  return out_int(env, 0);
}

void export_live(napi_env env, napi_value exports) {
  static const struct function table[] = {{"live", js_live}, {"dead", js_dead}, {"plain", js_plain}};
  EXPORT(env, exports, table);
}
