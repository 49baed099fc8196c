#include "CHiredis.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

struct cti_resp_reader {
    redisReader *reader;
    cti_resp_node *nodes;
    size_t node_count, node_capacity, max_nodes;
    char *arena;
    size_t arena_length, arena_capacity, max_bytes;
    int max_depth;
    int failure;    // why a callback refused, 0 if none did
    int delivered;  // nodes and arena belong to a reply that was handed out
};

#if HIREDIS_MAJOR >= 1
typedef size_t array_count;
#else
typedef int array_count;
#endif

// The reader only wants something that is not NULL; it is never dereferenced.
#define OBJECT ((void *)1)

static void *fail(cti_resp_reader *owner, int failure) {
    if (owner->failure == 0) owner->failure = failure;
    return NULL;
}

// Grows by what has arrived, never by what a peer announced.
static cti_resp_node *append_node(cti_resp_reader *owner, int32_t type) {
    if (owner->node_count >= owner->max_nodes) return fail(owner, CTI_RESP_TOO_MANY);
    if (owner->node_count == owner->node_capacity) {
        size_t capacity = owner->node_capacity ? owner->node_capacity * 2 : 64;
        cti_resp_node *grown = realloc(owner->nodes, capacity * sizeof *grown);
        if (!grown) return fail(owner, CTI_RESP_MEMORY);
        owner->nodes = grown;
        owner->node_capacity = capacity;
    }
    cti_resp_node *node = &owner->nodes[owner->node_count++];
    memset(node, 0, sizeof *node);
    node->type = type;
    return node;
}

static void *create_string(const redisReadTask *task, char *bytes, size_t length) {
    cti_resp_reader *owner = task->privdata;
    if (task->type != REDIS_REPLY_STRING && task->type != REDIS_REPLY_STATUS && task->type != REDIS_REPLY_ERROR)
        return fail(owner, CTI_RESP_UNSUPPORTED);
    if (length > owner->max_bytes - owner->arena_length) return fail(owner, CTI_RESP_TOO_LONG);
    if (length > owner->arena_capacity - owner->arena_length) {
        size_t capacity = owner->arena_capacity ? owner->arena_capacity : 1024;
        while (capacity - owner->arena_length < length) capacity *= 2;
        char *grown = realloc(owner->arena, capacity);
        if (!grown) return fail(owner, CTI_RESP_MEMORY);
        owner->arena = grown;
        owner->arena_capacity = capacity;
    }
    cti_resp_node *node = append_node(owner, task->type);
    if (!node) return NULL;
    if (length > 0) memcpy(owner->arena + owner->arena_length, bytes, length);
    node->offset = owner->arena_length;
    node->length = length;
    owner->arena_length += length;
    return OBJECT;
}

static void *create_array(const redisReadTask *task, array_count count) {
    cti_resp_reader *owner = task->privdata;
    if (task->type != REDIS_REPLY_ARRAY) return fail(owner, CTI_RESP_UNSUPPORTED);
    int depth = 1;
    for (const redisReadTask *parent = task->parent; parent; parent = parent->parent) depth++;
    if (depth > owner->max_depth) return fail(owner, CTI_RESP_TOO_DEEP);
    if ((uint64_t)count > owner->max_nodes) return fail(owner, CTI_RESP_TOO_MANY);
    cti_resp_node *node = append_node(owner, CTI_RESP_ARRAY);
    if (!node) return NULL;
    node->value = (int64_t)count;
    return OBJECT;
}

static void *create_integer(const redisReadTask *task, long long value) {
    cti_resp_reader *owner = task->privdata;
    if (task->type != REDIS_REPLY_INTEGER) return fail(owner, CTI_RESP_UNSUPPORTED);
    cti_resp_node *node = append_node(owner, CTI_RESP_INTEGER);
    if (!node) return NULL;
    node->value = value;
    return OBJECT;
}

static void *create_nil(const redisReadTask *task) {
    return append_node(task->privdata, CTI_RESP_NIL) ? OBJECT : NULL;
}

#if HIREDIS_MAJOR >= 1
// RESP3 only. Were these left NULL, the reader would invent an object and the nodes would no longer match the wire.
static void *create_double(const redisReadTask *task, double value, char *text, size_t length) {
    (void)value, (void)text, (void)length;
    return fail(task->privdata, CTI_RESP_UNSUPPORTED);
}

static void *create_bool(const redisReadTask *task, int value) {
    (void)value;
    return fail(task->privdata, CTI_RESP_UNSUPPORTED);
}
#endif

static void free_object(void *object) { (void)object; }

// Named members, because 1.x put two new ones into the middle.
static redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
#if HIREDIS_MAJOR >= 1
    .createDouble = create_double,
    .createBool = create_bool,
#endif
    .freeObject = free_object,
};

cti_resp_reader *cti_resp_create(size_t max_bytes, size_t max_nodes, int max_depth) {
    cti_resp_reader *owner = calloc(1, sizeof *owner);
    if (!owner) return NULL;
    owner->reader = redisReaderCreateWithFunctions(&functions);
    if (!owner->reader) {
        free(owner);
        return NULL;
    }
    owner->reader->privdata = owner;
    owner->max_bytes = max_bytes;
    owner->max_nodes = max_nodes;
    owner->max_depth = max_depth;
    return owner;
}

void cti_resp_free(cti_resp_reader *owner) {
    if (!owner) return;
    redisReaderFree(owner->reader);
    free(owner->nodes);
    free(owner->arena);
    free(owner);
}

int cti_resp_feed(cti_resp_reader *owner, const void *bytes, size_t length) {
    if (owner->failure) return owner->failure;
    if (redisReaderFeed(owner->reader, bytes, length) == REDIS_OK) return CTI_RESP_INCOMPLETE;
    owner->failure = owner->reader->err == REDIS_ERR_OOM ? CTI_RESP_MEMORY : CTI_RESP_PROTOCOL;
    return owner->failure;
}

// Memory of one unusually large reply is given back before the next one begins.
static void begin_reply(cti_resp_reader *owner) {
    enum { keep_bytes = 1 << 20, keep_nodes = 4096 };
    owner->delivered = 0;
    owner->node_count = 0;
    owner->arena_length = 0;
    if (owner->arena_capacity > keep_bytes) {
        free(owner->arena);
        owner->arena = NULL;
        owner->arena_capacity = 0;
    }
    if (owner->node_capacity > keep_nodes) {
        free(owner->nodes);
        owner->nodes = NULL;
        owner->node_capacity = 0;
    }
}

int cti_resp_next(cti_resp_reader *owner) {
    if (owner->failure) return owner->failure;
    if (owner->delivered) begin_reply(owner);
    void *object = NULL;
    if (redisReaderGetReply(owner->reader, &object) != REDIS_OK) {
        if (!owner->failure)
            owner->failure = owner->reader->err == REDIS_ERR_OOM ? CTI_RESP_MEMORY : CTI_RESP_PROTOCOL;
        return owner->failure;
    }
    if (object) {
        owner->delivered = 1;
        return CTI_RESP_REPLY;
    }
    size_t waiting = owner->reader->len - owner->reader->pos;
    if (waiting > owner->max_bytes - owner->arena_length) {
        owner->failure = CTI_RESP_TOO_LONG;
        return owner->failure;
    }
    return CTI_RESP_INCOMPLETE;
}

const cti_resp_node *cti_resp_nodes(const cti_resp_reader *owner, size_t *count) {
    *count = owner->node_count;
    return owner->nodes;
}

const char *cti_resp_arena(const cti_resp_reader *owner) { return owner->arena; }

const char *cti_resp_error_text(const cti_resp_reader *owner) { return owner->reader->errstr; }
