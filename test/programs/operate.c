// Carries out operations on files as a script names them, the same script on any file system, and answers each with one line.
//
//   operate [--marked] DIRECTORY
//
// A line of standard input is a verb and its arguments, separated by one space: names relative to DIRECTORY, numbers, slots. A slot
// (0 to 15) holds a descriptor and, from the first `mapread` or `mapwrite` on, a shared mapping of the file. The answer is a number, what
// was found out, or the errno's name; contents come as length and hash. Bytes that are written follow from a seed and their place.
//
// --marked is for the plain copy of a union's merged tree: a directory with the attribute trusted.lower is refused where a union
// refuses one that is not the upper's alone, with EXDEV from rename.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { SLOTS = 16, WORDS = 8, LONGEST = 1 << 20, MAPPED = 1 << 20, NAMES = 4096 };

static struct slot {
  int fd;
  char *mapping;
} slots[SLOTS];
static char *words[WORDS];
static unsigned char *bytes;
static bool marked;

static void answer(int64_t result) {
  if (result < 0) puts(strerrorname_np(errno));
  else printf("%" PRId64 "\n", result);
}

static long number(int word) { return strtol(words[word], NULL, 0); }
static struct slot *slot(int word) { return &slots[number(word) & (SLOTS - 1)]; }
static int fd(int word) { return slot(word)->fd; }

static size_t length(int word) {
  long given = number(word);
  return given < 0 ? 0 : given > LONGEST ? LONGEST : (size_t)given;
}

static unsigned char *pattern(size_t size, long seed, long at) {
  for (size_t n = 0; n < size; n++) bytes[n] = (unsigned char)(seed * 31 + (at + (long)n) * 7 + ((at + (long)n) >> 8));
  return bytes;
}

static void answer_bytes(const unsigned char *data, ssize_t size) {
  if (size < 0) return answer(-1);
  uint64_t hash = 0xcbf29ce484222325;
  for (ssize_t n = 0; n < size; n++) hash = (hash ^ data[n]) * 0x100000001b3;
  printf("%zd %016" PRIx64 "\n", size, hash);
}

static void answer_stat(int result, const struct stat *st, bool links) {
  if (result < 0) return answer(-1);
  bool directory = S_ISDIR(st->st_mode);
  printf("%o %u:%u %" PRIx64 " %jd", st->st_mode, st->st_uid, st->st_gid, (uint64_t)st->st_rdev, directory ? 0 : (intmax_t)st->st_size);
  // Directories count their subdirectories, or do not: both are right (UNION.md 53).
  if (links && !directory) printf(" %ju", (uintmax_t)st->st_nlink);
  puts("");
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void answer_names(char **names, size_t count) {
  qsort(names, count, sizeof *names, compare);
  printf("%zu", count);
  for (size_t n = 0; n < count; n++) {
    printf(" %s", names[n]);
    free(names[n]);
  }
  puts("");
}

static void answer_entries(int directory) {
  static char *names[NAMES];
  int copy = dup(directory);
  DIR *stream = copy < 0 ? NULL : fdopendir(copy);
  if (!stream) {
    answer(-1);
    if (copy >= 0) close(copy);
    return;
  }
  rewinddir(stream);
  size_t count = 0;
  struct dirent *entry;
  for (errno = 0; (entry = readdir(stream)) && count < NAMES; errno = 0)
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && asprintf(&names[count], "%d/%s", entry->d_type, entry->d_name) > 0) count++;
  if (errno) answer(-1);
  else answer_names(names, count);
  closedir(stream);
}

static void answer_attributes(void) {
  static char list[65536];
  static char *names[NAMES];
  ssize_t size = llistxattr(words[1], list, sizeof list);
  if (size < 0) return answer(-1);
  size_t count = 0;
  for (char *name = list; name < list + size; name += strlen(name) + 1)
    if (!strncmp(name, "user.", 5)) names[count++] = strdup(name);
  answer_names(names, count);
}

static void open_slot(void) {
  struct slot *into = slot(1);
  if (into->fd >= 0) close(into->fd);
  if (into->mapping) munmap(into->mapping, MAPPED);
  *into = (struct slot){.fd = open(words[2], (int)number(3) | O_CLOEXEC, 0644)};
  answer(into->fd < 0 ? -1 : 0);
}

static void close_slot(void) {
  struct slot *which = slot(1);
  if (which->mapping) munmap(which->mapping, MAPPED);
  answer(close(which->fd));
  *which = (struct slot){.fd = -1};
}

// What the mapping shows of the file; past its end there is a signal, no answer.
static void mapped(bool writes) {
  struct slot *which = slot(1);
  struct stat st;
  if (fstat(which->fd, &st) < 0) return answer(-1);
  if (!which->mapping) {
    int mode = fcntl(which->fd, F_GETFL) & O_ACCMODE;
    void *made = mmap(NULL, MAPPED, mode == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, which->fd, 0);
    if (made == MAP_FAILED) return answer(-1);
    which->mapping = made;
  }
  if (writes && (fcntl(which->fd, F_GETFL) & O_ACCMODE) != O_RDWR) return (void)puts("read-only");
  long at = number(2);
  size_t size = length(3);
  off_t end = st.st_size < MAPPED ? st.st_size : MAPPED;
  if (at >= end) return (void)puts("past");
  if (at + (off_t)size > end) size = (size_t)(end - at);
  if (writes) memcpy(which->mapping + at, pattern(size, number(4), at), size);
  answer_bytes((unsigned char *)which->mapping + at, (ssize_t)size);
}

// Everything that is not zero has to lie in what SEEK_DATA calls data. A file system may have to write first what a mapping holds.
static void holes(void) {
  if (fsync(fd(1)) < 0) return answer(-1);
  ssize_t size = pread(fd(1), bytes, LONGEST, 0);
  if (size < 0) return answer(-1);
  for (off_t at = 0; at < size;) {
    off_t data = lseek(fd(1), at, SEEK_DATA);
    if (data < 0 && errno != ENXIO) return answer(-1);
    if (data < 0 || data > size) data = size;
    for (; at < data; at++)
      if (bytes[at]) return (void)printf("data at %jd in a hole\n", (intmax_t)at);
    if (data == size) break;
    at = lseek(fd(1), data, SEEK_HOLE);
    if (at <= data) return (void)printf("a hole at %jd begins in data at %jd\n", (intmax_t)at, (intmax_t)data);
  }
  // Where the next append goes: holes may be in other places.
  lseek(fd(1), 0, SEEK_SET);
  puts("ok");
}

static void copy_range(void) {
  off_t from = number(2), to = number(4);
  answer(copy_file_range(fd(1), &from, fd(3), &to, length(5), 0));
}

static bool is_marked(const char *path) { return lgetxattr(path, "trusted.lower", NULL, 0) >= 0; }

// The directory that holds a name, which then stands for the name below it: paths may lead through what is renamed.
static int parent(const char **path) {
  const char *last = strrchr(*path, '/');
  char *directory = last ? strndup(*path, (size_t)(last - *path)) : strdup(".");
  int held = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  free(directory);
  if (last) *path = last + 1;
  return held;
}

// A rename whose other refusals come first, from the kernel's own checks, and which is taken back if there are none.
static int refused(int in, const char *from, int into, const char *to, unsigned flags) {
  struct stat a, b;
  bool exists = fstatat(into, to, &b, AT_SYMLINK_NOFOLLOW) == 0;
  if (fstatat(in, from, &a, AT_SYMLINK_NOFOLLOW) < 0) return -1;
  unsigned harmless = exists ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  bool same = exists && a.st_ino == b.st_ino;
  if (same || (flags & RENAME_EXCHANGE & ~harmless) || renameat2(in, from, into, to, harmless) < 0)
    return renameat2(in, from, into, to, flags);
  if (renameat2(into, to, in, from, harmless) < 0) return -1;
  if (exists && (flags & RENAME_NOREPLACE)) return errno = EEXIST, -1;
  bool differ = exists && flags == 0 && S_ISDIR(a.st_mode) != S_ISDIR(b.st_mode);
  return errno = differ ? ENOTDIR : EXDEV, -1;
}

static int move(const char *from, const char *to, unsigned flags) {
  if (!marked || !(is_marked(from) || ((flags & RENAME_EXCHANGE) && is_marked(to)))) return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
  const char *name = from, *new_name = to;
  int in = parent(&name), into = parent(&new_name);
  int result = in < 0 || into < 0 ? renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) : refused(in, name, into, new_name, flags);
  int error = errno;
  close(in);
  close(into);
  errno = error;
  return result;
}

static void content(void) {
  int file = open(words[1], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  answer_bytes(bytes, file < 0 ? -1 : read(file, bytes, LONGEST));
  if (file >= 0) close(file);
}

static void look(const char *verb) {
  struct stat st;
  if (!strcmp(verb, "stat")) answer_stat(lstat(words[1], &st), &st, true);
  else if (!strcmp(verb, "fstat")) answer_stat(fstat(fd(1), &st), &st, false);
  else if (!strcmp(verb, "flinks")) answer_stat(fstat(fd(1), &st), &st, true);
  else if (!strcmp(verb, "content")) content();
  else if (!strcmp(verb, "readlink")) answer_bytes(bytes, readlink(words[1], (char *)bytes, LONGEST));
  else if (!strcmp(verb, "getxattr")) answer_bytes(bytes, lgetxattr(words[1], words[2], bytes, LONGEST));
  else if (!strcmp(verb, "listxattr")) answer_attributes();
  else if (!strcmp(verb, "entries")) answer_entries(fd(1));
  else printf("no verb %s\n", verb);
}

static void data(const char *verb) {
  if (!strcmp(verb, "read")) answer_bytes(bytes, pread(fd(1), bytes, length(3), number(2)));
  else if (!strcmp(verb, "write")) answer(pwrite(fd(1), pattern(length(3), number(4), number(2)), length(3), number(2)));
  else if (!strcmp(verb, "append")) answer(write(fd(1), pattern(length(2), number(3), 0), length(2)));
  else if (!strcmp(verb, "mapread")) mapped(false);
  else if (!strcmp(verb, "mapwrite")) mapped(true);
  else if (!strcmp(verb, "ftruncate")) answer(ftruncate(fd(1), number(2)));
  else if (!strcmp(verb, "fallocate")) answer(fallocate(fd(1), (int)number(2), number(3), number(4)));
  else if (!strcmp(verb, "copy")) copy_range();
  else if (!strcmp(verb, "holes")) holes();
  else if (!strcmp(verb, "fsync")) answer(fsync(fd(1)));
  else if (!strcmp(verb, "drop")) answer(fsync(fd(1)) < 0 ? -1 : posix_fadvise(fd(1), 0, 0, POSIX_FADV_DONTNEED));
  else look(verb);
}

static void names(const char *verb) {
  if (!strcmp(verb, "open")) open_slot();
  else if (!strcmp(verb, "close")) close_slot();
  else if (!strcmp(verb, "createat")) answer(mknodat(fd(1), words[2], S_IFREG | 0640, 0));
  else if (!strcmp(verb, "mkdir")) answer(mkdir(words[1], (mode_t)number(2)));
  else if (!strcmp(verb, "mkfifo")) answer(mkfifo(words[1], (mode_t)number(2)));
  else if (!strcmp(verb, "symlink")) answer(symlink(words[1], words[2]));
  else if (!strcmp(verb, "link")) answer(link(words[1], words[2]));
  else if (!strcmp(verb, "unlink")) answer(unlink(words[1]));
  else if (!strcmp(verb, "rmdir")) answer(rmdir(words[1]));
  else if (!strcmp(verb, "rename")) answer(move(words[1], words[2], (unsigned)number(3)));
  else if (!strcmp(verb, "truncate")) answer(truncate(words[1], number(2)));
  else if (!strcmp(verb, "chmod")) answer(chmod(words[1], (mode_t)number(2)));
  else if (!strcmp(verb, "fchmod")) answer(fchmod(fd(1), (mode_t)number(2)));
  else if (!strcmp(verb, "chown")) answer(lchown(words[1], (uid_t)number(2), (gid_t)number(3)));
  else if (!strcmp(verb, "setxattr")) answer(lsetxattr(words[1], words[2], pattern(length(3), number(4), 0), length(3), (int)number(5)));
  else if (!strcmp(verb, "removexattr")) answer(lremovexattr(words[1], words[2]));
  else data(verb);
}

int main(int count, char **arguments) {
  marked = count == 3 && !strcmp(arguments[1], "--marked");
  if (count != (marked ? 3 : 2) || chdir(arguments[count - 1]) < 0) return 2;
  umask(022);
  // On a page of its own, for O_DIRECT.
  if (posix_memalign((void **)&bytes, 4096, LONGEST)) return 2;
  for (int n = 0; n < SLOTS; n++) slots[n].fd = -1;
  char *line = NULL;
  size_t room = 0;
  for (ssize_t size; (size = getline(&line, &room, stdin)) > 0;) {
    line[size - 1] = 0;
    char *rest = line;
    // A word that is left out is empty: a number 0, a name that nothing has.
    for (int n = 0; n < WORDS; n++) words[n] = rest ? strsep(&rest, " ") : "";
    names(words[0]);
    fflush(stdout);
  }
  return 0;
}
