/* A library as C libraries are: it has state for each thread, waits, calls back, makes threads. */

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*function)(void *);

/* Calls back from a frame that must be whole afterwards; 0 if it is not. */
int cabi_call_back(function f, void *arg) {
    volatile uint64_t frame[16];
    uint64_t seed = (uintptr_t)frame;
    for (int i = 0; i < 16; i++)
        frame[i] = seed * (i + 1);
    f(arg);
    for (int i = 0; i < 16; i++)
        if (frame[i] != seed * (i + 1))
            return 0;
    return 1;
}

static __thread int last_error;
static __thread char last_text[16];

/* Fails as a library does, and as libc does. */
int cabi_fail(int code) {
    last_error = code;
    memset(last_text, 'a' + code % 26, sizeof last_text - 1);
    errno = code;
    return -1;
}

/* Whether what cabi_fail has left is still there. */
int cabi_has_failed(int code) {
    for (size_t i = 0; i < sizeof last_text - 1; i++)
        if (last_text[i] != 'a' + code % 26)
            return 0;
    return last_error == code && errno == code;
}

/* Waits for a byte. */
int cabi_read(int fd) {
    char byte;
    ssize_t len;
    while ((len = read(fd, &byte, 1)) < 0 && errno == EINTR)
        ;
    return len == 1 ? byte : -1;
}

/* Waits until there is a byte to read. */
int cabi_poll(int fd) {
    struct pollfd one = {.fd = fd, .events = POLLIN};
    int ready;
    while ((ready = poll(&one, 1, -1)) < 0 && errno == EINTR)
        ;
    return ready == 1;
}

/* Uses so many bytes of stack, a page at a time. */
__attribute__((noinline)) int cabi_deep(size_t bytes) {
    volatile char page[4096];
    memset((char *)page, (int)bytes, sizeof page);
    if (bytes <= sizeof page)
        return page[17];
    return cabi_deep(bytes - sizeof page) + page[17];
}

/* Whether pthread_getattr_np knows the stack that this runs on. */
int cabi_knows_stack(void) {
    pthread_attr_t attr;
    void *lo;
    size_t len;
    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return 0;
    pthread_attr_getstack(&attr, &lo, &len);
    pthread_attr_destroy(&attr);
    uintptr_t here = (uintptr_t)&attr;
    return (uintptr_t)lo <= here && here < (uintptr_t)lo + len;
}

/* Threads that call back. */

struct work {
    function f;
    void *arg;
    long calls;
    size_t altstack;
};

static pthread_key_t after;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int wrong_altstacks;

/* Looks whether the thread has its own signal stack again. */
static void look_after(void *stack) {
    stack_t now;
    if (sigaltstack(NULL, &now) != 0 || now.ss_sp != stack)
        __atomic_fetch_add(&wrong_altstacks, 1, __ATOMIC_RELAXED);
    stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    free(stack);
}

static void make_key(void) {
    pthread_key_create(&after, look_after);
}

static void *thread_main(void *arg) {
    struct work *work = arg;
    if (work->altstack != 0) {
        stack_t mine = {.ss_sp = malloc(work->altstack), .ss_size = work->altstack};
        if (mine.ss_sp == NULL || sigaltstack(&mine, NULL) != 0)
            abort();
        pthread_setspecific(after, mine.ss_sp);
    }
    for (long i = 0; i < work->calls; i++)
        if (!cabi_call_back(work->f, work->arg))
            abort();
    return NULL;
}

static int run(int threads, struct work *work) {
    pthread_t *ids = calloc(threads, sizeof *ids);
    int started = 0;
    while (started < threads && pthread_create(&ids[started], NULL, thread_main, work) == 0)
        started++;
    for (int i = 0; i < started; i++)
        pthread_join(ids[i], NULL);
    free(ids);
    return started == threads;
}

/* So many threads at a time call back so many times each, and end. 0 if they cannot be had. */
int cabi_threads(int threads, long calls, function f, void *arg) {
    struct work work = {.f = f, .arg = arg, .calls = calls};
    return run(threads, &work);
}

/* The same with signal stacks of the threads' own; how many were not there at the end. */
int cabi_threads_with_altstack(int threads, size_t size, function f, void *arg) {
    struct work work = {.f = f, .arg = arg, .calls = 3, .altstack = size};
    pthread_once(&once, make_key);
    wrong_altstacks = 0;
    return run(threads, &work) ? wrong_altstacks : -1;
}

/* The size of the thread's signal stack. */
size_t cabi_altstack(void) {
    stack_t now;
    return sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE) ? now.ss_size : 0;
}

/* A handler that calls back. */

static function handler_calls;

static void handler(int signal) {
    (void)signal;
    handler_calls(NULL);
}

void cabi_call_back_on(int signal, function f) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    handler_calls = f;
    sigaction(signal, &action, NULL);
}
