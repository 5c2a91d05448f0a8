/* Loaded before the server's libc: every flush takes as long as on a disk that waits for its media.
   Here a virtual disk answers in 30 us, and a commit path that flushes twice looks as good as one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_as_told(void) {
    const char *told = getenv("SLOW_FLUSH_US");
    long us = told ? atol(told) : 0;
    struct timespec pause = {us / 1000000, us % 1000000 * 1000};
    if (us > 0)
        nanosleep(&pause, NULL);
}

#define SLOWED(name)                                                  \
    int name(int file) {                                              \
        static int (*real)(int);                                      \
        if (!real)                                                    \
            real = (int (*)(int))dlsym(RTLD_NEXT, #name);             \
        wait_as_told();                                               \
        return real(file);                                            \
    }

SLOWED(fsync)
SLOWED(fdatasync)
