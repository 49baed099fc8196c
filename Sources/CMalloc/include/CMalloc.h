#ifndef CMALLOC_H
#define CMALLOC_H

/* What glibc has and Swift's overlay of it has not. */

/* At most two heaps, and freed memory at the end of a heap goes back to the system from 256 KiB on (mallopt(3)). Setting the
 * thresholds also keeps glibc from raising them by itself; batches of lines stay below the one for mappings of their own,
 * which would be cleared by the kernel each time. Call before the first thread is started. */
void cti_keep_memory_small(void);

/* Gives the pages that are free back to the system (malloc_trim(3)). Takes milliseconds: after a burst, not in it. */
void cti_release_memory(void);

/* Closes every descriptor from `lowest` on in the program that is started (posix_spawn_file_actions_addclosefrom_np, glibc
 * 2.34). `actions` is a posix_spawn_file_actions_t: headers of the system are not included here, since Swift would then take their
 * types for ours. Returns an error number. */
int cti_spawn_close_from(void *actions, int lowest);

#endif
