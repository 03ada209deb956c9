/*
 * A file system that keeps no modes: whatever is made is open to everybody, and NO_MODES says what becomes of a chmod,
 * `ignored` or `refused`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

__attribute__((constructor)) static void without_umask(void) { umask(0); }

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    return REAL(#name, int (*)(const char *, int, ...))(path, flags, 0777); \
  }
OPEN(open)
OPEN(open64)

int mkdir(const char *path, mode_t mode) {
  (void)mode;
  return REAL("mkdir", int (*)(const char *, mode_t))(path, 0777);
}

static int changes_mode(void) {
  const char *what = getenv("NO_MODES");
  if (what == NULL || strcmp(what, "refused") != 0) return 0;
  errno = EPERM;
  return -1;
}

int chmod(const char *path, mode_t mode) {
  (void)path, (void)mode;
  return changes_mode();
}

int fchmod(int fd, mode_t mode) {
  (void)fd, (void)mode;
  return changes_mode();
}
