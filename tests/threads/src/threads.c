/* Threads in C: each function returns 0, or the line that is wrong. */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHECK(what)          \
    do {                     \
        if (!(what))         \
            return __LINE__; \
    } while (0)

#define THREADS 50

static void *own_id(void *seen)
{
    *(pthread_t *)seen = pthread_self();
    return seen;
}

int create_and_join(void)
{
    pthread_t threads[THREADS], seen[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, own_id, &seen[i]) == 0);
    for (int i = 0; i < THREADS; i++) {
        void *value;
        CHECK(pthread_join(threads[i], &value) == 0);
        CHECK(value == &seen[i] && pthread_equal(seen[i], threads[i]));
        for (int j = 0; j < i; j++)
            CHECK(!pthread_equal(threads[i], threads[j]));
    }
    return 0;
}

static void deep(int depth)
{
    volatile char room[200];
    room[0] = (char)depth;
    if (room[0] == 0)
        pthread_exit((void *)0x1234);
    if (depth > 0)
        deep(depth - 1);
    room[0] = 1;
}

static void *ends(void *depth)
{
    deep((int)(intptr_t)depth);
    return NULL;
}

int exits(void)
{
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        void *value;
        CHECK(pthread_create(&thread, NULL, ends, (void *)(intptr_t)i) == 0);
        CHECK(pthread_join(thread, &value) == 0);
        CHECK(value == (void *)0x1234);
    }
    return 0;
}

static void note(void *at)
{
    char *text = at;
    text[strlen(text)] = (char)('a' + strlen(text));
}

static void note_upper(void *at)
{
    char *text = at;
    text[strlen(text)] = (char)('A' + strlen(text));
}

static void *cleaned(void *text)
{
    pthread_cleanup_push(note_upper, text);
    pthread_cleanup_push(note, text);
    pthread_cleanup_push(note, text);
    pthread_cleanup_pop(1);
    deep(3);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *not_cleaned(void *text)
{
    pthread_cleanup_push(note, text);
    pthread_cleanup_pop(0);
    return text;
}

int cleans_up(void)
{
    for (int i = 0; i < 20; i++) {
        char text[8] = "";
        pthread_t thread;
        void *value;
        CHECK(pthread_create(&thread, NULL, cleaned, text) == 0);
        CHECK(pthread_join(thread, &value) == 0);
        CHECK(value == (void *)0x1234 && strcmp(text, "abC") == 0);
        CHECK(pthread_create(&thread, NULL, not_cleaned, text) == 0);
        CHECK(pthread_join(thread, &value) == 0);
        CHECK(value == text && strcmp(text, "abC") == 0);
    }
    return 0;
}

static pthread_key_t key;
static int destroyed;

static void destroy(void *value)
{
    __atomic_fetch_add(&destroyed, (int)(intptr_t)value, __ATOMIC_RELAXED);
}

static void *keyed(void *value)
{
    if (pthread_getspecific(key) != NULL)
        return (void *)1;
    pthread_setspecific(key, value);
    sched_yield();
    if (pthread_getspecific(key) != value)
        return (void *)1;
    if ((intptr_t)value % 2)
        pthread_exit(NULL);
    return NULL;
}

int keys(void)
{
    pthread_t threads[THREADS];
    destroyed = 0;
    CHECK(pthread_key_create(&key, destroy) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, keyed, (void *)(intptr_t)(i + 1)) == 0);
    for (int i = 0; i < THREADS; i++) {
        void *value;
        CHECK(pthread_join(threads[i], &value) == 0 && value == NULL);
    }
    /* A thread's keys are destroyed before whoever joins goes on. */
    CHECK(__atomic_load_n(&destroyed, __ATOMIC_RELAXED) == THREADS * (THREADS + 1) / 2);
    CHECK(pthread_key_delete(key) == 0);
    return 0;
}

static void *uses_stack(void *size)
{
    pthread_attr_t attr;
    void *low;
    size_t room;
    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return (void *)1;
    pthread_attr_getstack(&attr, &low, &room);
    pthread_attr_destroy(&attr);
    if ((char *)&attr < (char *)low || (char *)&attr > (char *)low + room)
        return (void *)2;
    size_t used = (size_t)(intptr_t)size - 65536;
    volatile char *all = __builtin_alloca(used);
    for (size_t i = 0; i < used; i += 4096)
        all[used - 1 - i] = 1;
    return NULL;
}

static void *kernel_id(void *unused)
{
    (void)unused;
    cpu_set_t cpus;
    return (void *)(intptr_t)(pthread_getaffinity_np(pthread_self(), sizeof cpus, &cpus) == 0);
}

int attributes(void)
{
    pthread_attr_t attr;
    pthread_t thread;
    void *value;
    for (size_t size = 131072; size <= 16 << 20; size *= 2) {
        CHECK(pthread_attr_init(&attr) == 0);
        CHECK(pthread_attr_setstacksize(&attr, size) == 0);
        CHECK(pthread_create(&thread, &attr, uses_stack, (void *)(intptr_t)size) == 0);
        CHECK(pthread_join(thread, &value) == 0 && value == NULL);
        CHECK(pthread_attr_destroy(&attr) == 0);
    }
    /* The program's own stack, and an affinity. */
    static char stack[1 << 20] __attribute__((aligned(4096)));
    CHECK(pthread_attr_init(&attr) == 0);
    CHECK(pthread_attr_setstack(&attr, stack, sizeof stack) == 0);
    CHECK(pthread_create(&thread, &attr, uses_stack, (void *)(intptr_t)131072) == 0);
    CHECK(pthread_join(thread, &value) == 0 && value == NULL);
    CHECK(pthread_attr_destroy(&attr) == 0);
    cpu_set_t cpus;
    CHECK(sched_getaffinity(0, sizeof cpus, &cpus) == 0);
    CHECK(pthread_attr_init(&attr) == 0);
    CHECK(pthread_attr_setaffinity_np(&attr, sizeof cpus, &cpus) == 0);
    CHECK(pthread_create(&thread, &attr, kernel_id, NULL) == 0);
    CHECK(pthread_join(thread, &value) == 0 && value == (void *)1);
    CHECK(pthread_attr_destroy(&attr) == 0);
    return 0;
}

static sem_t named, looked;

static void *is_named(void *unused)
{
    (void)unused;
    sem_wait(&named);
    char name[16];
    if (pthread_getname_np(pthread_self(), name, sizeof name) != 0 || strcmp(name, "by another") != 0)
        return (void *)1;
    if (pthread_setname_np(pthread_self(), "by itself") != 0)
        return (void *)1;
    sem_post(&looked);
    sem_wait(&named);
    return NULL;
}

int names(void)
{
    pthread_t thread;
    char name[16];
    void *value;
    CHECK(sem_init(&named, 0, 0) == 0 && sem_init(&looked, 0, 0) == 0);
    CHECK(pthread_create(&thread, NULL, is_named, NULL) == 0);
    CHECK(pthread_setname_np(thread, "sixteen letters!") == ERANGE);
    CHECK(pthread_setname_np(thread, "by another") == 0);
    sem_post(&named);
    sem_wait(&looked);
    CHECK(pthread_getname_np(thread, name, 15) == ERANGE);
    CHECK(pthread_getname_np(thread, name, sizeof name) == 0 && strcmp(name, "by itself") == 0);
    sem_post(&named);
    CHECK(pthread_join(thread, &value) == 0 && value == NULL);
    return 0;
}

static int over;

static void *counts(void *unused)
{
    __atomic_fetch_add(&over, 1, __ATOMIC_RELAXED);
    return unused;
}

static void *detaches(void *unused)
{
    if (pthread_detach(pthread_self()) == 0)
        counts(NULL);
    return unused;
}

int detached(void)
{
    pthread_attr_t attr;
    pthread_t thread;
    over = 0;
    CHECK(pthread_attr_init(&attr) == 0);
    CHECK(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&thread, &attr, counts, NULL) == 0);
        CHECK(pthread_create(&thread, NULL, detaches, NULL) == 0);
        CHECK(pthread_create(&thread, NULL, counts, NULL) == 0);
        CHECK(pthread_detach(thread) == 0);
    }
    CHECK(pthread_attr_destroy(&attr) == 0);
    while (__atomic_load_n(&over, __ATOMIC_RELAXED) < 3 * THREADS)
        usleep(100);
    return 0;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void *waits(void *value)
{
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    return value;
}

int timed_joins(void)
{
    pthread_t thread;
    void *value = NULL;
    struct timespec soon;
    pthread_mutex_lock(&mutex);
    CHECK(pthread_create(&thread, NULL, waits, &mutex) == 0);
    CHECK(pthread_tryjoin_np(thread, &value) == EBUSY);
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 5000000;
    soon.tv_sec += soon.tv_nsec / 1000000000;
    soon.tv_nsec %= 1000000000;
    CHECK(pthread_timedjoin_np(thread, &value, &soon) == ETIMEDOUT);
    CHECK(value == NULL);
    pthread_mutex_unlock(&mutex);
    soon.tv_sec += 100;
    CHECK(pthread_timedjoin_np(thread, &value, &soon) == 0 && value == &mutex);
    CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
    int result;
    while ((result = pthread_tryjoin_np(thread, NULL)) == EBUSY)
        usleep(100);
    CHECK(result == 0);
    return 0;
}

static void *joins_itself(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)pthread_join(pthread_self(), NULL);
}

static volatile sig_atomic_t signalled;

static void handler(int number)
{
    signalled = number;
}

static void *signals_itself(void *unused)
{
    return pthread_kill(pthread_self(), SIGUSR1) == 0 ? unused : (void *)1;
}

int refusals(void)
{
    pthread_t thread;
    void *value;
    CHECK(pthread_create(&thread, NULL, joins_itself, NULL) == 0);
    CHECK(pthread_join(thread, &value) == 0 && value == (void *)EDEADLK);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, signals_itself, NULL) == 0);
    CHECK(pthread_join(thread, &value) == 0 && value == NULL && signalled == SIGUSR1);
    return 0;
}

#define ROUNDS 20

static int turns;

static void *takes_turns(void *who)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        while (turns % THREADS != (intptr_t)who)
            pthread_cond_wait(&cond, &mutex);
        turns++;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

int locks(void)
{
    pthread_t threads[THREADS];
    turns = 0;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, takes_turns, (void *)(intptr_t)i) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(turns == THREADS * ROUNDS);
    return 0;
}

static sigjmp_buf place;

static void leave(int number)
{
    siglongjmp(place, number);
}

int leaves_handlers(int times)
{
    struct sigaction action = { .sa_handler = leave };
    CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
    for (volatile int i = 0; i < times; i++) {
        int number = sigsetjmp(place, 1);
        if (number == 0)
            raise(SIGUSR2);
        CHECK(number == 0 || number == SIGUSR2);
    }
    return 0;
}
