/*
 * Makes calls on files whose path ends in IO_ERROR_SUFFIX fail, as a dying or a full disk does.
 * IO_ERROR_CALLS: which, of open, read, write, sync and mmap. IO_ERROR: with what, of EIO, EMFILE, ENODEV and ENOSPC.
 * IO_ERROR_AFTER: how many of these calls succeed before that.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static int fails_at(const char *call, const char *path) {
  static int calls;
  const char *suffix = getenv("IO_ERROR_SUFFIX"), *which = getenv("IO_ERROR_CALLS");
  const char *after = getenv("IO_ERROR_AFTER"), *error = getenv("IO_ERROR");
  if (suffix == NULL || which == NULL || strstr(which, call) == NULL) return 0;
  size_t length = strlen(path);
  if (length < strlen(suffix) || strcmp(path + length - strlen(suffix), suffix) != 0) return 0;
  if (calls++ < (after == NULL ? 0 : atoi(after))) return 0;
  errno = EIO;
  if (error != NULL && strcmp(error, "ENOSPC") == 0) errno = ENOSPC;
  if (error != NULL && strcmp(error, "EMFILE") == 0) errno = EMFILE;
  if (error != NULL && strcmp(error, "ENODEV") == 0) errno = ENODEV;
  return 1;
}

static int fails(const char *call, int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails_at(call, path);
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    va_list more; \
    va_start(more, flags); \
    mode_t mode = va_arg(more, mode_t); \
    va_end(more); \
    if (fails_at("open", path)) return -1; \
    return REAL(#name, int (*)(const char *, int, ...))(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

ssize_t read(int fd, void *bytes, size_t count) {
  if (fails("read", fd)) return -1;
  return REAL("read", ssize_t(*)(int, void *, size_t))(fd, bytes, count);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  if (fails("write", fd)) return -1;
  return REAL("write", ssize_t(*)(int, const void *, size_t))(fd, bytes, count);
}

#define PREAD(name, offset) \
  ssize_t name(int fd, void *bytes, size_t count, offset at) { \
    if (fails("read", fd)) return -1; \
    return REAL(#name, ssize_t(*)(int, void *, size_t, offset))(fd, bytes, count, at); \
  }
PREAD(pread, off_t)
PREAD(pread64, off64_t)

#define PWRITE(name, offset) \
  ssize_t name(int fd, const void *bytes, size_t count, offset at) { \
    if (fails("write", fd)) return -1; \
    return REAL(#name, ssize_t(*)(int, const void *, size_t, offset))(fd, bytes, count, at); \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define SYNC(name) \
  int name(int fd) { \
    if (fails("sync", fd)) return -1; \
    return REAL(#name, int (*)(int))(fd); \
  }
SYNC(fsync)
SYNC(fdatasync)

#define MMAP(name, offset) \
  void *name(void *address, size_t length, int protection, int flags, int fd, offset at) { \
    if (fd >= 0 && (flags & MAP_SHARED) != 0 && fails("mmap", fd)) return MAP_FAILED; \
    return REAL(#name, void *(*)(void *, size_t, int, int, int, offset))(address, length, protection, flags, fd, at); \
  }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)
