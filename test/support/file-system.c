/*
 * Another file system. FILE_SYSTEM_TYPE: the f_type of statfs(2), in hexadecimal. NO_MODES: it keeps no modes, whatever
 * is made is open to everybody, and a chmod is `ignored` or `refused`; with `folders` it keeps those of files.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

static int modeless(void) { return getenv("NO_MODES") != NULL; }
static int modeless_files(void) { return modeless() && strcmp(getenv("NO_MODES"), "folders") != 0; }

__attribute__((constructor)) static void without_umask(void) {
  if (modeless()) umask(0);
}

#define STATFS(name) \
  int name(const char *path, struct name *found) { \
    int result = REAL(#name, int (*)(const char *, struct name *))(path, found); \
    const char *type = getenv("FILE_SYSTEM_TYPE"); \
    if (result == 0 && type != NULL) found->f_type = strtoul(type, NULL, 16); \
    return result; \
  }
STATFS(statfs)
STATFS(statfs64)

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    va_list more; \
    va_start(more, flags); \
    mode_t mode = va_arg(more, mode_t); \
    va_end(more); \
    return REAL(#name, int (*)(const char *, int, ...))(path, flags, modeless_files() ? 0777 : mode); \
  }
OPEN(open)
OPEN(open64)

int mkdir(const char *path, mode_t mode) {
  return REAL("mkdir", int (*)(const char *, mode_t))(path, modeless() ? 0777 : mode);
}

static int unchanged(void) {
  if (strcmp(getenv("NO_MODES"), "refused") != 0) return 0;
  errno = EPERM;
  return -1;
}

int chmod(const char *path, mode_t mode) {
  return modeless() ? unchanged() : REAL("chmod", int (*)(const char *, mode_t))(path, mode);
}

int fchmod(int fd, mode_t mode) {
  return modeless_files() ? unchanged() : REAL("fchmod", int (*)(int, mode_t))(fd, mode);
}
