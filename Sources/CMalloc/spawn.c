#define _GNU_SOURCE
#include "CMalloc.h"

#include <spawn.h>

int cti_spawn_close_from(void *actions, int lowest) {
    return posix_spawn_file_actions_addclosefrom_np(actions, lowest);
}
