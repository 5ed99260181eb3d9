/*
 * What the kernel is to forget. It is collected while directories change and written by a worker: the kernel takes locks for it that a
 * caller may hold who waits for an answer of ours (Documentation/filesystems/fuse: notifications must not be sent from a request).
 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct note {
  uint64_t node;
  char *name; /* NULL: the inode itself */
  bool data;
};

static struct note *notes;
static size_t count, room;

static void add(struct note note) {
  if (count == room) {
    size_t wanted = room > 0 ? 2 * room : 64;
    struct note *more = realloc(notes, wanted * sizeof(*notes));
    if (more == NULL) {
      free(note.name);
      return;
    }
    notes = more;
    room = wanted;
  }
  notes[count++] = note;
}

void notify_entry(uint64_t parent, const char *name) {
  add((struct note){.node = parent, .name = strdup(name)});
}

void notify_inode(uint64_t node, bool data) {
  add((struct note){.node = node, .data = data});
}

static void send_note(const struct note *note) {
  struct fuse_out_header out = {.len = sizeof(out)};
  struct fuse_notify_inval_entry_out entry = {.parent = note->node};
  struct fuse_notify_inval_inode_out inode = {.ino = note->node, .off = note->data ? 0 : -1};
  struct iovec parts[3] = {{&out, sizeof(out)}};
  int used = 2;
  if (note->name != NULL) {
    out.error = FUSE_NOTIFY_INVAL_ENTRY;
    entry.namelen = (uint32_t)strlen(note->name);
    parts[1] = (struct iovec){&entry, sizeof(entry)};
    parts[used++] = (struct iovec){note->name, entry.namelen + 1};
  } else {
    out.error = FUSE_NOTIFY_INVAL_INODE;
    parts[1] = (struct iovec){&inode, sizeof(inode)};
  }
  for (int i = 1; i < used; i++) out.len += (uint32_t)parts[i].iov_len;
  /* ENOENT: the kernel does not know it. */
  while (writev(session_device(), parts, used) < 0 && errno == EINTR) {}
}

struct sending {
  struct job job;
  struct note *notes;
  size_t count;
  napi_env env;
  napi_deferred told;
};

static void run(struct job *job) {
  struct sending *sending = (struct sending *)job;
  for (size_t i = 0; i < sending->count; i++) {
    send_note(&sending->notes[i]);
    free(sending->notes[i].name);
  }
}

static void finish(struct job *job) {
  struct sending *sending = (struct sending *)job;
  call_scope(sending->env, sending->told, (double)sending->count);
  free(sending->notes);
  free(sending);
}

/* notify(): sends what was collected; resolves with the number when the kernel has taken it all. */
static napi_value js_notify(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value promise = NULL;
  struct sending *sending = calloc(1, sizeof(*sending));
  if (sending == NULL) return out_int(env, -ENOMEM);
  *sending = (struct sending){.job = {.run = run, .finish = finish, .slow = true}, .notes = notes, .count = count, .env = env};
  notes = NULL;
  count = room = 0;
  napi_create_promise(env, &sending->told, &promise);
  job_start(&sending->job);
  return promise;
}

void export_notify(napi_env env, napi_value exports) {
  static const struct function table[] = {{"notify", js_notify}};
  EXPORT(env, exports, table);
}
