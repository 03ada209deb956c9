/* Makes every write and sync of a file whose path ends in IO_ERROR_SUFFIX fail with EIO, as a dying disk does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int dying(int fd) {
  const char *suffix = getenv("IO_ERROR_SUFFIX");
  char link[64], path[4096];
  if (suffix == NULL) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < (ssize_t)strlen(suffix)) return 0;
  path[length] = 0;
  return strcmp(path + length - strlen(suffix), suffix) == 0;
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

ssize_t write(int fd, const void *bytes, size_t count) {
  if (dying(fd)) return errno = EIO, -1;
  return REAL("write", ssize_t(*)(int, const void *, size_t))(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  if (dying(fd)) return errno = EIO, -1;
  return REAL("pwrite", ssize_t(*)(int, const void *, size_t, off_t))(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  if (dying(fd)) return errno = EIO, -1;
  return REAL("pwrite64", ssize_t(*)(int, const void *, size_t, off64_t))(fd, bytes, count, at);
}

int fsync(int fd) {
  if (dying(fd)) return errno = EIO, -1;
  return REAL("fsync", int (*)(int))(fd);
}

int fdatasync(int fd) {
  if (dying(fd)) return errno = EIO, -1;
  return REAL("fdatasync", int (*)(int))(fd);
}
