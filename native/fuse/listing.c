#include "union.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A directory's entries as they were when it was read from its start. An offset is the number of the next entry, so that telldir
 * and seekdir are exact while names come and go. The kernel never reads one open directory twice at once.
 */
struct listing {
  char *records;
  size_t *starts; /* of each record, and the end of the last */
  size_t count;
};

struct listing *listing_open(void) {
  return calloc(1, sizeof(struct listing));
}

static void empty(struct listing *listing) {
  free(listing->records);
  free(listing->starts);
  *listing = (struct listing){0};
}

void listing_close(struct listing *listing) {
  empty(listing);
  free(listing);
}

void listing_reply(const struct fuse_in_header *in, const struct fuse_read_in *read) {
  const struct listing *listing = (const struct listing *)(uintptr_t)read->fh;
  if (read->offset >= listing->count) return reply_data(in, NULL, 0);
  size_t first = listing->starts[read->offset], end = first;
  for (size_t i = read->offset + 1; i <= listing->count && listing->starts[i] - first <= read->size; i++)
    end = listing->starts[i];
  reply_data(in, listing->records + first, end - first);
}

/* fill(handle, names, types, inodes): what TypeScript has merged. */
static napi_value js_fill(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  struct listing *listing = (struct listing *)(uintptr_t)in_int(&in);
  napi_value names = in_value(&in), types = in_value(&in), inodes = in_value(&in);
  uint32_t count = 0;
  size_t type_count = 0, inode_count = 0;
  const uint8_t *type = NULL;
  const uint64_t *inode = NULL;
  if (napi_get_array_length(env, names, &count) != napi_ok ||
      napi_get_typedarray_info(env, types, NULL, &type_count, (void **)&type, NULL, NULL) != napi_ok ||
      napi_get_typedarray_info(env, inodes, NULL, &inode_count, (void **)&inode, NULL, NULL) != napi_ok ||
      type_count < count || inode_count < count)
    return out_int(env, -EINVAL);
  empty(listing);
  char *records = calloc(count + 1, FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + 256));
  size_t *starts = calloc(count + 1, sizeof(size_t));
  size_t at = 0;
  if (records == NULL || starts == NULL) {
    free(records);
    free(starts);
    return out_int(env, -ENOMEM);
  }
  for (uint32_t i = 0; i < count; i++) {
    struct fuse_dirent *entry = (struct fuse_dirent *)(records + at);
    napi_value name;
    size_t length = 0;
    if (napi_get_element(env, names, i, &name) == napi_ok)
      napi_get_value_string_latin1(env, name, entry->name, 256, &length);
    entry->ino = inode[i];
    entry->off = i + 1;
    entry->namelen = (uint32_t)length;
    entry->type = type[i];
    at += FUSE_DIRENT_SIZE(entry);
    starts[i + 1] = at;
  }
  char *fitted = realloc(records, at > 0 ? at : 1);
  *listing = (struct listing){fitted != NULL ? fitted : records, starts, count};
  return out_int(env, 0);
}

void export_listing(napi_env env, napi_value exports) {
  static const struct function table[] = {{"fill", js_fill}};
  EXPORT(env, exports, table);
}
