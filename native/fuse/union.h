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
  STAT_MODE = 24, STAT_NLINK, STAT_UID, STAT_GID, STAT_RDEV, STAT_SIZE, STAT_DEV,
  SLOTS = 32
};

struct shared {
  double number[SLOTS];
  uint64_t inode; /* st_ino that is shown; 64 bits do not fit a double */
};

/* Lives as long as the process: JavaScript's view of it has no owner to wait for. */
extern struct shared shared;
extern struct stat seen; /* by the last `stat`; replies take from it what `shared` does not hold */

struct request {
  struct request *next;
  size_t size; /* of the payload, which a NUL follows */
  struct fuse_in_header header;
  char payload[WRITE_MAX + HEADER_ROOM];
};

/* session.c */
struct uv_loop_s;
void session_poll(struct uv_loop_s *loop);
void session_relieve(void);
void reply_error(const struct fuse_in_header *in, int error);
void reply_data(const struct fuse_in_header *in, const void *data, size_t size);
void reply_parts(const struct fuse_in_header *in, struct iovec *parts, int count);

/* answer.c: the requests that need no decision; false when TypeScript has to answer. */
bool answer(const struct fuse_in_header *in, const char *payload, size_t size);
/* Those that may wait for a disk, for any thread. */
bool moves_data(uint32_t opcode);
/* Of those, what needs no waiting; false when it is for a worker. */
bool answer_at_once(const struct fuse_in_header *in, const char *payload, size_t size);
/* Whose free space statfs shows. */
void answer_space_of(int fd);

/* decide.c: on JavaScript's thread, but for `decide_begin`. */
void decide(const struct fuse_in_header *in, const char *payload, size_t size);
void decide_begin(void);
void decide_end(void);

/* listing.c: the entries of an open directory, in the kernel's own records. */
struct listing;
struct listing *listing_open(void);
void listing_close(struct listing *listing);
void listing_reply(const struct fuse_in_header *in, const struct fuse_read_in *read);

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
