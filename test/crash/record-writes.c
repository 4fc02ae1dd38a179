/*
 * For LD_PRELOAD: records every write and flush of the files named by RECORD_PREFIX, in order, in the file RECORD_LOG. What
 * each record means is said in power-cut.ts. The record of a write is made before the write, that of a flush after it: a log
 * that ends anywhere says no more than what is true.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -2;

#define REAL(name) ((__typeof__(name) *)real_##name())
#define DEFINE_REAL(name)                                                                                              \
  static void *real_##name(void) {                                                                                     \
    static void *found;                                                                                                \
    if (!found) found = dlsym(RTLD_NEXT, #name);                                                                       \
    return found;                                                                                                      \
  }
DEFINE_REAL(write)
DEFINE_REAL(pwrite)
DEFINE_REAL(pwrite64)
DEFINE_REAL(pwritev)
DEFINE_REAL(writev)
DEFINE_REAL(fdatasync)
DEFINE_REAL(fsync)
DEFINE_REAL(ftruncate)

/* 0: not watched; 1: the store; 2: opened with O_DSYNC; 3: the list of acknowledgements. */
static int watched(int fd) {
  char link[64], path[PATH_MAX];
  const char *prefix = getenv("RECORD_PREFIX"), *acks = getenv("RECORD_ACKS");
  if (!prefix || !acks) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  if (!strcmp(path, acks)) return 3;
  if (strcmp(path, prefix)) return 0;
  return (fcntl(fd, F_GETFL) & O_DSYNC) ? 2 : 1;
}

static void put(char type, uint64_t offset, const struct iovec *parts, int count) {
  if (log_fd == -2) {
    const char *path = getenv("RECORD_LOG");
    log_fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
  }
  if (log_fd < 0) return;
  uint64_t length = 0;
  for (int i = 0; i < count; i++) length += parts[i].iov_len;
  unsigned char head[17];
  head[0] = (unsigned char)type;
  memcpy(head + 1, &offset, 8);
  memcpy(head + 9, &length, 8);
  REAL(write)(log_fd, head, sizeof head);
  for (int i = 0; i < count; i++) REAL(write)(log_fd, parts[i].iov_base, parts[i].iov_len);
}

static ssize_t record(int fd, const struct iovec *parts, int count, off_t offset, ssize_t (*go)(int, const struct iovec *, int, off_t)) {
  int kind = watched(fd);
  if (!kind) return go(fd, parts, count, offset);
  pthread_mutex_lock(&lock);
  if (kind == 3) {
    put('A', 0, parts, count);
  } else {
    put('W', offset < 0 ? (uint64_t)lseek(fd, 0, SEEK_CUR) : (uint64_t)offset, parts, count);
  }
  ssize_t result = go(fd, parts, count, offset);
  if (kind == 2 && result >= 0) put('S', 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

static ssize_t go_write(int fd, const struct iovec *parts, int count, off_t offset) {
  (void)count, (void)offset;
  return REAL(write)(fd, parts[0].iov_base, parts[0].iov_len);
}
static ssize_t go_pwrite(int fd, const struct iovec *parts, int count, off_t offset) {
  (void)count;
  return REAL(pwrite)(fd, parts[0].iov_base, parts[0].iov_len, offset);
}
static ssize_t go_writev(int fd, const struct iovec *parts, int count, off_t offset) {
  (void)offset;
  return REAL(writev)(fd, parts, count);
}
static ssize_t go_pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return REAL(pwritev)(fd, parts, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  struct iovec part = {(void *)bytes, length};
  return record(fd, &part, 1, -1, go_write);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  struct iovec part = {(void *)bytes, length};
  return record(fd, &part, 1, offset, go_pwrite);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  struct iovec part = {(void *)bytes, length};
  return record(fd, &part, 1, offset, go_pwrite);
}
ssize_t writev(int fd, const struct iovec *parts, int count) { return record(fd, parts, count, -1, go_writev); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return record(fd, parts, count, offset, go_pwritev);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return record(fd, parts, count, offset, go_pwritev);
}

static int flushed(int fd, int result) {
  if (result == 0 && watched(fd)) {
    pthread_mutex_lock(&lock);
    put('S', 0, NULL, 0);
    pthread_mutex_unlock(&lock);
  }
  return result;
}
/* With RECORD_NO_SYNC a flush does nothing and says nothing: a store without durability. */
int fdatasync(int fd) {
  if (getenv("RECORD_NO_SYNC")) return 0;
  return flushed(fd, REAL(fdatasync)(fd));
}
int fsync(int fd) {
  if (getenv("RECORD_NO_SYNC")) return 0;
  return flushed(fd, REAL(fsync)(fd));
}
int ftruncate(int fd, off_t length) {
  if (watched(fd) == 1 || watched(fd) == 2) put('T', (uint64_t)length, NULL, 0);
  return REAL(ftruncate)(fd, length);
}
