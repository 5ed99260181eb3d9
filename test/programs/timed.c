// Runs whole processes and says how long each took, without a Node process in between.
//
//   timed
//
// Every line on standard input is a command, its words separated by tabs; it is run with standard input and output on /dev/null
// and answered with a line of JSON: nanoseconds from before the spawn to after the wait, and the exit status.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
enum { WORDS = 64 };

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

int main(void) {
  char *text = NULL;
  size_t room = 0;
  posix_spawn_file_actions_t null;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  posix_spawn_file_actions_init(&null);
  posix_spawn_file_actions_addopen(&null, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&null, 1, "/dev/null", O_WRONLY, 0);
  while (getline(&text, &room, stdin) > 0) {
    char *words[WORDS + 1] = {0}, *rest = strsep(&(char *){text}, "\n");
    for (int i = 0; i < WORDS && rest; i++) words[i] = strsep(&rest, "\t");
    pid_t pid;
    int status = -1;
    uint64_t start = now();
    int error = posix_spawnp(&pid, words[0], &null, NULL, words, environ);
    if (error) exit((fprintf(stderr, "timed: %s: %s\n", words[0], strerror(error)), 1));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    printf("{\"ns\":%lu,\"status\":%d}\n", now() - start, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    fflush(stdout);
  }
}
