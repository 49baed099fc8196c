/* The least a reader of a Redis list can do, as a yardstick: hiredis, no JSON, no store.
 *
 *   raw_reader batch|one PORT KEY OUT SYNC [JOURNAL]
 *
 * batch: LRANGE 0 99, write, then 100 x LREM in one go with the next LRANGE; an empty list is asked again after 1 ms.
 * one:   BLMOVE KEY KEY LEFT LEFT, write, then LREM in one go with the next BLMOVE.
 * OUT is appended to; "-" is standard output. SYNC 1: fdatasync after each write. With a JOURNAL (for OUT "-", which
 * cannot be synced) lines are written there and synced first, and then to OUT. Runs until SIGTERM. */
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 100 };

struct output {
    int file, journal, sync;
    char *bytes;
    size_t length, room;
};

static void fail(const char *what) {
    fprintf(stderr, "raw_reader: %s\n", what);
    exit(1);
}

static void write_all(int file, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t count = write(file, bytes, length);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail("write");
        bytes += count;
        length -= (size_t)count;
    }
}

static void append(struct output *out, const redisReply *element) {
    size_t needed = out->length + element->len + 1;
    if (needed > out->room) {
        out->room = needed * 2;
        out->bytes = realloc(out->bytes, out->room);
        if (!out->bytes) fail("memory");
    }
    memcpy(out->bytes + out->length, element->str, element->len);
    out->bytes[needed - 1] = '\n';
    out->length = needed;
}

static void flush(struct output *out) {
    if (out->journal >= 0) {
        write_all(out->journal, out->bytes, out->length);
        if (fdatasync(out->journal)) fail("sync");
    }
    write_all(out->file, out->bytes, out->length);
    if (out->sync && out->journal < 0 && fdatasync(out->file)) fail("sync");
    out->length = 0;
}

static redisReply *reply(redisContext *redis) {
    void *result = NULL;
    if (redisGetReply(redis, &result) != REDIS_OK || !result) fail(redis->errstr);
    if (((redisReply *)result)->type == REDIS_REPLY_ERROR) fail(((redisReply *)result)->str);
    return result;
}

static void acknowledge(redisContext *redis, const char *key, const redisReply *element) {
    redisAppendCommand(redis, "LREM %s 1 %b", key, element->str, element->len);
}

static void read_batches(redisContext *redis, const char *key, struct output *out) {
    redisAppendCommand(redis, "LRANGE %s 0 %d", key, BATCH - 1);
    for (;;) {
        redisReply *batch = reply(redis);
        size_t count = batch->elements;
        for (size_t i = 0; i < count; i++) append(out, batch->element[i]);
        if (count > 0) flush(out);
        else usleep(1000);
        for (size_t i = 0; i < count; i++) acknowledge(redis, key, batch->element[i]);
        redisAppendCommand(redis, "LRANGE %s 0 %d", key, BATCH - 1);
        freeReplyObject(batch);
        for (size_t i = 0; i < count; i++) freeReplyObject(reply(redis));
    }
}

static void read_one_by_one(redisContext *redis, const char *key, struct output *out) {
    redisAppendCommand(redis, "BLMOVE %s %s LEFT LEFT 5", key, key);
    for (;;) {
        redisReply *element = reply(redis);
        int taken = element->type == REDIS_REPLY_STRING;
        if (taken) {
            append(out, element);
            flush(out);
            acknowledge(redis, key, element);
        }
        redisAppendCommand(redis, "BLMOVE %s %s LEFT LEFT 5", key, key);
        freeReplyObject(element);
        if (taken) freeReplyObject(reply(redis));
    }
}

int main(int argc, char **argv) {
    if (argc < 6) fail("usage: raw_reader batch|one PORT KEY OUT SYNC [JOURNAL]");
    int flags = O_WRONLY | O_CREAT | O_APPEND;
    struct output out = {.file = strcmp(argv[4], "-") ? open(argv[4], flags, 0600) : STDOUT_FILENO,
                         .journal = argc > 6 ? open(argv[6], flags, 0600) : -1,
                         .sync = atoi(argv[5])};
    if (out.file < 0 || (argc > 6 && out.journal < 0)) fail("open");
    redisContext *redis = redisConnect("127.0.0.1", atoi(argv[2]));
    if (!redis || redis->err) fail("connect");
    if (strcmp(argv[1], "batch") == 0) read_batches(redis, argv[3], &out);
    else read_one_by_one(redis, argv[3], &out);
}
