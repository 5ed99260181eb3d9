#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In pieces that never move. */
enum { CHUNK = 4096 };
static struct entry **chunks;
static uint32_t chunk_count, entry_top, entry_free = NONE; /* freed ones are chained by `next` */

static uint32_t showing;

static uint32_t *buckets;
static uint32_t bucket_count, named;

struct entry *entry_at(uint32_t index) {
  return &chunks[index / CHUNK][index % CHUNK];
}

uint64_t node_of(uint32_t index) {
  return index == 0 ? 1 : LOWER_NODE + index;
}

uint32_t entry_of(uint64_t node) {
  uint32_t index = node == 1 ? 0 : node > LOWER_NODE ? (uint32_t)(node - LOWER_NODE) : NONE;
  return index < entry_top && !entry_at(index)->claimed ? index : NONE;
}

static bool is_device(uint32_t mode) {
  return S_ISCHR(mode) || S_ISBLK(mode);
}

struct facts facts_of(const struct stat *st, uint64_t inode) {
  return (struct facts){.ino = inode,
                        .size = is_device(st->st_mode) ? st->st_rdev : (uint64_t)st->st_size,
                        .atime = st->st_atim.tv_sec,
                        .mtime = st->st_mtim.tv_sec,
                        .ctime = st->st_ctim.tv_sec,
                        .atimensec = (uint32_t)st->st_atim.tv_nsec,
                        .mtimensec = (uint32_t)st->st_mtim.tv_nsec,
                        .ctimensec = (uint32_t)st->st_ctim.tv_nsec,
                        .blocks = st->st_blocks < UINT32_MAX ? (uint32_t)st->st_blocks : UINT32_MAX,
                        .nlink = (uint32_t)st->st_nlink,
                        .uid = st->st_uid,
                        .gid = st->st_gid,
                        .mode = (uint16_t)st->st_mode};
}

static uint32_t block_size(const struct entry *entry) {
  uint32_t layer = entry->part != NONE ? part_at(entry->part)->layer : entry->directory->layers[0];
  return layer_block_size(layer);
}

struct fuse_attr attr_of(const struct entry *entry) {
  const struct facts *facts = &entry->facts;
  bool device = is_device(facts->mode);
  return (struct fuse_attr){.ino = facts->ino,
                            .size = device ? 0 : facts->size,
                            .blocks = facts->blocks,
                            .atime = (uint64_t)facts->atime,
                            .mtime = (uint64_t)facts->mtime,
                            .ctime = (uint64_t)facts->ctime,
                            .atimensec = facts->atimensec,
                            .mtimensec = facts->mtimensec,
                            .ctimensec = facts->ctimensec,
                            .mode = facts->mode,
                            .nlink = facts->nlink,
                            .uid = facts->uid,
                            .gid = facts->gid,
                            .rdev = device ? (uint32_t)facts->size : 0,
                            .blksize = block_size(entry)};
}

static uint32_t hash_of(uint32_t parent, const char *name, size_t length) {
  uint32_t hash = 2166136261U ^ parent;
  for (size_t i = 0; i < length; i++) hash = (hash ^ (uint8_t)name[i]) * 16777619U;
  return hash;
}

static bool grow_buckets(void) {
  uint32_t wanted = bucket_count > 0 ? 2 * bucket_count : 1024;
  uint32_t *more = malloc(wanted * sizeof(*more));
  if (more == NULL) return bucket_count > 0;
  memset(more, 0xff, wanted * sizeof(*more));
  for (uint32_t b = 0; b < bucket_count; b++)
    for (uint32_t i = buckets[b], next; i != NONE; i = next) {
      struct entry *entry = entry_at(i);
      next = entry->next;
      uint32_t at = hash_of(entry->parent, name_at(entry->name), strlen(name_at(entry->name))) & (wanted - 1);
      entry->next = more[at];
      more[at] = i;
    }
  free(buckets);
  buckets = more;
  bucket_count = wanted;
  return true;
}

uint32_t entry_find(uint32_t parent, const char *name, size_t length) {
  if (bucket_count == 0) return NONE;
  for (uint32_t i = buckets[hash_of(parent, name, length) & (bucket_count - 1)]; i != NONE; i = entry_at(i)->next) {
    const struct entry *entry = entry_at(i);
    if (entry->parent != parent) continue;
    const char *its = name_at(entry->name);
    if (strncmp(its, name, length) == 0 && its[length] == 0) return i;
  }
  return NONE;
}

static void put_name(uint32_t index) {
  struct entry *entry = entry_at(index);
  uint32_t *bucket = &buckets[hash_of(entry->parent, name_at(entry->name), strlen(name_at(entry->name))) & (bucket_count - 1)];
  entry->next = *bucket;
  *bucket = index;
  named++;
}

static void take_name(uint32_t index) {
  const struct entry *entry = entry_at(index);
  uint32_t *at = &buckets[hash_of(entry->parent, name_at(entry->name), strlen(name_at(entry->name))) & (bucket_count - 1)];
  while (*at != index) at = &entry_at(*at)->next;
  *at = entry->next;
  named--;
}

static uint32_t entry_new(void) {
  if (entry_free != NONE) {
    uint32_t index = entry_free;
    struct entry *entry = entry_at(index);
    entry_free = entry->next;
    *entry = (struct entry){.generation = entry->generation + 1};
    return index;
  }
  if (entry_top == chunk_count * CHUNK) {
    struct entry **more = realloc(chunks, (chunk_count + 1) * sizeof(*chunks));
    if (more == NULL) return NONE;
    chunks = more;
    if ((chunks[chunk_count] = calloc(CHUNK, sizeof(struct entry))) == NULL) return NONE;
    chunk_count++;
  }
  return entry_top++;
}

void children_drop(struct children *children) {
  if (children == NULL || --children->uses > 0) return;
  for (uint32_t i = 0; i < children->count; i++) entry_unpin(children->index[i]);
  free(children);
}

static void release(uint32_t index) {
  struct entry *entry = entry_at(index);
  if (!entry->gone || entry->pins > 0 || entry->lookups > 0 || entry->claimed) return;
  if (entry->directory != NULL) {
    free(entry->directory->layers);
    free(entry->directory->parts);
    free(entry->directory);
    entry->directory = NULL;
  }
  name_drop(entry->name);
  entry->name = 0;
  uint32_t part = entry->part;
  entry->part = NONE;
  entry->gone = false;
  entry->next = entry_free;
  entry_free = index;
  if (part != NONE) part_drop(part);
}

void entry_pin(uint32_t index) {
  entry_at(index)->pins++;
}

void entry_unpin(uint32_t index) {
  entry_at(index)->pins--;
  release(index);
}

void entry_forget(uint32_t index, uint64_t count) {
  struct entry *entry = entry_at(index);
  entry->lookups -= count < entry->lookups ? (uint32_t)count : entry->lookups;
  release(index);
}

/* Out of sight, with all that lies below. Who holds it keeps it. */
static void vanish(uint32_t index) {
  struct entry *entry = entry_at(index);
  struct directory *directory = entry->directory;
  take_name(index);
  entry->gone = true;
  entry->last = showing;
  if (directory != NULL) {
    struct children *children = directory->children;
    directory->children = NULL;
    for (uint32_t i = 0; children != NULL && i < children->count; i++) vanish(children->index[i]);
    children_drop(children);
    for (uint32_t i = 0; i < directory->part_count; i++) part_drop(directory->parts[i]);
    directory->part_count = directory->layer_count = 0;
  }
}

static bool same_object(const struct facts *a, const struct facts *b) {
  return a->ino == b->ino && a->size == b->size && a->mtime == b->mtime && a->mtimensec == b->mtimensec &&
         a->ctime == b->ctime && a->ctimensec == b->ctimensec && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid;
}

static bool set_layers(struct directory *directory, const uint32_t *layers, uint32_t count) {
  uint32_t *own = malloc((count > 0 ? count : 1) * sizeof(*own));
  if (own == NULL) return false;
  memcpy(own, layers, count * sizeof(*own));
  free(directory->layers);
  directory->layers = own;
  directory->layer_count = count;
  return true;
}

static void repoint(struct entry *entry, uint32_t part) {
  uint32_t old = entry->part;
  if (old == part) return;
  part_at(part)->uses++;
  entry->part = part;
  if (old != NONE) part_drop(old);
}

/* The entry that shows this record: the one of before where it is the same thing, so that what the kernel knows of it stays right. */
static uint32_t adopt(uint32_t parent, uint32_t part, struct record *record, const uint32_t *layers, uint32_t count) {
  bool is_directory = S_ISDIR(record->facts.mode);
  uint32_t index = entry_find(parent, record->name, strlen(record->name));
  if (is_directory && count > 1) record->facts.nlink = 1;
  if (index != NONE) {
    struct entry *entry = entry_at(index);
    bool same = same_object(&entry->facts, &record->facts);
    if (is_directory ? entry->directory != NULL : same && entry->directory == NULL) {
      if (!same || entry->facts.nlink != record->facts.nlink) {
        entry->facts = record->facts;
        notify_inode(node_of(index), false);
      }
      repoint(entry, part);
      if (is_directory && !set_layers(entry->directory, layers, count)) return NONE;
      return index;
    }
    notify_entry(node_of(parent), name_at(entry->name));
    vanish(index);
  } else if (entry_at(parent)->directory->absent || entry_at(parent)->claimed)
    notify_entry(node_of(parent), record->name);
  if (named >= bucket_count && !grow_buckets()) return NONE;
  struct directory *directory = NULL;
  if (is_directory) {
    directory = calloc(1, sizeof(*directory));
    if (directory == NULL || !set_layers(directory, layers, count)) return free(directory), NONE;
  }
  uint32_t name = name_put(record->name);
  index = name == 0 ? NONE : entry_new();
  if (index == NONE) {
    name_drop(name);
    if (directory != NULL) free(directory->layers);
    free(directory);
    return NONE;
  }
  struct entry *entry = entry_at(index);
  entry->facts = record->facts;
  entry->name = name;
  entry->directory = directory;
  entry->parent = parent;
  entry->part = part;
  part_at(part)->uses++;
  put_name(index);
  return index;
}

/* One visible name: which scan has it, where in it, and for a directory the layers that may go into it. */
struct pick {
  uint32_t scan, record, layer_count;
  const uint32_t *layers;
};

static bool next_pick(const uint32_t **at, const uint32_t *end, struct pick *pick) {
  if (*at + 3 > end || (uint64_t)(end - *at) < 3ULL + (*at)[2]) return false;
  *pick = (struct pick){(*at)[0], (*at)[1], (*at)[2], *at + 3};
  *at += 3 + pick->layer_count;
  return true;
}

/* Nothing is named: all of the only scan. */
struct picks {
  const uint32_t *at, *end;
  uint32_t count;
  bool all;
};

/* What a directory shows from now on, and the parts that it is made of, which it takes over; consumes the scans. 0 or -errno. */
static int keep(uint32_t index, const uint32_t *parts, uint32_t part_count, const uint32_t *scans, uint32_t scan_count,
                struct picks picks) {
  struct directory *directory = entry_at(index)->directory;
  uint32_t count = !picks.all ? picks.count : scan_count > 0 ? scan_at(scans[0])->count : 0;
  struct children *old = directory->children, *children = malloc(sizeof(*children) + count * sizeof(uint32_t));
  uint32_t *own = malloc((part_count > 0 ? part_count : 1) * sizeof(*own));
  if (children == NULL || own == NULL) return free(children), free(own), -ENOMEM;
  memcpy(own, parts, part_count * sizeof(*own));
  children->uses = 1;
  children->count = 0;

  int result = 0;
  uint32_t only = scan_count > 0 ? part_at(scan_at(scans[0])->part)->layer : 0;
  for (uint32_t i = 0; i < count; i++) {
    struct pick pick = {0, i, 1, &only};
    if (!picks.all && !next_pick(&picks.at, picks.end, &pick)) break;
    struct scan *scan = scan_at(scans[pick.scan]);
    uint32_t child = adopt(index, scan->part, &scan->records[pick.record], pick.layers, pick.layer_count);
    if (child == NONE) {
      result = -ENOMEM;
      break;
    }
    entry_pin(child);
    children->index[children->count++] = child;
  }
  /* What was there before and was not picked again. A list has each name once, so that a mark can tell. */
  if (old != NULL) {
    for (uint32_t i = 0; i < children->count; i++) entry_at(children->index[i])->kept = true;
    for (uint32_t i = 0; i < old->count; i++) {
      struct entry *entry = entry_at(old->index[i]);
      if (entry->kept || entry->gone) continue;
      notify_entry(node_of(index), name_at(entry->name));
      vanish(old->index[i]);
    }
    for (uint32_t i = 0; i < children->count; i++) entry_at(children->index[i])->kept = false;
    notify_inode(node_of(index), true);
  }
  directory->children = children;
  children_drop(old);
  uint32_t *replaced = directory->parts, replaced_count = directory->part_count;
  directory->parts = own;
  directory->part_count = part_count;
  for (uint32_t i = 0; i < replaced_count; i++) part_drop(replaced[i]);
  free(replaced);
  for (uint32_t i = 0; i < scan_count; i++) scan_release(scans[i]);
  return result;
}

/* keep(entry, parts, scans, picks, count): without picks it is all of one scan. */
static napi_value js_keep(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  uint32_t index = (uint32_t)in_int(&in), *parts = NULL, *scans = NULL, *at = NULL;
  size_t part_count = 0, scan_count = 0, size = 0;
  napi_get_typedarray_info(env, in_value(&in), NULL, &part_count, (void **)&parts, NULL, NULL);
  napi_get_typedarray_info(env, in_value(&in), NULL, &scan_count, (void **)&scans, NULL, NULL);
  bool all = napi_get_typedarray_info(env, in_value(&in), NULL, &size, (void **)&at, NULL, NULL) != napi_ok;
  struct picks picks = {at, at + size, (uint32_t)in_int(&in), all};
  return out_int(env, keep(index, parts, (uint32_t)part_count, scans, (uint32_t)scan_count, picks));
}

bool entry_compile(uint32_t index) {
  const struct directory *directory = entry_at(index)->directory, *above = entry_at(entry_at(index)->parent)->directory;
  if (index == 0 || directory->layer_count != 1 || layer_slow(directory->layers[0]) || above == NULL) return false;
  for (uint32_t i = 0; i < above->part_count; i++) {
    if (part_at(above->parts[i])->layer != directory->layers[0]) continue;
    uint32_t part = part_make(above->parts[i], index, directory->layers[0]);
    int64_t scan = part == NONE ? -1 : scan_plain(part);
    if (scan < 0) {
      if (part != NONE) part_drop(part);
      return false;
    }
    const uint32_t only = (uint32_t)scan;
    keep(index, &part, 1, &only, 1, (struct picks){.all = true});
    return directory->children != NULL;
  }
  return false;
}

static napi_value numbers(napi_env env, const uint32_t *from, uint32_t count) {
  napi_value buffer, array;
  void *data = NULL;
  napi_create_arraybuffer(env, count * sizeof(uint32_t), &data, &buffer);
  if (count > 0) memcpy(data, from, count * sizeof(uint32_t));
  napi_create_typedarray(env, napi_uint32_array, count, buffer, 0, &array);
  return array;
}

/* root(): makes entry 0, whose attributes are those of the last `stat`. */
static napi_value js_root(napi_env env, napi_callback_info info) {
  (void)info;
  uint32_t index = entry_new();
  struct entry *entry = entry_at(index);
  entry->directory = calloc(1, sizeof(struct directory));
  if (entry->directory == NULL) return out_int(env, -ENOMEM);
  entry->part = NONE;
  entry->lookups = 1;
  grow_buckets();
  return out_int(env, index);
}

/* setRoot(): its attributes become what the last `stat` saw. */
static napi_value js_set_root(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  struct facts facts = facts_of(&seen, shared.inode);
  if (in_int(&in) > 1) facts.nlink = 1;
  scan_squash(&facts);
  if (!same_object(&entry_at(0)->facts, &facts)) notify_inode(1, false);
  entry_at(0)->facts = facts;
  return out_int(env, 0);
}

/* layersOf(entry): the candidates, topmost first. */
static napi_value js_layers_of(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  const struct directory *directory = entry_at((uint32_t)in_int(&in))->directory;
  return numbers(env, directory->layers, directory->layer_count);
}

static napi_value js_set_layers(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  uint32_t index = (uint32_t)in_int(&in), *layers = NULL;
  size_t count = 0;
  napi_get_typedarray_info(env, in_value(&in), NULL, &count, (void **)&layers, NULL, NULL);
  return out_int(env, set_layers(entry_at(index)->directory, layers, (uint32_t)count) ? 0 : -ENOMEM);
}

/* partsOf(entry): what it is made of, once it is compiled. */
static napi_value js_parts_of(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  const struct directory *directory = entry_at((uint32_t)in_int(&in))->directory;
  return numbers(env, directory->parts, directory->part_count);
}

static napi_value js_compiled(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  const struct directory *directory = entry_at((uint32_t)in_int(&in))->directory;
  return out_int(env, directory != NULL && directory->children != NULL);
}

/* child(entry, name): of a compiled directory; -1 where there is none. */
static napi_value js_child(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text name;
  uint32_t parent = (uint32_t)in_int(&in);
  in_text(&in, name);
  uint32_t index = entry_find(parent, name, strlen(name));
  return out_int(env, index == NONE ? -1 : (int64_t)index);
}

/* children(entry): {names, entries, types, inodes} of a compiled directory. */
static napi_value js_children(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  const struct children *children = entry_at((uint32_t)in_int(&in))->directory->children;
  uint32_t count = children->count;
  napi_value result, names, types, inodes, buffer;
  uint8_t *type = NULL;
  uint64_t *inode = NULL;
  napi_create_object(env, &result);
  napi_create_array_with_length(env, count, &names);
  napi_create_arraybuffer(env, count, (void **)&type, &buffer);
  napi_create_typedarray(env, napi_uint8_array, count, buffer, 0, &types);
  napi_create_arraybuffer(env, count * sizeof(uint64_t), (void **)&inode, &buffer);
  napi_create_typedarray(env, napi_biguint64_array, count, buffer, 0, &inodes);
  for (uint32_t i = 0; i < count; i++) {
    const struct entry *entry = entry_at(children->index[i]);
    type[i] = (uint8_t)(entry->facts.mode >> 12);
    inode[i] = entry->facts.ino;
    napi_set_element(env, names, i, out_bytes(env, name_at(entry->name), NAPI_AUTO_LENGTH));
  }
  napi_set_named_property(env, result, "names", names);
  napi_set_named_property(env, result, "types", types);
  napi_set_named_property(env, result, "inodes", inodes);
  napi_set_named_property(env, result, "entries", numbers(env, children->index, count));
  return result;
}

/* facts(entry): as `stat` does it, from the table. */
static napi_value js_facts(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  const struct entry *entry = entry_at((uint32_t)in_int(&in));
  const struct facts *facts = &entry->facts;
  bool device = is_device(facts->mode);
  if (facts->error != 0) return out_int(env, -(int64_t)facts->error);
  seen = (struct stat){.st_ino = facts->ino,
                       .st_size = device ? 0 : (off_t)facts->size,
                       .st_blocks = facts->blocks,
                       .st_atim = {facts->atime, facts->atimensec},
                       .st_mtim = {facts->mtime, facts->mtimensec},
                       .st_ctim = {facts->ctime, facts->ctimensec},
                       .st_mode = facts->mode,
                       .st_nlink = facts->nlink,
                       .st_uid = facts->uid,
                       .st_gid = facts->gid,
                       .st_rdev = device ? facts->size : 0,
                       .st_blksize = (blksize_t)block_size(entry)};
  share_seen(facts->ino);
  return out_int(env, 0);
}

/* place(entry): the descriptor of the directory that has it, in the layer that shows it. */
static napi_value js_place(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  const struct entry *entry = entry_at((uint32_t)in_int(&in));
  const struct directory *root = entry->directory;
  if (entry->part != NONE) return out_int(env, part_open(entry->part));
  return out_int(env, root != NULL && root->layer_count > 0 ? layer_fd(root->layers[0]) : -EINVAL);
}

static napi_value js_slow_entry(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  int64_t index = in_int(&in);
  uint32_t part = index < 0 ? NONE : entry_at((uint32_t)index)->part;
  return out_int(env, part != NONE && layer_slow(part_at(part)->layer));
}

static napi_value js_name_of(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  return out_bytes(env, name_at(entry_at((uint32_t)in_int(&in))->name), NAPI_AUTO_LENGTH);
}

static napi_value js_parent_of(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  return out_int(env, entry_at((uint32_t)in_int(&in))->parent);
}

/* claim(entry): TypeScript answers for it from now on; returns the kernel's references, which become its own to count. */
static napi_value js_claim(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  struct entry *entry = entry_at((uint32_t)in_int(&in));
  uint32_t lookups = entry->lookups;
  entry->claimed = true;
  entry->lookups = 0;
  return out_int(env, lookups);
}

static napi_value js_unclaim(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  uint32_t index = (uint32_t)in_int(&in);
  entry_at(index)->claimed = false;
  release(index);
  return out_int(env, 0);
}

static napi_value js_lookups(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  return out_int(env, entry_at((uint32_t)in_int(&in))->lookups);
}

static napi_value js_gone(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  return out_int(env, entry_at((uint32_t)in_int(&in))->gone);
}

static napi_value js_last_shown(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  return out_int(env, entry_at((uint32_t)in_int(&in))->last);
}

static napi_value js_showing(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  showing = (uint32_t)in_int(&in);
  return out_int(env, 0);
}

static bool is_held(uint32_t index) {
  return entry_at(index)->gone && entry_at(index)->lookups > 0;
}

/* held(): {inodes, generations} of what the kernel still holds although it is not shown any more. */
static napi_value js_held(napi_env env, napi_callback_info info) {
  (void)info;
  uint32_t count = 0, at = 0;
  for (uint32_t i = 0; i < entry_top; i++) count += is_held(i);
  napi_value result, buffer, inodes, generations;
  uint64_t *inode = NULL;
  uint32_t *generation = NULL;
  napi_create_object(env, &result);
  napi_create_arraybuffer(env, count * sizeof(uint64_t), (void **)&inode, &buffer);
  napi_create_typedarray(env, napi_biguint64_array, count, buffer, 0, &inodes);
  napi_create_arraybuffer(env, count * sizeof(uint32_t), (void **)&generation, &buffer);
  napi_create_typedarray(env, napi_uint32_array, count, buffer, 0, &generations);
  for (uint32_t i = 0; i < entry_top && at < count; i++) {
    if (!is_held(i)) continue;
    inode[at] = entry_at(i)->facts.ino;
    generation[at++] = entry_at(i)->last;
  }
  napi_set_named_property(env, result, "inodes", inodes);
  napi_set_named_property(env, result, "generations", generations);
  return result;
}

void export_table(napi_env env, napi_value exports) {
  static const struct function table[] = {
      {"root", js_root},         {"setRoot", js_set_root},     {"keep", js_keep},         {"layersOf", js_layers_of},
      {"setLayers", js_set_layers}, {"partsOf", js_parts_of},  {"compiled", js_compiled}, {"child", js_child},
      {"children", js_children}, {"facts", js_facts},          {"place", js_place},       {"nameOf", js_name_of},
      {"parentOf", js_parent_of}, {"claim", js_claim},         {"unclaim", js_unclaim},   {"lookups", js_lookups},
      {"gone", js_gone},         {"held", js_held},           {"showing", js_showing},    {"slowEntry", js_slow_entry},
      {"lastShown", js_last_shown}};
  EXPORT(env, exports, table);
}
