// Appends numbered records to files while stacks are switched under it; a record is acknowledged after write() returned.
//
//   appender DIRECTORY WORKERS [SEEDS]
//
// Worker N writes to DIRECTORY in one of four ways, N modulo 4:
//   kept    log-N, one descriptor for good
//   path    log-N, opened with O_APPEND|O_CREAT for every record
//   fresh   log-N-K, a new file every 16 records
//   seed    seed-K, K < SEEDS, the next K every 2 ms: a file that a layer brings, so that the first record copies it up; all
//           seed workers are at the same one, so that copies meet
// A record is the line "N SEQUENCE". Every line on standard input is answered with one line of JSON; at the end of standard
// input, or on SIGTERM, the workers stop and the last counts follow: per worker its way and the number of records that were
// acknowledged (SEQUENCE 0 to acknowledged - 1; a failed one is tried again under its own number), and failures by call and errno.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 64, ERRNOS = 134, PER_FILE = 16, SEED_MS = 2, PAUSE_US = 200 };
enum way { KEPT, PATH, FRESH, SEED, WAYS };
static const char *const ways[WAYS] = {"kept", "path", "fresh", "seed"};

static struct shared {
  atomic_int stop;
  struct worker {
    _Alignas(64) _Atomic uint64_t acknowledged;
    _Atomic uint32_t open_failed[ERRNOS], write_failed[ERRNOS];
  } worker[WORKERS];
} *shared;

static const char *directory;
static int seeds;

static uint64_t milliseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static void name_of(char *name, size_t room, int number, uint64_t sequence) {
  switch (number % WAYS) {
  case KEPT:
  case PATH: snprintf(name, room, "%s/log-%d", directory, number); break;
  case FRESH: snprintf(name, room, "%s/log-%d-%lu", directory, number, sequence / PER_FILE); break;
  case SEED: snprintf(name, room, "%s/seed-%lu", directory, milliseconds() / SEED_MS % seeds); break;
  }
}

static void work(int number) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGTERM, SIG_IGN);
  struct worker *me = &shared->worker[number];
  int fd = -1;
  while (!atomic_load(&shared->stop)) {
    char name[4096], record[64];
    uint64_t sequence = atomic_load(&me->acknowledged);
    if (fd < 0) {
      name_of(name, sizeof name, number, sequence);
      // A seed is a layer's file: it is never created here, so a stack that lost it shows as ENOENT.
      fd = open(name, O_WRONLY | O_APPEND | O_CLOEXEC | (number % WAYS == SEED ? 0 : O_CREAT), 0644);
    }
    if (fd < 0) {
      me->open_failed[errno]++;
    } else {
      int length = snprintf(record, sizeof record, "%d %lu\n", number, sequence);
      if (write(fd, record, length) == length) atomic_store(&me->acknowledged, sequence + 1);
      else me->write_failed[errno]++;
      if (number % WAYS != KEPT) {
        close(fd);
        fd = -1;
      }
    }
    usleep(PAUSE_US);
  }
  _exit(0);
}

static void report(int workers) {
  printf("{\"workers\":[");
  for (int w = 0; w < workers; w++)
    printf("%s{\"way\":\"%s\",\"acknowledged\":%lu}", w ? "," : "", ways[w % WAYS],
           atomic_load(&shared->worker[w].acknowledged));
  printf("],\"failed\":{");
  const char *comma = "";
  for (int w = 0; w < workers; w++)
    for (int e = 0; e < ERRNOS; e++) {
      const struct worker *me = &shared->worker[w];
      if (me->open_failed[e])
        comma = (printf("%s\"%d open %s\":%u", comma, w, strerrorname_np(e), me->open_failed[e]), ",");
      if (me->write_failed[e])
        comma = (printf("%s\"%d write %s\":%u", comma, w, strerrorname_np(e), me->write_failed[e]), ",");
    }
  puts("}}");
  fflush(stdout);
}

static void stop(int signal) {
  (void)signal;
  atomic_store(&shared->stop, 1);
}

int main(int argc, char **argv) {
  int workers = argc >= 3 ? atoi(argv[2]) : 0;
  seeds = argc >= 4 ? atoi(argv[3]) : 1;
  if (workers < 1 || workers > WORKERS || seeds < 1)
    exit((fprintf(stderr, "usage: appender DIRECTORY WORKERS [SEEDS]\n"), 2));
  directory = argv[1];
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) exit((perror("mmap"), 2));
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigaction(SIGTERM, &(struct sigaction){.sa_handler = stop}, NULL);

  pid_t pids[WORKERS];
  for (int w = 0; w < workers; w++)
    if ((pids[w] = fork()) == 0) work(w);
    else if (pids[w] < 0) exit((perror("fork"), 2));

  char byte;
  for (ssize_t got; !atomic_load(&shared->stop) && (got = read(0, &byte, 1)) != 0;)
    if (got == 1 && byte == '\n') report(workers);
  stop(0);
  for (int w = 0; w < workers; w++)
    while (waitpid(pids[w], NULL, 0) < 0 && errno == EINTR) {}
  report(workers);
}
