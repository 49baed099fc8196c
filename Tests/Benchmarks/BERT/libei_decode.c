/* A yardstick of the BERT benchmark: Erlang's own C library.
 *
 *   libei_decode skip|tree|copy FRAMES PASSES
 *
 * FRAMES holds terms with a 4-byte length in front. skip: ei_skip_term. tree: an allocated node for each term, texts left
 * where they are. copy: the same with texts copied, as ei's decoders do. Trees are freed after each message. Prints
 * messages per second over all passes; a first pass is not counted. */
#include <ei.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct node {
    int type, count;
    union {
        long long integer;
        double number;
        const char *text;
    } value;
    struct node *children[];
};

struct frames {
    char *bytes;
    size_t length;
};

static void fail(const char *what) {
    fprintf(stderr, "libei_decode: %s\n", what);
    exit(1);
}

static void *allocate(size_t size) {
    void *memory = malloc(size ? size : 1);
    if (!memory) fail("memory");
    return memory;
}

static int copies;

static struct node *make(int type, int count, int children) {
    struct node *node = allocate(sizeof *node + (size_t)children * sizeof(struct node *));
    node->type = type;
    node->count = count;
    return node;
}

/* Atoms go by way of a buffer of the size that libei asks for, so that the tree holds no more than it needs. */
static void decode_atom(struct node *node, const char *bytes, int *index) {
    char atom[MAXATOMLEN_UTF8];
    if (ei_decode_atom_as(bytes, index, copies ? atom : NULL, sizeof atom, ERLANG_UTF8, NULL, NULL)) fail("atom");
    if (copies) {
        size_t length = strlen(atom);
        node->value.text = memcpy(allocate(length + 1), atom, length + 1);
    } else {
        node->value.text = bytes + *index - node->count;
    }
}

static void decode_text(struct node *node, const char *bytes, int *index) {
    long length = node->count;
    char *text = copies ? allocate((size_t)length + 1) : NULL;
    if (node->type == ERL_STRING_EXT ? ei_decode_string(bytes, index, text)
                                     : ei_decode_binary(bytes, index, text, &length))
        fail("text");
    node->value.text = copies ? text : bytes + *index - node->count;
}

static struct node *decode(const char *bytes, int *index) {
    int type, count;
    if (ei_get_type(bytes, index, &type, &count)) fail("type");
    struct node *node;
    switch (type) {
    case ERL_SMALL_INTEGER_EXT:
    case ERL_INTEGER_EXT:
    case ERL_SMALL_BIG_EXT:
        node = make(type, 0, 0);
        if (ei_decode_longlong(bytes, index, &node->value.integer)) fail("integer");
        break;
    case NEW_FLOAT_EXT:
        node = make(type, 0, 0);
        if (ei_decode_double(bytes, index, &node->value.number)) fail("float");
        break;
    case ERL_SMALL_TUPLE_EXT:
    case ERL_LARGE_TUPLE_EXT:
        node = make(type, count, count);
        if (ei_decode_tuple_header(bytes, index, &count)) fail("tuple");
        for (int i = 0; i < count; i++) node->children[i] = decode(bytes, index);
        break;
    case ERL_NIL_EXT:
    case ERL_LIST_EXT:
        node = make(type, count, count);
        if (ei_decode_list_header(bytes, index, &count)) fail("list");
        for (int i = 0; i < count; i++) node->children[i] = decode(bytes, index);
        if (count > 0 && (ei_decode_list_header(bytes, index, &count) || count != 0)) fail("tail");
        break;
    case ERL_ATOM_EXT:
    case ERL_SMALL_ATOM_UTF8_EXT:
    case ERL_ATOM_UTF8_EXT:
        node = make(type, count, 0);
        decode_atom(node, bytes, index);
        break;
    default:
        node = make(type, count, 0);
        decode_text(node, bytes, index);
    }
    return node;
}

static void release(struct node *node) {
    switch (node->type) {
    case ERL_SMALL_INTEGER_EXT:
    case ERL_INTEGER_EXT:
    case ERL_SMALL_BIG_EXT:
    case NEW_FLOAT_EXT: break;
    case ERL_SMALL_TUPLE_EXT:
    case ERL_LARGE_TUPLE_EXT:
    case ERL_NIL_EXT:
    case ERL_LIST_EXT:
        for (int i = 0; i < node->count; i++) release(node->children[i]);
        break;
    default:
        if (copies) free((char *)node->value.text);
    }
    free(node);
}

static long pass(const struct frames *frames, int is_tree) {
    long count = 0;
    for (size_t start = 0; start + 4 <= frames->length; count++) {
        const unsigned char *header = (const unsigned char *)frames->bytes + start;
        size_t length = (size_t)header[0] << 24 | (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
        const char *term = frames->bytes + start + 4;
        int index = 0, version;
        if (ei_decode_version(term, &index, &version)) fail("version");
        if (is_tree)
            release(decode(term, &index));
        else if (ei_skip_term(term, &index))
            fail("skip");
        if ((size_t)index != length) fail("length");
        start += 4 + length;
    }
    return count;
}

static struct frames read_all(const char *path) {
    FILE *file = fopen(path, "rb");
    struct frames frames;
    if (!file || fseek(file, 0, SEEK_END)) fail(path);
    frames.length = (size_t)ftell(file);
    rewind(file);
    frames.bytes = allocate(frames.length);
    if (fread(frames.bytes, 1, frames.length, file) != frames.length) fail(path);
    fclose(file);
    return frames;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
    if (count != 4) fail("skip|tree|copy FRAMES PASSES");
    int is_tree = strcmp(arguments[1], "skip") != 0;
    copies = strcmp(arguments[1], "copy") == 0;
    struct frames frames = read_all(arguments[2]);
    int passes = atoi(arguments[3]);
    if (ei_init()) fail("ei_init");
    pass(&frames, is_tree);
    double began = now();
    long messages = 0;
    for (int i = 0; i < passes; i++) messages += pass(&frames, is_tree);
    printf("%.0f\n", (double)messages / (now() - began));
    return 0;
}
