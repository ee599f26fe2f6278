#include "hub/disk_thread.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct job {
    struct job *next;
    disk_job_fn *fn;
    void *context;
};

struct disk_thread {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job *first, **last;
    bool busy, ending;
};

static void *run(void *context) {
    struct disk_thread *t = context;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        struct job *job = t->first;
        if (!job) {
            if (t->ending) break;
            pthread_cond_wait(&t->changed, &t->lock);
            continue;
        }
        t->first = job->next;
        if (!t->first) t->last = &t->first;
        t->busy = true;
        pthread_mutex_unlock(&t->lock);
        job->fn(job->context);
        free(job);
        pthread_mutex_lock(&t->lock);
        t->busy = false;
        pthread_cond_broadcast(&t->changed);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

err disk_thread_new(struct disk_thread **out, struct diag *d) {
    struct disk_thread *t = calloc(1, sizeof *t);
    if (!t) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    t->last = &t->first;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    if (pthread_create(&t->thread, NULL, run, t)) {
        free(t);
        return diag_fail(d, ERR_NO_MEMORY, "cannot start a thread");
    }
    *out = t;
    return ERR_OK;
}

void disk_thread_free(struct disk_thread *t) {
    if (!t) return;
    pthread_mutex_lock(&t->lock);
    t->ending = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

void disk_thread_do(struct disk_thread *t, disk_job_fn *fn, void *context) {
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        disk_thread_drain(t);
        fn(context);
        return;
    }
    *job = (struct job){.fn = fn, .context = context};
    pthread_mutex_lock(&t->lock);
    *t->last = job;
    t->last = &job->next;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

void disk_thread_drain(struct disk_thread *t) {
    pthread_mutex_lock(&t->lock);
    while (t->first || t->busy) pthread_cond_wait(&t->changed, &t->lock);
    pthread_mutex_unlock(&t->lock);
}
