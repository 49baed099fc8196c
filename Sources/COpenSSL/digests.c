#include "COpenSSL.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha1, *sha256, *md5;
static _Thread_local EVP_MD_CTX *context;

/* An implicit fetch costs more than hashing a short text: fetch once, explicitly. */
static void fetch(void) {
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    md5 = EVP_MD_fetch(NULL, "MD5", NULL);
}

static int digest(EVP_MD *const *algorithm, const void *data, size_t length, uint8_t *out) {
    pthread_once(&once, fetch);
    if (!*algorithm) return 0;
    if (!context && !(context = EVP_MD_CTX_new())) return 0;
    return EVP_DigestInit_ex2(context, *algorithm, NULL) == 1 && EVP_DigestUpdate(context, data, length) == 1 &&
           EVP_DigestFinal_ex(context, out, NULL) == 1;
}

int cti_sha1(const void *data, size_t length, uint8_t *out) { return digest(&sha1, data, length, out); }

int cti_sha256(const void *data, size_t length, uint8_t *out) { return digest(&sha256, data, length, out); }

int cti_md5(const void *data, size_t length, uint8_t *out) { return digest(&md5, data, length, out); }

int cti_hmac_sha256(const void *key, size_t key_length, const void *data, size_t length, uint8_t *code) {
    if (key_length > INT_MAX) return 0;
    /* A NULL key means "the one before" to HMAC. */
    return HMAC(EVP_sha256(), key ? key : "", (int)key_length, data, length, code, NULL) != NULL;
}
