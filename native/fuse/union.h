/*
 * The union's half in C: it takes the kernel's requests off /dev/fuse, answers those that only move data, hands the rest
 * to TypeScript and turns what that decides into replies. The file calls that TypeScript decides with are in files.c.
 */
#ifndef NANOLIN_UNION_H
#define NANOLIN_UNION_H

#include <linux/fuse.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* What one request may carry: the kernel's largest write, its header and some room (fuse_max_pages_limit is 256). */
enum { WRITE_MAX = 1 << 20, HEADER_ROOM = 4096 };

/*
 * Numbers that cross without being made into JavaScript values: the request's in front, the reply's behind them, then what the last
 * `stat` saw. The indexes are those of src/fuse/slots.ts.
 */
enum slot {
  UID, GID, PID, UMASK,
  ARGUMENT, /* up to ten, in the order of the request's structure */
  NODE = 16, HANDLE, OPEN_FLAGS, LIFETIME,
  TASK = 21, /* that a request waits for */
  STAT_MODE = 24, STAT_NLINK, STAT_UID, STAT_GID, STAT_RDEV, STAT_SIZE, STAT_DEV,
  SCAN_COUNT = 32, SCAN_OPAQUE, SCAN_SUSPECTS,
  SLOTS = 40
};

struct shared {
  double number[SLOTS];
  uint64_t inode; /* st_ino that is shown; 64 bits do not fit a double */
};

/* Lives as long as the process: JavaScript's view of it has no owner to wait for. */
extern struct shared shared;
extern struct stat seen; /* by the last `stat`; replies take from it what `shared` does not hold */

/* Into `shared`, from `seen`, with this inode number. */
void share_seen(uint64_t inode);
struct fuse_attr seen_attributes(void);

/* An inode number for the whole union: the file system's number in the union goes where none of its own has bits (as xino does). */
static inline uint64_t unique_inode(uint64_t inode, int64_t system) {
  return inode ^ ((uint64_t)system << 54);
}

/* jobs.c: what may wait for a disk. `run` on a worker, then `finish` on JavaScript's thread, where there is one. */
struct job {
  struct job *next;
  void (*run)(struct job *job);
  void (*finish)(struct job *job);
  bool slow; /* may never come back: it gets a thread that the others do not wait for */
  /* Of a slow one, the request that waits for it: who is killed meanwhile is answered without it. */
  const struct fuse_in_header *request;
  struct job *running;
  bool interrupted, abandoned;
};
struct uv_loop_s;
bool jobs_begin(struct uv_loop_s *loop);
void jobs_end(void);
void job_start(struct job *job);
/* Work that requests wait for: they are answered from the start again when it is done. */
uint32_t task_new(void);
void task_done(uint32_t task);
void task_wait(uint32_t task, const struct fuse_in_header *in, const char *payload, size_t size);
/* Somebody got a signal while its request waits. */
void jobs_interrupt(uint64_t unique);
void export_jobs(napi_env env, napi_value exports);

struct request {
  struct job job;
  size_t size; /* of the payload, which a NUL follows */
  struct fuse_in_header header;
  char payload[WRITE_MAX + HEADER_ROOM];
};

/* session.c */
void session_poll(struct uv_loop_s *loop);
/* A request that was read and has not been answered. */
void session_take(const struct fuse_in_header *in, const char *payload, size_t size);
int session_device(void);
void reply_error(const struct fuse_in_header *in, int error);
void reply_data(const struct fuse_in_header *in, const void *data, size_t size);
void reply_parts(const struct fuse_in_header *in, struct iovec *parts, int count);

/* answer.c: the requests that need no decision; false when TypeScript has to answer. */
bool answer(const struct fuse_in_header *in, const char *payload, size_t size);
/* Those that may wait for a disk, for any thread. */
bool moves_data(uint32_t opcode);
/* A read of no more than a look-up may read from a disk, of a file system that reads what is there; false for anything else. */
bool answer_short_read(const struct fuse_in_header *in, const char *payload, size_t size);
/* Of those, what needs no waiting; false when it is for a worker. */
bool answer_at_once(const struct fuse_in_header *in, const char *payload, size_t size);
/* Whose free space statfs shows. */
void answer_space_of(int fd);

/* decide.c: on JavaScript's thread, but for `decide_begin`. */
void decide(const struct fuse_in_header *in, const char *payload, size_t size);
void decide_begin(void);
void decide_end(void);

/* The handler's answer to a pseudo-request: 0, -errno, or PARKED with the task in its slot. */
enum { COMPILE = 4096, PARKED = 1 << 30 };
int64_t decide_compile(uint32_t entry);
void decide_forget(uint64_t node, uint64_t count);
/* Settles a promise with a number, from a job's `finish`. */
void call_scope(napi_env env, napi_deferred told, double number);
void reply_entry_of(const struct fuse_in_header *in, const struct fuse_attr *attr, uint64_t node, uint64_t generation);
void reply_offset(const struct fuse_in_header *in, int64_t offset);
void reply_absent(const struct fuse_in_header *in);

/* listing.c: the entries of an open directory, in the kernel's own records. */
struct listing;
struct listing *listing_open(void);
void listing_close(struct listing *listing);
void listing_reply(const struct fuse_in_header *in, const struct fuse_read_in *read);
/* From the middle, for who had the beginning from the kernel's pages: the table's list of the node. */
void listing_go_on(const struct fuse_read_in *read, uint64_t node);
/* Of a directory that the table answers for; false when TypeScript has to fill it. */
bool listing_lower(const struct fuse_in_header *in, const struct fuse_read_in *read, uint32_t entry);

void export_session(napi_env env, napi_value exports);
void export_listing(napi_env env, napi_value exports);
void export_files(napi_env env, napi_value exports);
void export_adopt(napi_env env, napi_value exports);

/* values.c: arguments of a call from JavaScript; names are strings of one character a byte (latin1), so that any byte passes. */
struct in {
  napi_env env;
  napi_value value[8];
  size_t next;
};
/* XATTR_SIZE_MAX and XATTR_LIST_MAX (<linux/limits.h>). */
enum { XATTR_MAX = 65536 };
/* A name of 255 bytes, or a symlink's target of a page. */
typedef char text[4097];

struct in in_of(napi_env env, napi_callback_info info);
napi_value in_value(struct in *in);
int64_t in_int(struct in *in);
const char *in_text(struct in *in, text out);
napi_value out_int(napi_env env, int64_t number);
/* The result, or -errno when it is below zero. */
napi_value out_result(napi_env env, int64_t result);
napi_value out_bytes(napi_env env, const char *bytes, size_t size);

struct function {
  const char *name;
  napi_callback callback;
};
void export_functions(napi_env env, napi_value exports, const struct function *functions, size_t count);
#define EXPORT(env, exports, table) export_functions(env, exports, table, sizeof(table) / sizeof((table)[0]))

#endif
