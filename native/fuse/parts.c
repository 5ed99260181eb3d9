#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

struct layer {
  int fd;
  uint32_t system; /* number of its file system in the union, mixed into inode numbers */
  uint32_t uses;
  uint32_t block_size;
  bool slow; /* may not answer for long: only workers ask it */
};

static struct layer *layers;
static uint32_t layer_room;

static struct part *parts;
static uint32_t part_room, part_top, part_free = NONE; /* freed ones are chained by `above` */

/* Descriptors of directories that stay open between requests. */
enum { OPEN_PARTS = 2048 };
static uint32_t open_parts;

uint32_t layer_system(uint32_t layer) {
  return layers[layer].system;
}

bool layer_slow(uint32_t layer) {
  return layers[layer].slow;
}

int layer_fd(uint32_t layer) {
  return layers[layer].fd;
}

uint32_t layer_block_size(uint32_t layer) {
  return layers[layer].block_size;
}

static void layer_hold(uint32_t layer) {
  layers[layer].uses++;
}

void layer_drop(uint32_t layer) {
  struct layer *gone = &layers[layer];
  if (--gone->uses > 0) return;
  close(gone->fd);
  gone->fd = -1;
}

struct part *part_at(uint32_t part) {
  return &parts[part];
}

uint32_t part_make(uint32_t above, uint32_t entry, uint32_t layer) {
  uint32_t index = part_free;
  if (index != NONE) part_free = parts[index].above;
  else {
    if (part_top == part_room) {
      uint32_t room = part_room > 0 ? 2 * part_room : 256;
      struct part *more = realloc(parts, room * sizeof(*parts));
      if (more == NULL) return NONE;
      parts = more;
      part_room = room;
    }
    index = part_top++;
  }
  parts[index] = (struct part){.above = above, .entry = entry, .layer = layer, .uses = 1, .fd = -1};
  layer_hold(layer);
  entry_pin(entry);
  if (above != NONE) parts[above].uses++;
  return index;
}

void part_drop(uint32_t index) {
  struct part *part = &parts[index];
  if (--part->uses > 0) return;
  if (part->fd >= 0 && part->above != NONE) {
    close(part->fd);
    open_parts--;
  }
  uint32_t above = part->above, entry = part->entry, layer = part->layer;
  part->above = part_free;
  part_free = index;
  layer_drop(layer);
  if (above != NONE) part_drop(above);
  entry_unpin(entry);
}

int part_open(uint32_t index) {
  struct part *part = &parts[index];
  part->used = true;
  if (part->fd >= 0) return part->fd;
  if (part->above == NONE) return part->fd = layers[part->layer].fd;
  int above = part_open(part->above);
  if (above < 0) return above;
  part = &parts[index];
  const char *name = name_at(entry_at(part->entry)->name);
  int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  /* Readable, so that a listing needs no second one. */
  int fd = openat(above, name, O_RDONLY | flags);
  if (fd < 0 && errno == EACCES) fd = openat(above, name, O_PATH | flags);
  if (fd < 0) return -errno;
  open_parts++;
  return part->fd = fd;
}

/* What a worker has opened. */
void part_opened(uint32_t index, int fd) {
  struct part *part = &parts[index];
  if (part->fd >= 0 || fd < 0) return;
  part->fd = fd;
  open_parts++;
}

static void close_unused(void) {
  for (uint32_t i = 0; i < part_top; i++) {
    struct part *part = &parts[i];
    if (part->uses == 0 || part->fd < 0 || part->above == NONE || layers[part->layer].slow) continue;
    if (part->used) {
      part->used = false;
      continue;
    }
    close(part->fd);
    part->fd = -1;
    open_parts--;
  }
}

void parts_close_some(void) {
  if (open_parts >= OPEN_PARTS) close_unused();
}

/* closeUnused(): what nobody asked for since it was called last. */
static napi_value js_close_unused(napi_env env, napi_callback_info info) {
  (void)info;
  close_unused();
  malloc_trim(0);
  return out_int(env, open_parts);
}

/* File systems whose answers come from somewhere else (<linux/magic.h>). */
static bool is_remote(int fd) {
  static const unsigned remote[] = {0x65735546 /* fuse */, 0x6969 /* nfs */,  0xff534d42 /* cifs */, 0xfe534d42 /* smb2 */,
                                    0x01021997 /* 9p */,   0x00c36400 /* ceph */, 0x5346414f /* afs */,  0x0bd00bd0 /* lustre */,
                                    0x73757245 /* coda */, 0x01161970 /* gfs2 */, 0x7461636f /* ocfs2 */};
  struct statfs fs;
  if (fstatfs(fd, &fs) < 0) return false;
  for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
    if ((unsigned)fs.f_type == remote[i]) return true;
  return false;
}

/* layer(fd, system): one more; the descriptor is its own from now on. */
static napi_value js_layer(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  int fd = (int)in_int(&in);
  uint32_t system = (uint32_t)in_int(&in), index = 0;
  while (index < layer_room && layers[index].uses > 0) index++;
  if (index == layer_room) {
    struct layer *more = realloc(layers, (layer_room + 64) * sizeof(*layers));
    if (more == NULL) return out_int(env, -ENOMEM);
    memset(more + layer_room, 0, 64 * sizeof(*layers));
    layers = more;
    layer_room += 64;
  }
  struct stat st;
  uint32_t block_size = fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 ? (uint32_t)st.st_blksize : 4096;
  layers[index] =
      (struct layer){.fd = fd, .system = system, .uses = 1, .block_size = block_size, .slow = is_remote(fd)};
  return out_int(env, index);
}

static napi_value js_drop_layer(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  layer_drop((uint32_t)in_int(&in));
  return out_int(env, 0);
}

/* part(above, entry, layer): the directory of an entry in one layer; above is -1 for the layer's root. */
static napi_value js_part(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  int64_t above = in_int(&in);
  uint32_t entry = (uint32_t)in_int(&in);
  uint32_t part = part_make(above < 0 ? NONE : (uint32_t)above, entry, (uint32_t)in_int(&in));
  return out_int(env, part == NONE ? -ENOMEM : (int64_t)part);
}

static napi_value js_drop_part(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  part_drop((uint32_t)in_int(&in));
  return out_int(env, 0);
}

static napi_value js_layer_of(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  return out_int(env, part_at((uint32_t)in_int(&in))->layer);
}

void export_parts(napi_env env, napi_value exports) {
  static const struct function table[] = {{"layer", js_layer},
                                          {"dropLayer", js_drop_layer},
                                          {"part", js_part},
                                          {"dropPart", js_drop_part},
                                          {"layerOf", js_layer_of},
                                          {"closeUnused", js_close_unused}};
  EXPORT(env, exports, table);
}
