#ifndef COPENSSL_H
#define COPENSSL_H

#include <stddef.h>
#include <stdint.h>

/* One-shot digests by libcrypto. The digest algorithms are fetched once per process; each thread keeps one context. */

/* Writes 20 bytes. Returns 1, or 0 when libcrypto refuses (out of memory, algorithm disabled). */
int cti_sha1(const void *data, size_t length, uint8_t *digest);

/* Writes 32 bytes. Returns 1 or 0 as above. */
int cti_sha256(const void *data, size_t length, uint8_t *digest);

/* Writes 16 bytes. Returns 1 or 0 as above; 0 also where the system's policy forbids MD5. */
int cti_md5(const void *data, size_t length, uint8_t *digest);

#endif
