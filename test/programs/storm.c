// Many small calls from one process, timed by itself: nothing is forked and nothing else runs in between.
//
//   storm stat DIRECTORY LIST     lstat of every path in LIST, one a line, relative to DIRECTORY
//   storm read FILE COUNT         reads of 4,096 bytes anywhere in FILE
//
// The order is random and the same each time. Prints {"ns":NANOSECONDS,"count":CALLS}; fails when one call does.
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void) { // xorshift64
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static uint64_t stat_all(const char *directory, const char *list, size_t *count) {
  char **paths = NULL, *line = NULL;
  size_t room = 0, known = 0;
  FILE *file = fopen(list, "r");
  if (!file) err(1, "%s", list);
  for (ssize_t length; (length = getline(&line, &room, file)) > 0; known++) {
    if (line[length - 1] == '\n') line[length - 1] = 0;
    paths = reallocarray(paths, known + 1, sizeof(*paths));
    paths[known] = strdup(line);
  }
  for (size_t at = known; at > 1; at--) {
    size_t other = next_random() % at;
    char *path = paths[at - 1];
    paths[at - 1] = paths[other];
    paths[other] = path;
  }
  if (chdir(directory) < 0) err(1, "%s", directory);
  uint64_t start = now();
  struct stat st;
  for (size_t at = 0; at < known; at++)
    if (lstat(paths[at], &st) < 0) err(1, "%s", paths[at]);
  *count = known;
  return now() - start;
}

static uint64_t read_anywhere(const char *path, size_t count) {
  struct stat st;
  static char block[4096];
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &st) < 0) err(1, "%s", path);
  uint64_t blocks = st.st_size / sizeof(block), start = now();
  if (blocks == 0) errx(1, "%s is too short", path);
  for (size_t at = 0; at < count; at++)
    if (pread(fd, block, sizeof(block), next_random() % blocks * sizeof(block)) != sizeof(block)) err(1, "%s", path);
  return now() - start;
}

int main(int argc, char **argv) {
  size_t count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
  uint64_t ns;
  if (argc == 4 && strcmp(argv[1], "stat") == 0) ns = stat_all(argv[2], argv[3], &count);
  else if (argc == 4 && strcmp(argv[1], "read") == 0) ns = read_anywhere(argv[2], count);
  else errx(2, "storm stat DIRECTORY LIST | storm read FILE COUNT");
  printf("{\"ns\":%lu,\"count\":%zu}\n", ns, count);
}
