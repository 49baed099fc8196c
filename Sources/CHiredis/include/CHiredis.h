#ifndef CHIREDIS_H
#define CHIREDIS_H

#include <stddef.h>
#include <stdint.h>

// hiredis' reply reader with an arena behind it: a reply becomes a flat run of nodes in the order of the wire (an array
// before its elements) and one run of string bytes. Builds against hiredis 0.14.1 and 1.x; their layouts stay inside.

enum cti_resp_type {
    CTI_RESP_STRING = 1,
    CTI_RESP_ARRAY = 2,
    CTI_RESP_INTEGER = 3,
    CTI_RESP_NIL = 4,
    CTI_RESP_STATUS = 5,
    CTI_RESP_ERROR = 6,
};

typedef struct cti_resp_node {
    int64_t value;   // the integer, or the number of elements that an array announced
    size_t offset;   // of a string's bytes in the arena
    size_t length;   // of a string's bytes
    int32_t type;    // enum cti_resp_type
} cti_resp_node;

enum cti_resp_result {
    CTI_RESP_INCOMPLETE = 0,
    CTI_RESP_REPLY = 1,
    CTI_RESP_PROTOCOL = -1,
    CTI_RESP_MEMORY = -2,
    CTI_RESP_TOO_DEEP = -3,
    CTI_RESP_TOO_LONG = -4,
    CTI_RESP_TOO_MANY = -5,
    CTI_RESP_UNSUPPORTED = -6,
};

typedef struct cti_resp_reader cti_resp_reader;

// NULL when memory is exhausted.
cti_resp_reader *cti_resp_create(size_t max_bytes, size_t max_nodes, int max_depth);
void cti_resp_free(cti_resp_reader *reader);

// At most 16 KiB at a time: hiredis moves its whole buffer after each KiB consumed. INCOMPLETE, MEMORY or PROTOCOL.
int cti_resp_feed(cti_resp_reader *reader, const void *bytes, size_t length);
// REPLY: nodes and arena hold one reply until the next call. A negative result is final.
int cti_resp_next(cti_resp_reader *reader);

const cti_resp_node *cti_resp_nodes(const cti_resp_reader *reader, size_t *count);
const char *cti_resp_arena(const cti_resp_reader *reader);
// hiredis' own words after CTI_RESP_PROTOCOL.
const char *cti_resp_error_text(const cti_resp_reader *reader);

#endif
