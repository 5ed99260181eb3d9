/* What a directory of one layer holds, read whole: names, attributes, marks. */
#include "table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct scan **scans;
static uint32_t scan_room;

/* `trusted.overlay.` or `user.overlay.` */
static char prefix[64];
/* All belongs to who serves. */
static bool squash;
/* Names may be marks. */
static bool translates;

void scan_squash(struct facts *facts) {
  if (!squash) return;
  facts->uid = geteuid();
  facts->gid = getegid();
}

struct scan *scan_at(uint32_t scan) {
  return scans[scan];
}

static void scan_free(struct scan *scan) {
  if (scan == NULL) return;
  for (uint32_t i = 0; i < scan->count; i++) free(scan->records[i].name);
  free(scan->records);
  free(scan);
}

void scan_release(uint32_t index) {
  scan_free(scans[index]);
  scans[index] = NULL;
}

/* A mark of overlayfs's on what a descriptor and a name below it (or '') stand for; its first byte, 0 when there is none. */
static char mark(int fd, const char *name, const char *which, bool *there) {
  char path[4160], attribute[80], value[8];
  snprintf(attribute, sizeof(attribute), "%s%s", prefix, which);
  ssize_t size = name[0] == 0 ? fgetxattr(fd, attribute, value, sizeof(value))
                              : (snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", fd, name),
                                 lgetxattr(path, attribute, value, sizeof(value)));
  *there = size >= 0;
  return size > 0 ? value[0] : 0;
}

static bool is_whiteout(int fd, const char *name, const struct stat *st, char opaque) {
  bool there = false;
  if (S_ISCHR(st->st_mode)) return st->st_rdev == 0;
  if (opaque == 'x' && S_ISREG(st->st_mode) && st->st_size == 0) mark(fd, name, "whiteout", &there);
  return there;
}

static int add(struct scan *scan, uint32_t *room, int fd, const char *name, uint8_t type, uint32_t system) {
  if (scan->count == *room) {
    uint32_t wanted = *room > 0 ? 2 * *room : 32;
    struct record *more = realloc(scan->records, wanted * sizeof(*more));
    if (more == NULL) return -ENOMEM;
    scan->records = more;
    *room = wanted;
  }
  struct record record = {.name = strdup(name)};
  if (record.name == NULL) return -ENOMEM;
  struct stat st;
  if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
    record.facts = facts_of(&st, unique_inode(st.st_ino, system));
    scan_squash(&record.facts);
    record.hides = is_whiteout(fd, name, &st, scan->opaque);
  } else {
    /* It is listed all the same, as the kernel does; who asks for it gets the error. */
    record.facts.error = (uint16_t)errno;
    record.facts.mode = (uint16_t)(type << 12);
  }
  if (record.hides) scan->suspects++;
  scan->records[scan->count++] = record;
  return 0;
}

/* On any thread, for a descriptor that nobody else lists. */
static struct scan *read_directory(int fd, uint32_t system, int *error) {
  struct scan *scan = calloc(1, sizeof(*scan));
  if (scan == NULL) return *error = ENOMEM, NULL;
  int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = own >= 0 ? fdopendir(own) : NULL;
  if (directory == NULL) {
    *error = errno;
    if (own >= 0) close(own);
    free(scan);
    return NULL;
  }
  bool there;
  uint32_t room = 0;
  int result = 0;
  scan->opaque = mark(own, "", "opaque", &there);
  for (;;) {
    errno = 0;
    const struct dirent *found = readdir(directory);
    if (found == NULL) {
      result = -errno;
      break;
    }
    if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
    result = add(scan, &room, own, found->d_name, found->d_type, system);
    if (result < 0) break;
  }
  closedir(directory);
  if (result == 0) return scan;
  *error = -result;
  scan_free(scan);
  return NULL;
}

static int64_t keep_scan(struct scan *scan, uint32_t part) {
  uint32_t index = 0;
  while (index < scan_room && scans[index] != NULL) index++;
  if (index == scan_room) {
    struct scan **more = realloc(scans, (scan_room + 16) * sizeof(*scans));
    if (more == NULL) return scan_free(scan), -ENOMEM;
    memset(more + scan_room, 0, 16 * sizeof(*scans));
    scans = more;
    scan_room += 16;
  }
  scan->part = part;
  scans[index] = scan;
  shared.number[SCAN_COUNT] = scan->count;
  shared.number[SCAN_OPAQUE] = scan->opaque;
  shared.number[SCAN_SUSPECTS] = scan->suspects;
  return index;
}

/* A part of a slow layer is opened and read by a worker. */
struct slow_scan {
  struct job job;
  uint32_t part, task, system;
  int above, fd, error;
  char *name;
  struct scan *scan;
};

static void run_slow(struct job *job) {
  struct slow_scan *slow = (struct slow_scan *)job;
  if (slow->fd < 0) slow->fd = openat(slow->above, slow->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (slow->fd < 0) slow->error = errno;
  else slow->scan = read_directory(slow->fd, slow->system, &slow->error);
}

static void finish_slow(struct job *job) {
  struct slow_scan *slow = (struct slow_scan *)job;
  struct part *part = part_at(slow->part);
  part_opened(slow->part, slow->fd);
  /* What failed is an empty one with the error in place of a count, for the one who asks again. */
  if (slow->scan == NULL) slow->scan = calloc(1, sizeof(*slow->scan));
  if (slow->scan != NULL && slow->error != 0) slow->scan->part = (uint32_t)slow->error;
  part->scan = slow->scan;
  part->task = 0;
  uint32_t task = slow->task;
  part_drop(slow->part);
  free(slow->name);
  free(slow);
  task_done(task);
}

static int64_t scan_later(uint32_t index) {
  struct part *part = part_at(index);
  if (part->scan != NULL) {
    struct scan *scan = part->scan;
    part->scan = NULL;
    if (scan->part == 0) return keep_scan(scan, index);
    int64_t error = -(int64_t)scan->part;
    scan_free(scan);
    return error;
  }
  if (part->task == 0) {
    struct slow_scan *slow = calloc(1, sizeof(*slow));
    if (slow == NULL) return -ENOMEM;
    *slow = (struct slow_scan){.job = {.run = run_slow, .finish = finish_slow, .slow = true},
                               .part = index,
                               .task = task_new(),
                               .system = layer_system(part->layer),
                               .above = -1,
                               .fd = part->above == NONE ? part_open(index) : part->fd,
                               .name = strdup(name_at(entry_at(part->entry)->name))};
    if (part->above != NONE) slow->above = part_at(part->above)->fd;
    part->uses++;
    part->task = slow->task;
    job_start(&slow->job);
  }
  shared.number[TASK] = part->task;
  return -EAGAIN;
}

/* scan(part): its number, or -errno; EAGAIN when a worker does it, whose task is in the slot. */
static napi_value js_scan(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  uint32_t index = (uint32_t)in_int(&in);
  if (layer_slow(part_at(index)->layer)) return out_int(env, scan_later(index));
  int fd = part_open(index), error = 0;
  if (fd < 0) return out_int(env, fd);
  struct scan *scan = read_directory(fd, layer_system(part_at(index)->layer), &error);
  return out_int(env, scan != NULL ? keep_scan(scan, index) : -(int64_t)error);
}

int64_t scan_plain(uint32_t part) {
  int fd = part_open(part), error = 0;
  struct scan *scan = fd < 0 || translates ? NULL : read_directory(fd, layer_system(part_at(part)->layer), &error);
  if (scan == NULL) return -1;
  if (scan->suspects == 0) return keep_scan(scan, part);
  scan_free(scan);
  return -1;
}

static napi_value js_drop_scan(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  scan_release((uint32_t)in_int(&in));
  return out_int(env, 0);
}

/* names(scan, kinds): the names; a byte each in `kinds`: 1 a directory, 2 a whiteout, 0 anything else. */
static napi_value js_names(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  const struct scan *scan = scan_at((uint32_t)in_int(&in));
  uint8_t *kinds = NULL;
  size_t room = 0;
  napi_value names;
  napi_get_typedarray_info(env, in_value(&in), NULL, &room, (void **)&kinds, NULL, NULL);
  napi_create_array_with_length(env, scan->count, &names);
  for (uint32_t i = 0; i < scan->count && i < room; i++) {
    const struct record *record = &scan->records[i];
    kinds[i] = record->hides ? 2 : S_ISDIR(record->facts.mode) ? 1 : 0;
    napi_set_element(env, names, i, out_bytes(env, record->name, NAPI_AUTO_LENGTH));
  }
  return names;
}

static napi_value js_prefix(napi_env env, napi_callback_info info) {
  struct in in = in_of(env, info);
  text given;
  snprintf(prefix, sizeof(prefix), "%.63s", in_text(&in, given));
  lower_prefix(prefix);
  squash = in_int(&in) > 0;
  translates = in_int(&in) > 0;
  return out_int(env, 0);
}

void export_scan(napi_env env, napi_value exports) {
  static const struct function table[] = {
      {"scan", js_scan}, {"dropScan", js_drop_scan}, {"names", js_names}, {"prefix", js_prefix}};
  EXPORT(env, exports, table);
}
