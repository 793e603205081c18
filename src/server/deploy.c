#include "server/deploy.h"

#include <pthread.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"
#include "net/wake.h"

enum state {
    IDLE,
    ORDERED,
    UNDER_WAY,
    ANSWERED,
};

struct deploy {
    struct wake *wake; /* borrowed */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum state state;
    bool closed;
    char *path;        /* owned: of the order */
    struct buf *words; /* borrowed: of the one who waits */
    bool done;
};

struct deploy *deploy_create(struct wake *wake)
{
    struct deploy *deploy = mem_new(struct deploy);

    deploy->wake = wake;
    pthread_mutex_init(&deploy->mutex, NULL);
    pthread_cond_init(&deploy->changed, NULL);
    return deploy;
}

enum deploy_result deploy_order(struct deploy *deploy, const char *path, struct buf *words)
{
    enum deploy_result result = DEPLOY_STOPPING;

    pthread_mutex_lock(&deploy->mutex);
    ASSERT(deploy->state == IDLE); /* the control serves one client after the other */
    if (!deploy->closed) {
        deploy->path = mem_strdup(path);
        deploy->words = words;
        deploy->state = ORDERED;
        wake_signal(deploy->wake);
    }
    while (deploy->state != IDLE && deploy->state != ANSWERED && !deploy->closed)
        pthread_cond_wait(&deploy->changed, &deploy->mutex);
    if (deploy->state == ANSWERED)
        result = deploy->done ? DEPLOY_DONE : DEPLOY_REFUSED;
    deploy->state = IDLE;
    deploy->words = NULL;
    pthread_mutex_unlock(&deploy->mutex);
    return result;
}

bool deploy_take(struct deploy *deploy, char **path)
{
    bool taken;

    pthread_mutex_lock(&deploy->mutex);
    taken = deploy->state == ORDERED;
    if (taken) {
        *path = deploy->path;
        deploy->path = NULL;
        deploy->state = UNDER_WAY;
    }
    pthread_mutex_unlock(&deploy->mutex);
    return taken;
}

void deploy_answer(struct deploy *deploy, bool done, const struct buf *words)
{
    pthread_mutex_lock(&deploy->mutex);
    if (deploy->state == UNDER_WAY) {
        buf_append_bytes(deploy->words, buf_bytes(words));
        deploy->done = done;
        deploy->state = ANSWERED;
        pthread_cond_signal(&deploy->changed);
    }
    pthread_mutex_unlock(&deploy->mutex);
}

void deploy_close(struct deploy *deploy)
{
    pthread_mutex_lock(&deploy->mutex);
    deploy->closed = true;
    pthread_cond_signal(&deploy->changed);
    pthread_mutex_unlock(&deploy->mutex);
}

void deploy_destroy(struct deploy *deploy)
{
    if (deploy == NULL)
        return;
    mem_free(deploy->path);
    pthread_cond_destroy(&deploy->changed);
    pthread_mutex_destroy(&deploy->mutex);
    mem_free(deploy);
}
