/* From just before RPUSH until the line has been read: the latency of a reader of a Redis list, for lone events.
 *
 *   latency_probe PORT KEY GAP_US COUNT LINES FILE             watches FILE, which the reader appends to
 *   latency_probe PORT KEY GAP_US COUNT LINES - COMMAND...     starts COMMAND and reads its standard output
 *
 * The time of each push rides in contact_ref as "PROBE~<number>~<nanoseconds>"; LINES lines carry it for each element, and
 * the last of them counts. A first element, not counted, waits for the reader to be up. One JSON object on stdout. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void push(redisContext *redis, const char *key, long number) {
    redisReply *reply = redisCommand(
        redis,
        "RPUSH %s {\"type\":\"call\",\"payload\":{\"number\":\"0821234567\",\"dial_number\":\"27101234567\",\"hold_time\":12,"
        "\"call_ref\":\"probe-%d.%ld\",\"contact_ref\":\"PROBE~%ld~%lld\",\"call_dir\":\"inbound\",\"ref\":\"2001\"}}",
        key, (int)getpid(), number, number, now());
    if (!reply || reply->type == REDIS_REPLY_ERROR) _exit(1);
    freeReplyObject(reply);
}

static redisContext *connect_redis(const char *port) {
    redisContext *redis = redisConnect("127.0.0.1", atoi(port));
    if (!redis || redis->err) {
        fprintf(stderr, "latency_probe: no redis\n");
        exit(1);
    }
    return redis;
}

/* The child: one element every GAP microseconds, a fifth more or less. */
static void produce(const char *port, const char *key, long long gap, long total) {
    redisContext *redis = connect_redis(port);
    unsigned random = 12345;
    long long due = now() + 100000000LL;
    for (long number = 1; number <= total; number++) {
        struct timespec time = {due / 1000000000LL, due % 1000000000LL};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
        push(redis, key, number);
        random = random * 1103515245u + 12345u;
        due += gap * 8 / 10 + gap * 4 / 10 * (long long)(random >> 16 & 0x7fff) / 0x7fff;
    }
    _exit(0);
}

static int source, notes = -1, per_element;
static char text[1 << 20];
static size_t held;

/* Reads what there is; puts the latency of each element whose last line came into latencies[number]. Returns how many. */
static long take(long long *latencies, int *seen, long total) {
    long complete = 0;
    ssize_t count;
    while ((count = read(source, text + held, sizeof text - held - 1)) > 0) {
        long long time = now();
        held += (size_t)count;
        text[held] = 0;
        char *line = text, *end;
        while ((end = memchr(line, '\n', held - (size_t)(line - text)))) {
            *end = 0;
            char *mark = strstr(line, "PROBE~"), *rest;
            line = end + 1;
            if (!mark) continue;
            long number = strtol(mark + 6, &rest, 10);
            if (number < 0 || number > total || *rest != '~' || ++seen[number] != per_element) continue;
            latencies[number] = time - atoll(rest + 1);
            complete++;
        }
        held -= (size_t)(line - text);
        memmove(text, line, held);
    }
    return complete;
}

static int ascending(const void *left, const void *right) {
    long long a = *(const long long *)left, b = *(const long long *)right;
    return (a > b) - (a < b);
}

static pid_t start(char **command) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) exit(1);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execvp(command[0], command);
        _exit(127);
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    source = ends[0];
    return child;
}

/* Waits until `wanted` elements are complete or the time is over. */
static long await(long wanted, long long limit, long long *latencies, int *seen, long total) {
    long complete = 0;
    long long end = now() + limit;
    while (complete < wanted && now() < end) {
        struct pollfd request = {notes >= 0 ? notes : source, POLLIN, 0};
        poll(&request, 1, 200);
        char events[4096];
        while (notes >= 0 && read(notes, events, sizeof events) > 0) {}
        complete += take(latencies, seen, total);
    }
    return complete;
}

int main(int argc, char **argv) {
    if (argc < 7) return 64;
    long long gap = atoll(argv[3]) * 1000;
    long total = atol(argv[4]);
    per_element = atoi(argv[5]);
    pid_t reader = 0;
    if (strcmp(argv[6], "-") == 0) {
        reader = start(argv + 7);
    } else {
        source = open(argv[6], O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
        lseek(source, 0, SEEK_END);
        notes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        inotify_add_watch(notes, argv[6], IN_MODIFY);
    }
    long long *latencies = calloc((size_t)total + 1, sizeof *latencies);
    int *seen = calloc((size_t)total + 1, sizeof *seen);
    push(connect_redis(argv[1]), argv[2], 0);
    long complete = await(1, 30000000000LL, latencies, seen, total);
    if (complete == 1) {
        pid_t producer = fork();
        if (producer == 0) produce(argv[1], argv[2], gap, total);
        complete = await(total, gap * total + 15000000000LL, latencies, seen, total);
        waitpid(producer, NULL, 0);
    } else {
        fprintf(stderr, "latency_probe: the reader did not come up\n");
        complete = 0;
    }
    if (reader > 0) {
        kill(reader, SIGTERM);
        waitpid(reader, NULL, 0);
    }
    if (complete < total) {
        printf("{\"count\":%ld}\n", complete);
        return 1;
    }
    qsort(latencies + 1, (size_t)total, sizeof *latencies, ascending);
    printf("{\"count\":%ld,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}\n", total, latencies[1 + total / 2] / 1e3,
           latencies[1 + total * 99 / 100] / 1e3, latencies[total] / 1e3);
    return 0;
}
