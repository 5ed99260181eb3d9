#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A directory's entries as they were when it was read from its start: a list of the table, or what TypeScript has merged. An offset is the
 * number of the next entry, so that telldir and seekdir are exact while names come and go. The kernel never reads one open directory
 * twice at once.
 */
struct item {
  const char *name;
  uint64_t inode;
  uint32_t entry; /* NONE for what the table has not */
  uint8_t type;
};

struct listing {
  struct children *children; /* of the table, after . and .. */
  uint64_t dot[2];
  struct item *items;
  char *names;
  size_t count;
};

enum { REPLY_MAX = 256 * 1024 };

struct listing *listing_open(void) {
  return calloc(1, sizeof(struct listing));
}

static void empty(struct listing *listing) {
  children_drop(listing->children);
  free(listing->items);
  free(listing->names);
  *listing = (struct listing){0};
}

void listing_close(struct listing *listing) {
  empty(listing);
  free(listing);
}

static struct item item_at(const struct listing *listing, size_t at) {
  if (listing->children == NULL) return listing->items[at];
  if (at < 2) return (struct item){at == 0 ? "." : "..", listing->dot[at], NONE, 4};
  uint32_t index = listing->children->index[at - 2];
  const struct entry *entry = entry_at(index);
  return (struct item){name_at(entry->name), entry->facts.ino, index, (uint8_t)(entry->facts.mode >> 12)};
}

/* The entry is in the reply, and the kernel holds it: one that it may be told about. */
static void present(struct fuse_entry_out *out, uint32_t index) {
  struct entry *entry = index == NONE ? NULL : entry_at(index);
  if (entry == NULL || entry->gone || entry->claimed || entry->facts.error != 0) return;
  uint64_t valid = (uint64_t)shared.number[LIFETIME];
  entry->lookups++;
  *out = (struct fuse_entry_out){.nodeid = node_of(index),
                                 .generation = entry->generation,
                                 .entry_valid = valid,
                                 .attr_valid = valid,
                                 .attr = attr_of(entry)};
}

void listing_reply(const struct fuse_in_header *in, const struct fuse_read_in *read) {
  static char reply[REPLY_MAX];
  const struct listing *listing = (const struct listing *)(uintptr_t)read->fh;
  bool plus = in->opcode == FUSE_READDIRPLUS, fixed = entry_of(in->nodeid) != NONE;
  size_t room = read->size < sizeof(reply) ? read->size : sizeof(reply), used = 0;
  for (size_t at = read->offset; at < listing->count; at++) {
    struct item item = item_at(listing, at);
    size_t length = strlen(item.name), before = plus ? sizeof(struct fuse_entry_out) : 0;
    size_t size = FUSE_DIRENT_ALIGN(before + FUSE_NAME_OFFSET + length);
    if (used + size > room) break;
    memset(reply + used, 0, size);
    /* A list may be older than a change in the upper. */
    if (plus && (fixed || live_lacks(in->nodeid, item.name)))
      present((struct fuse_entry_out *)(reply + used), item.entry);
    struct fuse_dirent *entry = (struct fuse_dirent *)(reply + used + before);
    entry->ino = item.inode;
    entry->off = at + 1;
    entry->namelen = (uint32_t)length;
    entry->type = item.type;
    memcpy(entry->name, item.name, length);
    used += size;
  }
  reply_data(in, reply, used);
}

static void begin(struct listing *listing, uint32_t index) {
  const struct entry *entry = entry_at(index);
  struct children *children = entry->directory != NULL ? entry->directory->children : NULL;
  empty(listing);
  if (children == NULL) return;
  children->uses++;
  listing->children = children;
  listing->dot[0] = entry->facts.ino;
  listing->dot[1] = entry_at(entry->parent)->facts.ino;
  listing->count = 2 + (size_t)children->count;
}

void listing_go_on(const struct fuse_read_in *read, uint64_t node) {
  struct listing *listing = (struct listing *)(uintptr_t)read->fh;
  if (listing->count == 0 && node >= LOWER_NODE) begin(listing, (uint32_t)(node - LOWER_NODE));
}

bool listing_lower(const struct fuse_in_header *in, const struct fuse_read_in *read, uint32_t index) {
  struct listing *listing = (struct listing *)(uintptr_t)read->fh;
  if (read->offset == 0 || listing->count == 0) begin(listing, index);
  listing_reply(in, read);
  return true;
}

/* fill(handle, names, types, inodes, entries): what TypeScript has merged; an entry is -1 where the table has none. */
static napi_value js_fill(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  struct listing *listing = (struct listing *)(uintptr_t)in_int(&in);
  napi_value names = in_value(&in);
  uint8_t *types = NULL;
  uint64_t *inodes = NULL;
  int32_t *entries = NULL;
  uint32_t count = 0;
  size_t counts[3] = {0};
  if (napi_get_array_length(env, names, &count) != napi_ok ||
      napi_get_typedarray_info(env, in_value(&in), NULL, &counts[0], (void **)&types, NULL, NULL) != napi_ok ||
      napi_get_typedarray_info(env, in_value(&in), NULL, &counts[1], (void **)&inodes, NULL, NULL) != napi_ok ||
      napi_get_typedarray_info(env, in_value(&in), NULL, &counts[2], (void **)&entries, NULL, NULL) != napi_ok ||
      counts[0] < count || counts[1] < count || counts[2] < count)
    return out_int(env, -EINVAL);
  empty(listing);
  struct item *items = calloc(count + 1, sizeof(*items));
  /* Pages that no name reaches are never touched. */
  char *bytes = malloc((size_t)count * 256 + 1), *at = bytes;
  if (items == NULL || bytes == NULL) {
    free(items);
    free(bytes);
    return out_int(env, -ENOMEM);
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_value name;
    size_t length = 0;
    if (napi_get_element(env, names, i, &name) == napi_ok) napi_get_value_string_latin1(env, name, at, 256, &length);
    items[i] = (struct item){at, inodes[i], entries[i] < 0 ? NONE : (uint32_t)entries[i], types[i]};
    at += length + 1;
  }
  *listing = (struct listing){.items = items, .names = bytes, .count = count};
  return out_int(env, 0);
}

void export_listing(napi_env env, napi_value exports) {
  static const struct function table[] = {{"fill", js_fill}};
  EXPORT(env, exports, table);
}
