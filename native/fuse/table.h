/*
 * The lowers, merged: a table of what is visible below the upper, directory by directory. TypeScript decides what a directory shows
 * (src/fuse/compile.ts) and does so once; from then on the kernel's questions about it are answered from here. All of it belongs to
 * JavaScript's thread.
 */
#ifndef NANOLIN_TABLE_H
#define NANOLIN_TABLE_H

#include "union.h"

#define NONE UINT32_MAX
/* Nodes from here on are entries of the table; below are TypeScript's own. The root, 1, is entry 0 as well. */
#define LOWER_NODE (1ULL << 40)

/* A directory of one layer. It keeps the ones above it, so that it can be opened again whenever it was closed. */
struct part {
  uint32_t above; /* NONE for a layer's root */
  uint32_t entry; /* whose directory; its name */
  uint32_t layer;
  uint32_t uses; /* entries that lie in it, parts below, directories that show it */
  int fd;        /* -1: closed, or not opened yet */
  struct scan *scan; /* read by a worker, for who asks next */
  uint32_t task;     /* that reads it now, 0 for none */
  bool used;         /* since descriptors were last closed */
};

/* What `stat` tells, as small as it gets: there is one for each file that the kernel has asked for. */
struct facts {
  uint64_t ino;
  uint64_t size; /* of a device, its number */
  int64_t atime, mtime, ctime;
  uint32_t atimensec, mtimensec, ctimensec;
  uint32_t blocks; /* of 512 bytes; 2 TiB and more are shown as that */
  uint32_t nlink, uid, gid;
  uint16_t mode;
  uint16_t error; /* of its stat, which is the answer to who asks for it */
};

/* One visible name. What the table says of it stays for as long as the kernel or an open directory knows it. */
struct entry {
  struct facts facts; /* as the topmost part has it; the inode's number is the union's */
  bool gone : 1;      /* not visible any more */
  bool kept : 1;      /* while a list is compared with the one before */
  bool claimed : 1;   /* TypeScript answers for it */
  uint32_t name;      /* names.c */
  uint32_t parent, part; /* the part holds its topmost name; NONE for the root */
  union {
    uint32_t next; /* the next one in its chain of the hash */
    uint32_t last; /* stack that showed it, once it is gone */
  };
  uint32_t lookups;    /* references of the kernel */
  uint32_t pins;       /* lists that name it, open files, parts of it */
  uint32_t generation; /* of its number, which is used again */
  struct directory *directory; /* NULL for everything else */
};

/* In the order of the layers. A list that is open stays as it is. */
struct children {
  uint32_t uses, count;
  uint32_t index[];
};

struct directory {
  uint32_t *layers; /* that have a directory of this name, topmost first: candidates until it is compiled */
  uint32_t layer_count;
  uint32_t *parts; /* that it shows, once it is compiled */
  uint32_t part_count;
  struct children *children; /* NULL: not compiled */
  bool absent;               /* the kernel may remember names that are not there */
};

/* parts.c */
uint32_t layer_system(uint32_t layer);
bool layer_slow(uint32_t layer);
int layer_fd(uint32_t layer);
/* st_blksize, which is one for all that a file system has. */
uint32_t layer_block_size(uint32_t layer);
void layer_drop(uint32_t layer);
struct part *part_at(uint32_t part);
uint32_t part_make(uint32_t above, uint32_t entry, uint32_t layer);
void part_drop(uint32_t part);
/* Its descriptor, or -errno. It may ask the disk. */
int part_open(uint32_t part);
void part_opened(uint32_t part, int fd);
/* Before a request: so that none loses what it has just opened. */
void parts_close_some(void);
void export_parts(napi_env env, napi_value exports);

/* scan.c */
struct record {
  char *name;
  struct facts facts;
  bool hides; /* a whiteout */
};
struct scan {
  struct record *records;
  uint32_t count, suspects;
  uint32_t part;
  char opaque; /* 'x' or 'y'; 0 */
  bool live;
};
struct scan *scan_at(uint32_t scan);
void scan_release(uint32_t scan);
/* Of a layer that answers at once; -1 where something has to be decided. */
int64_t scan_plain(uint32_t part);
void scan_squash(struct facts *facts);
void export_scan(napi_env env, napi_value exports);

/* names.c: names in one memory, by number; 0 is the empty one. */
uint32_t name_put(const char *name);
void name_drop(uint32_t name);
const char *name_at(uint32_t name);

/* table.c */
struct facts facts_of(const struct stat *st, uint64_t inode);
struct fuse_attr attr_of(const struct entry *entry);
struct entry *entry_at(uint32_t index);
uint32_t entry_find(uint32_t parent, const char *name, size_t length);
void entry_pin(uint32_t index);
/*
 * A directory that one layer alone has, and in which nothing is a mark of overlayfs's, shows what it holds: there is nothing to decide. False
 * where there is.
 */
bool entry_compile(uint32_t index);
void entry_unpin(uint32_t index);
void entry_forget(uint32_t index, uint64_t count);
void children_drop(struct children *children);
/* The entry that answers for a node; NONE where TypeScript does. */
uint32_t entry_of(uint64_t node);
uint64_t node_of(uint32_t index);
void export_table(napi_env env, napi_value exports);

/* lower.c: answers from the table; false when TypeScript has to. */
bool lower_answer(const struct fuse_in_header *in, const char *payload, size_t size);
bool lower_release(int fd);
/* Is this a request on an open file of a layer that may not answer? */
bool lower_is_slow(const struct fuse_in_header *in, const char *payload, size_t size);
/* Compiled, or being compiled: then the request waits, and it is false. */
bool lower_ready(const struct fuse_in_header *in, const char *payload, size_t size, uint32_t index);
/* The reply to a look-up. */
void lower_present(const struct fuse_in_header *in, uint32_t index);
void lower_prefix(const char *prefix);
void export_lower(napi_env env, napi_value exports);

/* live.c: answers about what TypeScript has told of; false when it has to be asked. */
bool live_answer(const struct fuse_in_header *in, const char *payload, size_t size);
/* Is it certain that the upper has nothing of this name in a directory? */
bool live_lacks(uint64_t node, const char *name);
void export_live(napi_env env, napi_value exports);

/* notify.c: what the kernel is to drop, collected while directories change. */
void notify_entry(uint64_t parent, const char *name);
void notify_inode(uint64_t node, bool data);
void export_notify(napi_env env, napi_value exports);

#endif
