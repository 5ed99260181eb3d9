// The switch of a stack with nothing around it: the same system calls as the library for the same images, no state, no plan.
//
//   bare TARGET keep|none beneath|naive FROM LIST LIST
//
// FROM is the images' subtree that is stacked, `.` for all of it. LIST names a stack: one erofs image a line, topmost first. Every line on standard input switches TARGET to the other stack
// (the first one to the first) and is answered with a line of JSON, nanoseconds by phase:
//   attach     open, fstat, fsopen erofs, source=/proc/self/fd/N, fsmount, openat FROM, for every image
//   assemble   the base's clone, fsopen overlay, lowerdir+ by descriptor, fsmount
//   swap       move_mount beneath and umount2 MNT_DETACH
//   release    the descriptors, and with the last one of the old stack its images
// `naive` takes the old stack off first, and assembles and mounts the next one then: the gap that beneath avoids.
// At the end of standard input TARGET is unmounted.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MOVE_MOUNT_BENEATH
#define MOVE_MOUNT_BENEATH 0x200
#endif

enum { LAYERS = 500 };
struct stack {
  char *image[LAYERS];
  int images;
};

static void check(long result, const char *call, const char *what) {
  if (result >= 0) return;
  fprintf(stderr, "bare: %s %s: %s\n", call, what, strerror(errno));
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static int attach(const char *image, const char *from, int *mount) {
  struct stat st;
  char source[64];
  int fd = open(image, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  check(fd, "open", image);
  check(fstat(fd, &st), "fstat", image);
  int fs = fsopen("erofs", FSOPEN_CLOEXEC);
  check(fs, "fsopen", "erofs");
  snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
  check(fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0), "fsconfig source", image);
  check(fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0), "fsconfig ro", image);
  check(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "fsconfig create", image);
  *mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  check(*mount, "fsmount", image);
  int layer = openat(*mount, from, O_PATH | O_DIRECTORY | O_CLOEXEC);
  check(layer, "openat", image);
  close(fs);
  close(fd);
  return layer;
}

// What the directory holds under the stack: a clone of the parent's mount alone does not show what is mounted on it. The clone
// must stay open until the overlay is made: with its last descriptor the mount goes, and the overlay refuses what is left.
static int base(const char *target, int *clone) {
  char above[4096];
  struct statx st;
  snprintf(above, sizeof above, "%s", target);
  do {
    dirname(above);
    check(statx(AT_FDCWD, above, 0, STATX_BASIC_STATS, &st), "statx", above);
  } while (!(st.stx_attributes & STATX_ATTR_MOUNT_ROOT));
  *clone = open_tree(AT_FDCWD, above, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  check(*clone, "open_tree", above);
  const char *below = target + strlen(above);
  int fd = openat(*clone, below + (*below == '/'), O_PATH | O_DIRECTORY | O_CLOEXEC);
  check(fd, "openat", target);
  return fd;
}

static int assemble(const int *layers, int count) {
  int fs = fsopen("overlay", FSOPEN_CLOEXEC);
  check(fs, "fsopen", "overlay");
  check(fsconfig(fs, FSCONFIG_SET_STRING, "source", "bare", 0), "fsconfig", "source");
  for (int i = 0; i < count; i++)
    check(fsconfig(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, layers[i]), "fsconfig", "lowerdir+");
  check(fsconfig(fs, FSCONFIG_SET_STRING, "index", "off", 0), "fsconfig", "index");
  check(fsconfig(fs, FSCONFIG_SET_STRING, "metacopy", "off", 0), "fsconfig", "metacopy");
  check(fsconfig(fs, FSCONFIG_SET_STRING, "redirect_dir", "nofollow", 0), "fsconfig", "redirect_dir");
  check(fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0), "fsconfig", "ro");
  check(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "fsconfig create", "overlay");
  int mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  check(mount, "fsmount", "overlay");
  close(fs);
  return mount;
}

static void place(int mount, const char *target, int flags) {
  check(move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH | flags), "move_mount", target);
}

static void detach(const char *target) {
  check(umount2(target, MNT_DETACH), "umount2", target);
}

static void change(const char *target, int keep, int naive, const char *from, int mounted, const struct stack *stack) {
  int layers[LAYERS + 1], mounts[LAYERS + 1], count = stack->images, overlay;
  uint64_t start = now();
  for (int i = 0; i < count; i++) layers[i] = attach(stack->image[i], from, &mounts[i]);
  uint64_t attached = now();
  // The old root is held over the swap, as by the library, which seals it afterwards: its super blocks go at the release.
  int old = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
  check(old, "open", target);
  // Naive: what was there goes first, and whoever looks now finds nothing of it.
  if (naive && mounted) detach(target);
  if (keep) {
    layers[count] = base(target, &mounts[count]);
    count++;
  }
  overlay = assemble(layers, count);
  uint64_t assembled = now();
  place(overlay, target, mounted && !naive ? MOVE_MOUNT_BENEATH : 0);
  if (mounted && !naive) detach(target);
  uint64_t swapped = now();
  for (int i = 0; i < count; i++) {
    close(layers[i]);
    close(mounts[i]);
  }
  close(overlay);
  close(old);
  uint64_t end = now();
  printf("{\"attach\":%lu,\"assemble\":%lu,\"swap\":%lu,\"release\":%lu,\"total\":%lu}\n", attached - start,
         assembled - attached, swapped - assembled, end - swapped, end - start);
  fflush(stdout);
}

static void load(struct stack *stack, const char *name) {
  FILE *in = fopen(name, "re");
  if (!in) check(-1, "open", name);
  char *text = NULL;
  size_t room = 0;
  for (ssize_t length; (length = getline(&text, &room, in)) > 1;) {
    if (stack->images == LAYERS) exit((fprintf(stderr, "bare: %s: more than %d images\n", name, LAYERS), 2));
    if (text[length - 1] == '\n') text[length - 1] = 0;
    stack->image[stack->images++] = strdup(text);
  }
  free(text);
  fclose(in);
}

int main(int argc, char **argv) {
  static struct stack stacks[2];
  if (argc != 7) exit((fprintf(stderr, "usage: bare TARGET keep|none beneath|naive FROM LIST LIST\n"), 2));
  const char *target = argv[1];
  int keep = !strcmp(argv[2], "keep"), naive = !strcmp(argv[3], "naive"), turn = 0;
  load(&stacks[0], argv[5]);
  load(&stacks[1], argv[6]);
  char byte;
  while (read(0, &byte, 1) == 1)
    if (byte == '\n') {
      change(target, keep, naive, argv[4], turn > 0, &stacks[turn % 2]);
      turn++;
    }
  if (turn) detach(target);
}
