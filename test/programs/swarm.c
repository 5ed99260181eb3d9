// Opens, stats, reads, lists and runs the paths of a list as fast as it can while stacks are switched under it, and counts
// what failed.
//
//   swarm LIST WORKERS
//
// LIST has one path a line, the fields separated by tabs:
//   file PATH CONTENT...   the whole content (less its last newline) must be one of CONTENT
//   list PATH NAME...      every NAME must be in the directory
//   run PATH               must exit 0
//
// Every line on standard input is answered with one line of JSON, the counts so far; the first answer waits until each
// worker has been through the list once. At the end of standard input, or on SIGTERM, the workers stop and the last counts
// follow. Workers are processes, not threads: they share no descriptor table whose lock would slow them down.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN_EVERY = 1000, LIST_EVERY = 16, FIELDS = 64, LINES = 4096, WORKERS = 64, ERRNOS = 134, SAMPLES = 8 };
enum kind { OPEN, STAT, READ, LIST, RUN, KINDS };
static const char *const kinds[KINDS] = {"open", "stat", "read", "list", "run"};

struct line {
  enum { FILE_LINE, LIST_LINE, RUN_LINE } what;
  const char *path;
  const char *want[FIELDS];
  int wants;
};

// errno 0 stands for an operation that succeeded with the wrong outcome.
struct worker {
  _Alignas(64) uint64_t done[KINDS];
  uint32_t failed[KINDS][ERRNOS];
  uint64_t rounds;
};

static struct shared {
  atomic_int stop;
  atomic_int samples;
  char sample[SAMPLES][256];
  struct worker worker[WORKERS];
} *shared;

static struct line lines[LINES];
static int files, lists, runs, total;
static const struct line *file[LINES], *list[LINES], *run[LINES];

static void fail(struct worker *me, enum kind kind, const char *path, int error) {
  me->failed[kind][error < ERRNOS ? error : ERRNOS - 1]++;
  int slot = atomic_fetch_add(&shared->samples, 1);
  if (slot < SAMPLES)
    snprintf(shared->sample[slot], sizeof shared->sample[slot], "%s %s: %s", kinds[kind], path,
             error ? strerrorname_np(error) : "wrong");
}

static int wanted(const struct line *line, const char *content, ssize_t length) {
  if (length > 0 && content[length - 1] == '\n') length--;
  for (int i = 0; i < line->wants; i++)
    if (strlen(line->want[i]) == (size_t)length && !memcmp(line->want[i], content, length)) return 1;
  return 0;
}

static void read_file(struct worker *me, const struct line *line) {
  struct stat st;
  me->done[STAT]++;
  if (stat(line->path, &st) < 0) fail(me, STAT, line->path, errno);
  else if (!S_ISREG(st.st_mode)) fail(me, STAT, line->path, 0);

  me->done[OPEN]++;
  int fd = open(line->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(me, OPEN, line->path, errno);
  char content[8192];
  me->done[READ]++;
  ssize_t length = read(fd, content, sizeof content);
  if (length < 0) fail(me, READ, line->path, errno);
  else if (!wanted(line, content, length)) fail(me, READ, line->path, 0);
  close(fd);
}

static void read_list(struct worker *me, const struct line *line) {
  me->done[LIST]++;
  DIR *dir = opendir(line->path);
  if (!dir) return fail(me, LIST, line->path, errno);
  int seen = 0;
  errno = 0;
  for (struct dirent *entry; (entry = readdir(dir));)
    for (int i = 0; i < line->wants; i++) seen += !strcmp(entry->d_name, line->want[i]);
  if (errno) fail(me, LIST, line->path, errno);
  else if (seen != line->wants) fail(me, LIST, line->path, 0);
  closedir(dir);
}

static void run_program(struct worker *me, const struct line *line) {
  char *argv[] = {(char *)line->path, NULL}, *env[] = {NULL};
  pid_t pid;
  int status;
  me->done[RUN]++;
  int error = posix_spawn(&pid, line->path, NULL, NULL, argv, env);
  if (error) return fail(me, RUN, line->path, error);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  if (status) fail(me, RUN, line->path, 0);
}

static void work(int number) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGTERM, SIG_IGN);
  // Readers fill what the machine has left: on two cores they would hold up the switches themselves.
  if (nice(10) < 0) _exit(1);
  struct worker *me = &shared->worker[number];
  for (uint64_t since = 0; !atomic_load_explicit(&shared->stop, memory_order_relaxed); me->rounds++) {
    for (int i = 0; i < files && !atomic_load_explicit(&shared->stop, memory_order_relaxed); i++, since += 3)
      read_file(me, file[(i + number * 7) % files]);
    if (me->rounds % LIST_EVERY == 0)
      for (int i = 0; i < lists; i++, since++) read_list(me, list[i]);
    if (runs && (me->rounds == 0 || since >= RUN_EVERY)) {
      run_program(me, run[(me->rounds + number) % runs]);
      since = 0;
    }
  }
  _exit(0);
}

static void report(int workers) {
  uint64_t done[KINDS] = {0}, failed[KINDS][ERRNOS] = {{0}}, operations = 0, failures = 0;
  for (int w = 0; w < workers; w++)
    for (int k = 0; k < KINDS; k++) {
      done[k] += shared->worker[w].done[k];
      operations += shared->worker[w].done[k];
      for (int e = 0; e < ERRNOS; e++) {
        failed[k][e] += shared->worker[w].failed[k][e];
        failures += shared->worker[w].failed[k][e];
      }
    }
  printf("{\"operations\":%lu,\"failures\":%lu,\"done\":{", operations, failures);
  for (int k = 0; k < KINDS; k++) printf("%s\"%s\":%lu", k ? "," : "", kinds[k], done[k]);
  printf("},\"failed\":{");
  const char *comma = "";
  for (int k = 0; k < KINDS; k++)
    for (int e = 0; e < ERRNOS; e++)
      if (failed[k][e]) {
        printf("%s\"%s %s\":%lu", comma, kinds[k], e ? strerrorname_np(e) : "wrong", failed[k][e]);
        comma = ",";
      }
  printf("},\"samples\":[");
  for (int s = 0; s < SAMPLES && s < atomic_load(&shared->samples); s++)
    printf("%s\"%s\"", s ? "," : "", shared->sample[s]);
  puts("]}");
  fflush(stdout);
}

static void load(const char *name) {
  FILE *in = fopen(name, "re");
  if (!in) exit((perror(name), 2));
  char *text = NULL;
  size_t room = 0;
  while (getline(&text, &room, in) > 0) {
    if (total == LINES) exit((fprintf(stderr, "swarm: more than %d lines\n", LINES), 2));
    struct line *line = &lines[total++];
    char *rest = strdup(text), *word = strsep(&rest, "\t\n");
    line->path = strsep(&rest, "\t\n");
    for (char *field; (field = strsep(&rest, "\t\n")) && line->wants < FIELDS;)
      if (*field) line->want[line->wants++] = field;
    if (!line->path) exit((fprintf(stderr, "swarm: line %d: no path\n", total), 2));
    if (!strcmp(word, "file")) file[files++] = line;
    else if (!strcmp(word, "list")) list[lists++] = line;
    else if (!strcmp(word, "run")) run[runs++] = line;
    else exit((fprintf(stderr, "swarm: line %d: file, list or run, not %s\n", total, word), 2));
  }
  free(text);
  fclose(in);
}

static void stop(int signal) {
  (void)signal;
  atomic_store(&shared->stop, 1);
}

int main(int argc, char **argv) {
  int workers = argc == 3 ? atoi(argv[2]) : 0;
  if (workers < 1 || workers > WORKERS) exit((fprintf(stderr, "usage: swarm LIST WORKERS\n"), 2));
  load(argv[1]);
  if (!files) exit((fprintf(stderr, "swarm: no files in %s\n", argv[1]), 2));
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) exit((perror("mmap"), 2));
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);

  pid_t pids[WORKERS];
  for (int w = 0; w < workers; w++)
    if ((pids[w] = fork()) == 0) work(w);
    else if (pids[w] < 0) exit((perror("fork"), 2));
  for (int w = 0; w < workers; w++)
    while (!*(volatile uint64_t *)&shared->worker[w].rounds && !atomic_load(&shared->stop)) usleep(1000);

  char byte;
  for (ssize_t got; !atomic_load(&shared->stop) && (got = read(0, &byte, 1)) != 0;)
    if (got == 1 && byte == '\n') report(workers);
  stop(0);
  for (int w = 0; w < workers; w++)
    while (waitpid(pids[w], NULL, 0) < 0 && errno == EINTR) {}
  report(workers);
}
